"""Finding rows by key: which rows of a batch are those that a patch names.

Here belongs one question, asked of every batch of a release: for each row, which record of the
patch has its key. It is answered column by column on Arrow, so that rows of other keys cost a
look-up in a hash table and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Columns = dict[str, pa.Array]


class KeyIndex:
    """The keys of a patch's records; there are no nulls among them, and none stands twice."""

    def __init__(self, names: Sequence[str], columns: Columns) -> None:
        self._names = tuple(names)
        self._levels: list[tuple[pa.Array, pa.Array]] = []
        codes = pa.array(np.zeros(len(columns[self._names[0]]), np.int64))
        for name in self._names:
            column = comparable(columns[name])
            values = pc.unique(column)
            own = pc.index_in(column, values).cast(pa.int64())
            joined = _joined(codes, own, len(values))
            known = pc.unique(joined)
            self._levels.append((values, known))
            codes = pc.index_in(joined, known).cast(pa.int64())
        # The last codes number the keys in the order in which they first stand: as they are.
        self.count = len(codes)

    def match(self, columns: Columns) -> pa.Array:
        """For each row the number of the record with its key (int64), null where there is none.

        Rows that one column of the key rules out are not looked up by the next.
        """
        count = len(columns[self._names[0]])
        rows, codes = np.arange(count), None
        for name, (values, known) in zip(self._names, self._levels, strict=True):
            column = columns[name] if len(rows) == count else columns[name].take(pa.array(rows))
            codes = _numbered(codes, comparable(column), values, known)
            if codes.null_count:
                rows = rows[codes.is_valid().to_numpy(zero_copy_only=False)]
                codes = codes.drop_null()
            codes = codes.cast(pa.int64())
        assert codes is not None  # a key has a column
        return _spread(codes, rows, count)


def _numbered(
    codes: pa.Array | None, column: pa.Array, values: pa.Array, known: pa.Array
) -> pa.Array:
    """The numbers of keys up to one more column, which `values` are known of; else null.

    The first column's values number themselves. A null among the rows would be found among nulls;
    there are none among the keys.
    """
    own = pc.index_in(column, value_set=values)
    if codes is None:
        return own
    return pc.index_in(_joined(codes, own.cast(pa.int64()), len(values)), value_set=known)


def _spread(codes: pa.Array, rows: np.ndarray, count: int) -> pa.Array:
    """The codes at their rows, and nulls at all others."""
    if len(rows) == count:
        return codes
    numbers, missing = np.zeros(count, np.int64), np.ones(count, bool)
    numbers[rows], missing[rows] = codes.to_numpy(), False
    return pa.array(numbers, mask=missing)


def comparable(column: pa.Array) -> pa.Array:
    """The column in a type whose values Arrow can look up: equal values, equal looks."""
    kind = column.type
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return column.cast(pa.decimal128(kind.precision, kind.scale))
    if pa.types.is_floating(kind):
        wide = column.cast(pa.float64())
        return pc.add(wide, 0.0)  # there are two zeros, and both are nought
    return column


def plain_keys(names: Sequence[str], columns: Columns) -> list[tuple[Any, ...]]:
    """The keys as tuples of Python values that are equal where the keys are."""
    lists = [_plain(comparable(columns[name])) for name in names]
    return list(zip(*lists, strict=True))


def _plain(column: pa.Array) -> list[Any]:
    kind = column.type
    if pa.types.is_temporal(kind):
        column = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    values = column.to_pylist()
    if pa.types.is_floating(kind):
        return ["NaN" if value != value else value for value in values]
    return values


def _joined(codes: pa.Array, own: pa.Array, count: int) -> pa.Array:
    return pc.add(pc.multiply(codes, pa.scalar(count, pa.int64())), own)
