"""Acting on one release from a terminal or a program: which one, and who does it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from opendata.reading.catalogue import explain_unknown
from opendata.stores import ObjectStore
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.ids import DatasetId, parse_reference
from opendata.wire.version import Version


def by_whom(command: str) -> str:
    """The command and the name of the person at this machine, as far as it tells."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown user"
    return f"{command} ({name})"


def require_pinned(reference: str | None, command: str) -> tuple[DatasetId, Version]:
    """The data set and the one release that a reference names.

    Raises:
        InvalidInput: if it names no release, or is no reference.
    """
    if reference is None:
        raise InvalidInput("which release?", hint=f"{command} NS/NAME@VERSION")
    asked = parse_reference(reference)
    if asked.version is None:
        raise InvalidInput(
            f"which release of {asked.id}?",
            code="usage",
            hint=f"{command} {asked.id}@VERSION; od releases {asked.id} lists them",
        )
    return asked.id, asked.version


@contextmanager
def explaining(store: ObjectStore, dataset: DatasetId) -> Iterator[None]:
    """Let a data set that is not there be answered with what was probably meant.

    Raises:
        NotFound: with did-you-mean.
    """
    try:
        yield
    except NotFound as error:
        raise explain_unknown(store, dataset, error) from error
