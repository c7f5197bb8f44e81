"""Counting different values: exactly in every row group, and over a shard where that is cheap.

Values of a column that only ever rises are all different, so they are not hashed. Of the others the
different values are kept while they are few; what has more of them is left to an estimate.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

KEPT_BYTES_MAX: Final = 4 << 20


class DistinctCounter:
    """Counts one column of a shard, row group by row group."""

    def __init__(self) -> None:
        self._rises = True
        self._risen = 0
        self._last: pa.Array | None = None
        self._kept: list[pa.Array] | None = []

    def add(self, column: pa.Array) -> int:
        """How many different values (nulls left out) the next row group has."""
        if self._rises and self._goes_on_rising(column):
            self._risen += len(column)
            return len(column)
        values = pc.unique(column)
        if self._rises and self._risen:
            self._kept = None  # what rose before was counted and not kept
        self._rises = False
        self._keep(values)
        return _count(values)

    @property
    def total(self) -> int | None:
        """Different values over all row groups; None where there are too many to keep."""
        if self._rises:
            return self._risen
        return None if self._kept is None else _count(self._merged(self._kept))

    def _goes_on_rising(self, column: pa.Array) -> bool:
        if column.null_count or not _has_order(column.type):
            return False
        seamed = column if self._last is None else pa.concat_arrays([self._last, column])
        if pc.less(seamed[:-1], seamed[1:]).true_count < len(seamed) - 1:
            return False
        self._last = column[-1:]
        return True

    def _keep(self, values: pa.Array) -> None:
        """Keep them beside those of other row groups, which repeat many of them."""
        if self._kept is None:
            return
        self._kept.append(values)
        if sum(part.nbytes for part in self._kept) > KEPT_BYTES_MAX:
            merged = self._merged(self._kept)
            # Half, so that the next ones are not merged one by one.
            self._kept = [merged] if merged.nbytes <= KEPT_BYTES_MAX // 2 else None

    def _merged(self, parts: list[pa.Array]) -> pa.Array:
        return parts[0] if len(parts) == 1 else pc.unique(pa.concat_arrays(parts))


def _count(values: pa.Array) -> int:
    return len(values) - (1 if values.null_count else 0)


class DistinctCounts:
    """Counts all plain columns of a shard."""

    def __init__(self, schema: pa.Schema) -> None:
        self._counters = {
            field.name: DistinctCounter()
            for field in schema
            if not pa.types.is_nested(field.type) and not pa.types.is_null(field.type)
        }

    def add(self, rows: pa.RecordBatch) -> dict[str, int]:
        """The counts of the next row group."""
        return {name: counter.add(rows.column(name)) for name, counter in self._counters.items()}

    @property
    def totals(self) -> dict[str, int | None]:
        """The counts over all row groups."""
        return {name: counter.total for name, counter in self._counters.items()}


def _has_order(kind: pa.DataType) -> bool:
    """Whether values can be compared; those that rise strictly are all different."""
    if pa.types.is_floating(kind):
        return not pa.types.is_float16(kind)
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_temporal(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_string(kind)
    )
