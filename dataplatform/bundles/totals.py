"""Totals: how many files and bytes of each channel lie in a bundle's range (B16).

They are counted in the indexes and never typed. What a person declared is compared: a difference
ends the indexing, because then one of the two has something else in mind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dataplatform.bundles.spec import AskedChannel, AskedRange, BundleSpec
from dataplatform.bundles.volume import stands_for, volume_text
from opendata.reading.cache import Cache
from opendata.reading.file_index.index import open_index
from opendata.reading.file_index.query import FileQuery
from opendata.stores.port import ObjectReader
from opendata.wire.bundle import LockedChannel
from opendata.wire.channel import ChannelIndex
from opendata.wire.errors import Rejected
from opendata.wire.times import parse_instant
from opendata.wire.words import counted


@dataclass(frozen=True)
class Total:
    """Files and their bytes."""

    files: int
    bytes: int


def count_in_range(
    reader: ObjectReader, index: ChannelIndex, asked: AskedRange, cache: Cache | None = None
) -> Total:
    """What lies in the range; files without a time do where it is open at both ends.

    The index is opened only where its own totals do not answer.

    Raises:
        Corrupt: if the index is damaged.
    """
    if _covers(asked, index):
        return Total(index.total_files, index.total_bytes)
    opened = open_index(reader, cache, index.index, index.index_sha256, index.index_bytes)
    found = opened.count(FileQuery(asked.start_time, asked.end_time))
    return Total(found.files, found.bytes)


def require_declared(spec: BundleSpec, locked: list[tuple[AskedChannel, LockedChannel]]) -> None:
    """Compare what a person declared with what was counted.

    Raises:
        Rejected: `declared_totals`, with every difference.
    """
    differences = [*_of_channels(locked), *_of_bundle(spec, [one for _, one in locked])]
    if differences:
        raise Rejected(
            f"{spec.ref} declares other totals than its indexes have: {'; '.join(differences)}",
            code="declared_totals",
            hint="leave total_files, data_volume, file_count and total_size out: they are counted",
            details={"differences": differences},
        )


def _covers(asked: AskedRange, index: ChannelIndex) -> bool:
    start, end = asked.start_time, asked.end_time
    if start is None and end is None:
        return True
    if index.undated or index.start_time is None or index.end_time is None:
        return False
    starts = start is None or start <= parse_instant(index.start_time)
    return starts and (end is None or end >= parse_instant(index.end_time))


def _of_channels(locked: list[tuple[AskedChannel, LockedChannel]]) -> Iterator[str]:
    for asked, one in locked:
        if asked.file_count not in (None, one.file_count):
            told = f"{counted(asked.file_count or 0, 'file')}, and there are {one.file_count:,}"
            yield f"{asked.name}: {told}"
        if asked.total_size is not None and not stands_for(asked.total_size, one.total_bytes):
            yield f"{asked.name}: {asked.total_size}, and it is {_volume(one.total_bytes)}"
        if asked.storage_path is not None and asked.storage_path != one.storage_path:
            yield f"{asked.name}: files in {asked.storage_path}, and they are in {one.storage_path}"


def _of_bundle(spec: BundleSpec, channels: list[LockedChannel]) -> Iterator[str]:
    meta = spec.meta
    files = sum(one.file_count for one in channels)
    size = sum(one.total_bytes for one in channels)
    if meta.total_files not in (None, files):
        yield f"total_files {meta.total_files:,}, and there are {files:,}"
    if meta.data_volume is not None and not stands_for(meta.data_volume, size):
        yield f"data_volume {meta.data_volume}, and it is {_volume(size)}"


def _volume(count: int) -> str:
    return f"{volume_text(count)} ({count:,} bytes)"
