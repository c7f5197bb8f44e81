"""The argument `NS/NAME` or `NS/NAME@VERSION`, with completion from the store at hand.

Completion must be instant and silent, so it looks only into a store that is a local folder.
"""

from __future__ import annotations

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from opendata.wire import keys
from opendata.wire.errors import OpenDataError


def complete_reference(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Published ids; after an `@` the releases of that data set."""
    return offered(_known, incomplete)


def offered(known: Callable[[str], list[str]], incomplete: str) -> list[CompletionItem]:
    """What is known that begins so; nothing where that cannot be told."""
    try:
        return [CompletionItem(text) for text in known(incomplete)]
    except (OpenDataError, OSError):
        return []  # whoever presses Tab does not ask for an error


def _known(incomplete: str) -> list[str]:
    from opendata._settings import Settings
    from opendata.reading.catalogue import load_catalogue
    from opendata.reading.history import walk_history
    from opendata.wire.ids import parse_dataset_id

    reader = Settings.from_environment().reader()
    if reader.local_path(keys.INDEX) is None:
        return []
    dataset, at, _ = incomplete.partition("@")
    if at:
        commits = walk_history(reader, parse_dataset_id(dataset))
        known = list(dict.fromkeys(f"{dataset}@{commit.release}" for commit in commits))
    else:
        known = [entry.id for entry in load_catalogue(reader).datasets]
    return [text for text in known if text.startswith(incomplete)]


reference_argument = click.argument(
    "reference", metavar="NS/NAME[@VERSION]", shell_complete=complete_reference
)
dataset_argument = click.argument("dataset", metavar="NS/NAME", shell_complete=complete_reference)
