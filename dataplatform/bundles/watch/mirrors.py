"""Mirrors: which of a channel's other places may have a file that is lost or damaged.

Here belongs asking them. Fetching from one, and believing only the bytes that are locked, is
`mend`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.hashing import Wanted
from dataplatform.channels.ports import ChannelFiles
from opendata.stores.parallel import in_parallel
from opendata.wire.errors import OpenDataError


def mirrored(
    ports: BundlePorts, files: Iterable[Wanted], mirrors: Sequence[str]
) -> Iterator[tuple[Wanted, tuple[str, ...]]]:
    """Which mirrors have a file of each one's size."""
    opened = [(mirror, ports.channels.open_files(mirror)) for mirror in mirrors]

    def ask(one: Wanted) -> tuple[Wanted, tuple[str, ...]]:
        return one, tuple(mirror for mirror, place in opened if _has(place, one))

    yield from in_parallel(ask, files)


def _has(place: ChannelFiles, wanted: Wanted) -> bool:
    try:
        file = place.stat(wanted.path)
    except OpenDataError:
        return False  # a mirror that does not answer has nothing to offer now
    return file is not None and file.size == wanted.size
