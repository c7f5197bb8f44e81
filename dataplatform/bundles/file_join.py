"""The join of two indexes by path, with bounded memory.

Both sides are in order of time, then of path. They are read side by side, a stretch at a time that
both have in full; what stands in both stretches is settled at once. What is left over came, went,
or moved in time: it is joined by path at the end. If that is more than may be held, everything is
read again in passes, each of which keeps a part of the paths.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opendata.reading.file_index.schema import INDEX_SCHEMA

KEPT_ROWS_MAX: Final = 1_000_000
"""Rows that are held at once: some 150 bytes each."""
_KEPT: Final = ("relative_path", "checksum", "size_bytes")
_TOLD: Final = ("file_id", "timestamp", "metadata")

Batches = Callable[[], Iterator[pa.RecordBatch]]
Mask = npt.NDArray[np.bool_]


@dataclass
class Tally:
    """Files and their bytes."""

    files: int = 0
    bytes: int = 0

    def add(self, files: int, size: int) -> None:
        """Some more."""
        self.files += files
        self.bytes += size


@dataclass(frozen=True)
class FileChange:
    """One file that differs. Digests and sizes are None on the side that has it not."""

    kind: str
    path: str
    before: str | None = None
    after: str | None = None
    before_bytes: int | None = None
    after_bytes: int | None = None


@dataclass
class FileDiff:
    """What differs in the files of a channel. `changed` counts the bytes of the later files,
    `retold` files whose bytes are the same, of which another time or other metadata are told.
    `examples` are the first ones that were met."""

    added: Tally = field(default_factory=Tally)
    removed: Tally = field(default_factory=Tally)
    changed: Tally = field(default_factory=Tally)
    retold: int = 0
    examples: list[FileChange] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.added.files or self.removed.files or self.changed.files or self.retold)

    def add(self, other: FileDiff) -> None:
        """Count another channel's as well."""
        for mine, theirs in (
            (self.added, other.added),
            (self.removed, other.removed),
            (self.changed, other.changed),
        ):
            mine.add(theirs.files, theirs.bytes)
        self.retold += other.retold

    def to_json(self) -> dict[str, Any]:
        """The counts by name, and the examples where there are some."""
        told: dict[str, Any] = {
            "added": vars(self.added),
            "removed": vars(self.removed),
            "changed": vars(self.changed),
            "retold": self.retold,
        }
        if self.examples:
            told["files"] = [
                {name: value for name, value in vars(one).items() if value is not None}
                for one in self.examples
            ]
        return told


class _TooMany(Exception):
    """More is left over than may be held."""


