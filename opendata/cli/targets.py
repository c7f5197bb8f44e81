"""Which releases a command means: one, all of a data set, or all in the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from opendata.wire.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from opendata.stores.port import ObjectReader
    from opendata.wire.ids import Reference


def named_releases(
    reader: ObjectReader, reference: str | None, *, everything: bool, usage: str
) -> Iterator[Reference]:
    """The references that were asked for; the current release of a data set without its number.

    Raises:
        InvalidInput: if nothing was named; `usage` says how it is typed.
        NotFound: with did-you-mean, if a data set was never published.
    """
    from opendata.reading.catalogue import explain_unknown, load_catalogue
    from opendata.reading.listing import list_releases
    from opendata.wire.ids import Reference, parse_reference
    from opendata.wire.version import parse_version

    if reference is None and not everything:
        raise InvalidInput("which data set?", hint=usage)
    if reference is not None and not everything:
        yield parse_reference(reference)
        return
    named = [reference] if reference else [one.id for one in load_catalogue(reader).datasets]
    for dataset in (parse_reference(name).id for name in named):
        try:
            releases = list_releases(reader, dataset)
        except NotFound as error:
            raise explain_unknown(reader, dataset, error) from error
        yield Reference(dataset)
        for release in releases:
            if release.state != "current":
                yield Reference(dataset, parse_version(release.release))
