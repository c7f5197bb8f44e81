"""Interval: a run that was asked for a part of time replaces that part and nothing else. Pure.

Shards that lie wholly outside the interval are carried over as they are; of those that it touches,
the rows outside are kept; what the producer yields beyond the interval is not taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from opendata.reading.bounds import decode_bound, ordinal_scalar, time_ordinal
from opendata.wire.manifest import FileEntry


@dataclass(frozen=True)
class Interval:
    """An asked interval of a time column; both ends are inclusive ordinals or None (open)."""

    column: str
    kind: pa.DataType
    first: int | None
    last: int | None

    def inside(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of the interval; rows without a time are never inside."""
        return rows.filter(self._is_inside(rows.column(self.column)))

    def outside(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """All other rows."""
        times = rows.column(self.column)
        return rows.filter(pc.or_kleene(times.is_null(), pc.invert(self._is_inside(times))))

    def _is_inside(self, times: pa.Array) -> pa.Array:
        """Null where there is no time. (Expressions would load a query engine, and pandas.)"""
        tests = []
        if self.first is not None:
            tests.append(pc.greater_equal(times, ordinal_scalar(self.kind, self.first)))
        if self.last is not None:
            tests.append(pc.less_equal(times, ordinal_scalar(self.kind, self.last)))
        return reduce(pc.and_, tests)

    def touches(self, entry: FileEntry) -> bool:
        """Whether a shard may hold rows of the interval; one without bounds holds no times."""
        if entry.min is None or entry.max is None:
            stats = entry.stats.get(self.column)
            return stats is None or stats.null_count != entry.row_count
        starts = self.last is None or decode_bound(self.kind, entry.min) <= self.last  # type: ignore[operator]
        ends = self.first is None or decode_bound(self.kind, entry.max) >= self.first  # type: ignore[operator]
        return starts and ends


def asked_interval(
    column: str, kind: pa.DataType, start_at: datetime | None, end_at: datetime | None
) -> Interval | None:
    """The interval of a run, or None where all of time was asked for."""
    if start_at is None and end_at is None:
        return None
    return Interval(
        column,
        kind,
        time_ordinal(kind, start_at, is_end=False) if start_at else None,
        _last_tick(kind, end_at) if end_at else None,
    )


def _last_tick(kind: pa.DataType, end_at: datetime) -> int:
    """The last tick that an end includes; its whole last microsecond, where ticks are finer."""
    is_finer = pa.types.is_timestamp(kind) and kind.unit == "ns"
    return time_ordinal(kind, end_at, is_end=True) + (999 if is_finer else 0)