def join_files(
    before: Batches, after: Batches, *, examples: int, kept_rows_max: int, rows: int
) -> FileDiff:
    """What differs between two sides, each of which can be read again from its beginning.

    Args:
        examples: How many differing files are told one by one.
        kept_rows_max: How many rows may be left over at once; with `rows`, those of both sides
            together, it decides on the number of passes.
    """
    passes = 1
    while True:
        # With more passes than rows there is a path or so in each: then memory is bounded anyway.
        held = kept_rows_max if passes <= rows else rows
        try:
            return _in_passes(before, after, examples, held, passes)
        except _TooMany:
            passes = max(2 * passes, -(-2 * rows // kept_rows_max))


def _in_passes(
    before: Batches, after: Batches, examples: int, kept_rows_max: int, passes: int
) -> FileDiff:
    diff = FileDiff()
    for number in range(passes):
        settles = diff if number == 0 else None
        left = _Leftovers(kept_rows_max, passes, number)
        for mine, theirs in _stretches(before(), after()):
            _settle(mine, theirs, settles, left, examples)
        _settle_leftovers(left, diff, examples)
    return diff


class _Leftovers:
    """Rows of both sides that found no twin, of the paths that belong to one pass."""

    def __init__(self, rows_max: int, passes: int, number: int) -> None:
        self._rows_max, self._passes, self._number = rows_max, passes, number
        self._sides: tuple[list[pa.Table], list[pa.Table]] = ([], [])
        self._rows = 0

    def keep(self, side: int, rows: pa.Table) -> None:
        rows = rows.select(_KEPT)
        if self._passes > 1 and rows.num_rows:
            paths = rows.column("relative_path").to_pylist()
            parts = [zlib.crc32(path.encode()) % self._passes == self._number for path in paths]
            rows = rows.filter(_arrow_mask(np.array(parts, np.bool_)))
        self._rows += rows.num_rows
        if self._rows > self._rows_max:
            raise _TooMany
        if rows.num_rows:
            self._sides[side].append(rows)

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """Both sides."""
        first, second = (pa.concat_tables(one) if one else None for one in self._sides)
        empty = INDEX_SCHEMA.empty_table().select(_KEPT)
        return (empty if first is None else first), (empty if second is None else second)


def _settle(
    mine: pa.Table, theirs: pa.Table, diff: FileDiff | None, left: _Leftovers, examples: int
) -> None:
    """Settle what stands in both stretches under one path, and keep the rest."""
    if mine.num_rows and mine.equals(theirs):
        return
    twins = _twins(mine, theirs)
    left.keep(0, mine.filter(_arrow_mask(twins < 0)))
    alone = np.ones(theirs.num_rows, np.bool_)
    alone[twins[twins >= 0]] = False
    left.keep(1, theirs.filter(_arrow_mask(alone)))
    if diff is None:
        return
    old = mine.filter(_arrow_mask(twins >= 0))
    new = theirs.take(_arrow_numbers(twins[twins >= 0]))
    other = _differs(old, new, ("checksum",))
    _note_changed(diff, old, new, other, examples)
    diff.retold += int((_differs(old, new, _TOLD) & ~other).sum())


def _settle_leftovers(left: _Leftovers, diff: FileDiff, examples: int) -> None:
    mine, theirs = left.tables()
    twins = _twins(mine, theirs)
    alone = np.ones(theirs.num_rows, np.bool_)
    alone[twins[twins >= 0]] = False
    _note(diff, diff.removed, "removed", mine.filter(_arrow_mask(twins < 0)), examples)
    _note(diff, diff.added, "added", theirs.filter(_arrow_mask(alone)), examples)
    old = mine.filter(_arrow_mask(twins >= 0))
    new = theirs.take(_arrow_numbers(twins[twins >= 0]))
    other = _differs(old, new, ("checksum",))
    _note_changed(diff, old, new, other, examples)
    diff.retold += int((~other).sum())  # they are left over because their times differ


def _note(diff: FileDiff, tally: Tally, kind: str, rows: pa.Table, examples: int) -> None:
    tally.add(rows.num_rows, _bytes(rows))
    for row in rows.slice(0, max(examples - len(diff.examples), 0)).to_pylist():
        side = "after" if kind == "added" else "before"
        facts = {side: row["checksum"], f"{side}_bytes": row["size_bytes"]}
        diff.examples.append(FileChange(kind, row["relative_path"], **facts))


def _note_changed(diff: FileDiff, old: pa.Table, new: pa.Table, other: Mask, examples: int) -> None:
    old, new = old.filter(_arrow_mask(other)), new.filter(_arrow_mask(other))
    diff.changed.add(new.num_rows, _bytes(new))
    room = max(examples - len(diff.examples), 0)
    for was, now in zip(
        old.slice(0, room).to_pylist(), new.slice(0, room).to_pylist(), strict=True
    ):
        digests = was["checksum"], now["checksum"]
        sizes = was["size_bytes"], now["size_bytes"]
        diff.examples.append(FileChange("changed", was["relative_path"], *digests, *sizes))


def _stretches(
    before: Iterator[pa.RecordBatch], after: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Rows of both sides up to a place in the order that both have reached."""
    mine, theirs = next(before, None), next(after, None)
    while mine is not None or theirs is not None:
        if mine is None or theirs is None:
            yield _alone(mine, theirs)
            mine, theirs = next(before, None), next(after, None)
            continue
        keys, others = _Order(mine), _Order(theirs)
        end = min(keys.last, others.last)
        cut, other_cut = keys.up_to(end), others.up_to(end)
        yield (
            pa.Table.from_batches([mine.slice(0, cut)]),
            pa.Table.from_batches([theirs.slice(0, other_cut)]),
        )
        mine = mine.slice(cut) if cut < mine.num_rows else next(before, None)
        theirs = theirs.slice(other_cut) if other_cut < theirs.num_rows else next(after, None)


def _alone(mine: pa.RecordBatch | None, theirs: pa.RecordBatch | None) -> tuple[pa.Table, pa.Table]:
    """A stretch that one side alone has."""
    batches = [one for one in (mine, theirs) if one is not None]
    rest = pa.Table.from_batches(batches)
    return (rest, rest.slice(0, 0)) if theirs is None else (rest.slice(0, 0), rest)


class _Order:
    """Where the rows of a batch stand in the order of an index: by time (none last), then path."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._times = batch.column("timestamp").cast(pa.int64())
        self._paths = batch.column("relative_path")
        self._rows = batch.num_rows

    @property
    def last(self) -> tuple[bool, int, str]:
        return self._at(self._rows - 1)

    def up_to(self, end: tuple[bool, int, str]) -> int:
        """How many rows stand before or at a place."""
        return bisect_right(range(self._rows), end, key=self._at)

    def _at(self, row: int) -> tuple[bool, int, str]:
        time = self._times[row].as_py()
        return time is None, time or 0, self._paths[row].as_py()


def _twins(mine: pa.Table, theirs: pa.Table) -> npt.NDArray[np.int64]:
    """Of each of my rows the row of theirs with the same path, -1 where there is none."""
    if not mine.num_rows or not theirs.num_rows:
        return np.full(mine.num_rows, -1, np.int64)
    paths = theirs.column("relative_path").combine_chunks()
    found = pc.index_in(mine.column("relative_path"), value_set=paths)
    filled = pc.coalesce(found, pa.scalar(-1, pa.int32()))
    return np.asarray(filled.combine_chunks(), np.int64)


def _differs(old: pa.Table, new: pa.Table, names: tuple[str, ...]) -> Mask:
    mask = np.zeros(old.num_rows, np.bool_)
    for name in names:
        left, right = old.column(name), new.column(name)
        equal = pc.equal(left, right)
        both_null = pc.and_(pc.is_null(left), pc.is_null(right))
        same = pc.coalesce(equal, both_null).combine_chunks()
        mask |= ~np.asarray(same.cast(pa.uint8()), np.bool_)
    return mask


def _bytes(rows: pa.Table) -> int:
    total = pc.sum(rows.column("size_bytes")).as_py() if rows.num_rows else 0
    return int(total or 0)


def _arrow_mask(mask: Mask) -> pa.Array:
    return pa.array(mask)


def _arrow_numbers(numbers: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(numbers)
