"""Compare two bundles: their channels, and the files in their ranges by path and digest.

Here belongs the difference of two locks; that of two indexes is `file_join`'s. A file is the same
if its path and digest are: that another time or other metadata are told of it is counted apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from dataplatform.bundles.changed import ChannelPair, pair_channels
from dataplatform.bundles.file_join import KEPT_ROWS_MAX, FileChange, FileDiff, join_files
from opendata.reading.file_index.index import open_index
from opendata.reading.file_index.query import FileQuery
from opendata.stores.port import ObjectReader
from opendata.wire.bundle import BundleLock, LockedChannel
from opendata.wire.digest import parse_digest

BATCH_ROWS: Final = 65_536


@dataclass(frozen=True)
class ChannelDiff:
    """One channel: as both bundles have it, and what differs in its files."""

    pair: ChannelPair
    files: FileDiff

    @property
    def kind(self) -> str:
        """added, removed, changed or same."""
        return self.pair.kind

    def to_json(self) -> dict[str, Any]:
        """The difference by name."""
        before, after = self.pair.before, self.pair.after
        return {
            "channel": self.pair.channel,
            "kind": self.kind,
            "before": None if before is None else _side(before),
            "after": None if after is None else _side(after),
            **self.files.to_json(),
        }


@dataclass(frozen=True)
class BundleDiff:
    """What is different in the second bundle. `examples` are some of the files that are."""

    before: BundleLock
    after: BundleLock
    channels: tuple[ChannelDiff, ...]

    @property
    def is_same(self) -> bool:
        """Whether both give their readers the same."""
        return all(one.kind == "same" or one.files.is_empty for one in self.channels) and all(
            one.kind in ("same", "changed") for one in self.channels
        )

    @property
    def total(self) -> FileDiff:
        """The files of all channels together."""
        total = FileDiff()
        for one in self.channels:
            total.add(one.files)
        return total

    def to_json(self) -> dict[str, Any]:
        """The difference by name; files one by one only where they were asked for."""
        return {
            "before": _named(self.before),
            "after": _named(self.after),
            "same": self.is_same,
            "channels": [one.to_json() for one in self.channels],
            "total": self.total.to_json(),
        }


def compare_bundles(
    reader: ObjectReader,
    before: BundleLock,
    after: BundleLock,
    *,
    examples: int = 0,
    kept_rows_max: int = KEPT_ROWS_MAX,
) -> BundleDiff:
    """Compare two locks of one store. Memory is bounded whatever the indexes hold.

    Args:
        examples: How many of the files that differ are told, of each channel.
        kept_rows_max: How many rows may be held at once.

    Raises:
        Corrupt: if an index is damaged.
    """
    pairs = pair_channels(before.channels, after.channels)
    return BundleDiff(
        before,
        after,
        tuple(_compared(reader, pair, examples, kept_rows_max) for pair in pairs),
    )


def have_same_files(reader: ObjectReader, one: LockedChannel, other: LockedChannel) -> bool:
    """Whether two entries give a reader the very same rows, though they pin different indexes."""
    left, right = _rows(reader, one), _rows(reader, other)
    for mine, theirs in zip(left, right, strict=False):
        if not mine.equals(theirs):
            return False
    return next(left, None) is None and next(right, None) is None


def _compared(
    reader: ObjectReader, pair: ChannelPair, examples: int, kept_rows_max: int
) -> ChannelDiff:
    if pair.kind == "same":
        return ChannelDiff(pair, FileDiff())
    diff = join_files(
        lambda: _rows(reader, pair.before),
        lambda: _rows(reader, pair.after),
        examples=examples,
        kept_rows_max=kept_rows_max,
        rows=sum(one.file_count for one in (pair.before, pair.after) if one),
    )
    return ChannelDiff(pair, diff)


def _rows(reader: ObjectReader, one: LockedChannel | None) -> Iterator[pa.RecordBatch]:
    if one is None:
        return iter(())
    opened = open_index(reader, None, one.index, parse_digest(one.checksum), one.index_bytes)
    return opened.batches(FileQuery().within(one.data_range), BATCH_ROWS)


def _side(one: LockedChannel) -> dict[str, Any]:
    return {
        "version": one.version,
        "data_range": one.data_range.to_json(),
        "checksum": one.checksum,
        "file_count": one.file_count,
        "total_bytes": one.total_bytes,
    }


def _named(lock: BundleLock) -> dict[str, Any]:
    return {"bundle": str(lock.ref), "revision": lock.revision, "total_files": lock.total_files,
            "total_bytes": lock.total_bytes}  # fmt: skip


__all__ = [
    "BundleDiff",
    "ChannelDiff",
    "FileChange",
    "compare_bundles",
    "have_same_files",
]
