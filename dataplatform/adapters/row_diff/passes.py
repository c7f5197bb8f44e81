"""Passes over two large sides, each over a range of one column, so that each fits into memory.

Here belongs where to cut. A cut is right wherever it lies, because both sides are cut alike; the
statistics of row groups only tell where it is cheap, which is where rows lie in that column's
order. Rows in no order are read in one pass, and the engine spills what does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name, text
from dataplatform.adapters.row_diff.sides import Column, SideName, Sides
from dataplatform.contracts.values import is_text

REREAD_MAX: Final = 2.0
"""How many times as many rows as there are may be read, because passes overlap in row groups."""
_TEXT_BYTES: Final = 32
# What a join or grouping holds of a row, as a multiple of its cells, is about two.
_SHARE_OF_MEMORY: Final = 0.4
_ROWS_MIN: Final = 50_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The years that text spells with four digits, in microseconds.
_FIRST_TICK: Final = (datetime(1000, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST_TICK: Final = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Pass:
    """The rows whose value in `column` is at least `low` and below `high`, nulls in the first."""

    column: Column | None = None
    low: str | None = None
    high: str | None = None

    def where(self, side: SideName) -> str:
        """The condition on one side's rows."""
        if self.column is None:
            return "TRUE"
        column = name(self.column.name_on(side))
        bounds = [
            *([f"{column} >= {self.low}"] if self.low else []),
            *([f"{column} < {self.high}"] if self.high else []),
        ]
        condition = " AND ".join(bounds) or "TRUE"
        return condition if self.low else f"({condition} OR {column} IS NULL)"


@dataclass(frozen=True)
class _RowGroup:
    rows: int
    low: Any = None
    high: Any = None


def rows_that_fit(sides: Sides, memory_bytes: int) -> int:
    """How many rows of each side one pass may join or group in that much memory."""
    return max(int(memory_bytes * _SHARE_OF_MEMORY / _row_bytes(sides)), _ROWS_MIN)


def cut(sides: Sides, rows_at_once: int) -> tuple[Pass, ...]:
    """Passes of about that many rows of each side; one pass if the rows' order allows none.

    Keys are tried first; without a key, every column.
    """
    if max(map(_row_count, (sides.old, sides.new))) <= rows_at_once:
        return (Pass(),)
    for column in sides.keys or sides.columns:
        if not _can_cut(sides, column):
            continue
        old, new = (_row_groups(sides.table(side), column, side) for side in ("old", "new"))
        if old is None or new is None:
            continue
        cuts = _cuts(old, new, rows_at_once)
        if cuts and _reread(old + new, cuts) <= REREAD_MAX:
            kind = sides.new.type_of(column.new)
            bounds = [None, *(_literal(value, kind) for value in cuts), None]
            return tuple(Pass(column, *pair) for pair in pairwise(bounds))
    return (Pass(),)


def _row_count(table: Table) -> int:
    return sum(pq.read_metadata(path).num_rows for path in table.files)


def _row_bytes(sides: Sides) -> int:
    return sum(
        _TEXT_BYTES if not _has_width(kind) else max(kind.bit_width // 8, 1)
        for column in (*sides.keys, *sides.columns)
        for kind in [sides.new.type_of(column.new)]
    )


def _has_width(kind: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(kind) or pa.types.is_decimal(kind))


def _can_cut(sides: Sides, column: Column) -> bool:
    if not column.is_plain or column.old in sides.old.through_arrow:
        return False
    if column.new in sides.new.through_arrow:
        return False
    old, new = sides.old.type_of(column.old), sides.new.type_of(column.new)
    if is_text(old) and is_text(new):
        return True
    in_microseconds = pa.types.is_timestamp(new) and new.unit != "ns"
    return bool(
        old == new and (pa.types.is_integer(new) or pa.types.is_date(new) or in_microseconds)
    )


def _row_groups(table: Table, column: Column, side: SideName) -> list[_RowGroup] | None:
    """What row groups hold of a column, or None where a footer does not tell."""
    kind, found = table.type_of(column.name_on(side)), []
    for path in table.files:
        metadata = pq.read_metadata(path)
        paths = [metadata.schema.column(at).path for at in range(metadata.num_columns)]
        if column.name_on(side) not in paths:
            return None
        at = paths.index(column.name_on(side))
        for group in range(metadata.num_row_groups):
            one = _row_group(metadata.row_group(group), at, kind)
            if one is None:
                return None
            found.append(one)
    return found


def _row_group(metadata: pq.RowGroupMetaData, at: int, kind: pa.DataType) -> _RowGroup | None:
    rows, facts = metadata.num_rows, metadata.column(at).statistics
    if not rows:
        return _RowGroup(0)
    if facts is None:
        return None
    if not facts.has_min_max:
        return _RowGroup(rows) if facts.null_count == rows else None
    if pa.types.is_temporal(kind):  # as counts: Arrow would load pandas to make times of them
        low, high = facts.min_raw, facts.max_raw
        known = all(_FIRST_TICK <= _microseconds(tick, kind) < _LAST_TICK for tick in (low, high))
    else:
        low, high = facts.min, facts.max
        known = isinstance(low, int) or (isinstance(low, str) and "\0" not in low)
    return _RowGroup(rows, low, high) if known else None


def _microseconds(tick: int, kind: pa.DataType) -> int:
    if pa.types.is_date(kind):
        return tick * 86_400 * 1_000_000
    return tick * (1_000 if kind.unit == "ms" else 1)


def _cuts(old: Sequence[_RowGroup], new: Sequence[_RowGroup], rows_at_once: int) -> list[Any]:
    """Lower ends of row groups at which a side has come to as many rows as fit at once."""
    ends: dict[Any, list[int]] = {}
    for at, groups in enumerate((old, new)):
        for group in groups:
            if group.low is not None:
                ends.setdefault(group.low, [0, 0])[at] += group.rows
    cuts: list[Any] = []
    waiting = [0, 0]
    for low in sorted(ends):
        grown = [sum(pair) for pair in zip(waiting, ends[low], strict=True)]
        if any(waiting) and max(grown) > rows_at_once:
            cuts.append(low)
            grown = ends[low]
        waiting = grown
    return cuts


def _reread(groups: Sequence[_RowGroup], cuts: Sequence[Any]) -> float:
    """How many rows are read in all passes together, as a multiple of those that there are."""
    total = sum(group.rows for group in groups)
    read = sum(
        group.rows * (1 + sum(group.low < cut <= group.high for cut in cuts))
        for group in groups
        if group.low is not None
    )
    return read / total if total else 1.0


def _literal(value: int | str, kind: pa.DataType) -> str:
    if isinstance(value, str):
        return text(value)
    if not pa.types.is_temporal(kind):
        return f"({value})"
    moment = _EPOCH + timedelta(microseconds=_microseconds(value, kind))
    if pa.types.is_date(kind):
        return f"DATE '{moment.date()}'"
    written = f"{moment:%Y-%m-%d %H:%M:%S.%f}"
    return f"TIMESTAMP '{written}'" if kind.tz is None else f"TIMESTAMPTZ '{written}+00'"
