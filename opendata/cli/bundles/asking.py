"""What the reading commands of bundles share: which bundle, from where, and which files of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from opendata.cli.references import offered
from opendata.wire.bundle import BUNDLE_TYPES
from opendata.wire.errors import InvalidInput

if TYPE_CHECKING:
    from opendata._index_client.bundle import Bundle
    from opendata._index_client.client import DataIndexClient

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True)
class Named:
    """A bundle as it was typed: `name`, `name@version`, or `type/name-version`."""

    name: str
    version: str | None = None
    type: str | None = None


def parse_named(text: str) -> Named:
    """Read what was typed.

    Raises:
        InvalidInput: if it names no bundle.
    """
    from opendata.wire.bundle import is_bundle_name, parse_bundle_ref

    if "/" in text:
        ref = parse_bundle_ref(text)
        return Named(ref.name, str(ref.version), ref.type)
    name, at, version = text.partition("@")
    if not is_bundle_name(name) or (at and not version):
        raise InvalidInput(
            f"{text!r} names no bundle: write NAME, NAME@VERSION or TYPE/NAME-VERSION",
            code="invalid_bundle",
            hint="od bundle list",
        )
    return Named(name, None if version == "latest" else version or None)


def open_client(api: str | None) -> DataIndexClient:
    """The client for `--api`, for OPENDATA_REGISTRY, or for the store that is set."""
    from opendata._index_client.client import DataIndexClient

    return DataIndexClient(api)


def find(client: DataIndexClient, text: str, type: str | None, revision: int | None) -> Bundle:
    """The bundle that was typed.

    Raises:
        NotFound: with did-you-mean.
        InvalidInput: for what names none.
    """
    named = parse_named(text)
    return client.get_dataset(named.name, named.version, type=named.type or type, revision=revision)


def complete_bundle(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of bundles in a local store; after an `@` the versions of one."""
    return offered(_known, incomplete)


def _known(incomplete: str) -> list[str]:
    from opendata._settings import Settings
    from opendata.reading.file_index.bundles import read_bundle_catalogue
    from opendata.wire import keys

    reader = Settings.from_environment().reader()
    if reader.local_path(keys.BUNDLE_CATALOGUE) is None:
        return []  # it has to be instant
    bundles = read_bundle_catalogue(reader).bundles
    with_version = "@" in incomplete
    known = {f"{one.name}@{one.version}" if with_version else one.name for one in bundles}
    return sorted(text for text in known if text.startswith(incomplete))


bundle_argument = click.argument("bundle", metavar="NAME[@VERSION]", shell_complete=complete_bundle)
api_option = click.option(
    "--api", metavar="URL", help="An API, or a store; default: OPENDATA_REGISTRY, else the store."
)


def which_options(command: C) -> C:
    """Options that tell which of several bundles of a name is meant."""
    for option in (
        api_option,
        click.option(
            "--revision", type=click.IntRange(min=1), help="One that was corrected since."
        ),
        click.option(
            "--type", type=click.Choice(BUNDLE_TYPES), help="Where two types share a name."
        ),
    ):
        command = option(command)
    return command


def files_options(command: C) -> C:
    """Options that tell which files of a bundle are meant."""
    for option in (
        click.option("-n", "--limit", type=click.IntRange(min=0), help="Only the first files."),
        click.option(
            "-w", "--where", multiple=True, metavar="NAME=VALUE",
            help="Metadata that has to be there: camera_id=front, lens.wide=true; repeatable.",
        ),
        click.option("--end", help="Last date or time, inclusive; a bare date is the whole day."),
        click.option("--start", help="First date or time, inclusive: 2025-06-01T12:00Z."),
        click.option("-c", "--channel", help="One channel; default: all of them."),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True)
class AskedFiles:
    """The values of those options."""

    channel: str | None
    start: str | None
    end: str | None
    where: tuple[str, ...]
    limit: int | None

    def stream(self, client: DataIndexClient, bundle: Bundle, batch_size: int) -> Any:
        """The files in batches, at most as many as were asked for."""
        left = self.limit
        if left == 0:
            return
        size = batch_size if left is None else min(batch_size, left)
        batches = client.stream_data(
            bundle, None, size, self.channel, self.start, self.end, metadata=self.where
        )
        for batch in batches:
            if left is None:
                yield batch
                continue
            yield batch[:left]
            left -= min(left, len(batch))
            if not left:
                return
