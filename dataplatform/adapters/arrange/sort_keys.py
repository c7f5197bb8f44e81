"""What rows are sorted by: columns as arrays that Arrow compares, and the order of rows over them.

Here belong the keys of one batch of rows. Runs of rows that do not fit into memory stand in `runs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.adapters.arrange.row_bytes import row_bytes, same_spelling
from opendata.reading.type_names import plain_type

_INFINITY: Final = {32: 0x7F80_0000, 64: 0x7FF0_0000_0000_0000}

MakeKey = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True)
class SortKeys:
    """The keys of a schema in their order; the first `leading` usually tell all rows apart."""

    columns: tuple[tuple[int, MakeKey], ...]
    leading: int


def sort_keys(schema: pa.Schema, order_by: Sequence[str]) -> SortKeys:
    """Keys for `order_by`, then for every other column.

    The last keys tell apart what counts as equal content (both zeros, all NaNs), so that the same
    bits come out in the same order too.
    """
    rest = [name for name in schema.names if name not in order_by]
    positions = [schema.get_field_index(name) for name in (*order_by, *rest)]
    columns: list[tuple[int, MakeKey]] = []
    bits: list[tuple[int, MakeKey]] = []
    for at in positions:
        kind = plain_type(schema.field(at).type)
        if pa.types.is_null(kind):
            continue
        columns.append((at, _value_key(kind)))
        if pa.types.is_floating(kind):
            bits.append((at, _float_bits))
        elif pa.types.is_nested(kind):
            bits.append((at, row_bytes))
    every = (*columns, *bits)
    # The shard alone tells hardly any rows apart.
    leads = 1 < len(order_by) < len(every)
    return SortKeys(every, len(order_by) if leads else len(every))


class KeyedRows:
    """Rows with their keys, which are made when they are first asked for."""

    def __init__(
        self, rows: pa.RecordBatch, keys: SortKeys, made: dict[int, pa.Array] | None = None
    ) -> None:
        self.rows = rows
        self._keys = keys
        self._made = made or {}

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def key(self, at: int) -> pa.Array:
        """The key of that position for every row."""
        if at not in self._made:
            column, make = self._keys.columns[at]
            self._made[at] = make(self.rows.column(column))
        return self._made[at]

    def slice(self, start: int, count: int | None = None) -> KeyedRows:
        """Some of the rows, with the keys made so far."""
        made = {at: key.slice(start, count) for at, key in self._made.items()}
        return KeyedRows(self.rows.slice(start, count), self._keys, made)

    def in_order(self) -> pa.Array | None:
        """The order as indices of rows, or None where they lie in it already."""
        if self._rises(self._keys.leading):
            return None
        order = self._sorted_by(self._keys.leading)
        if self._keys.leading == len(self._keys.columns):
            return order
        led = KeyedRows(self.rows, self._keys, self._reordered(order))
        return order if led._rises(self._keys.leading) else self._sorted_by(len(self._keys.columns))

    def lies_in_order(self) -> bool:
        """Whether the rows lie in their order already; rows may be equal in every key."""
        if not self._keys.columns:
            return True  # columns of nothing have no order
        first = self.key(0)
        if not first.null_count and pc.less(first[:-1], first[1:]).true_count == len(first) - 1:
            return True
        if self._rises(self._keys.leading):
            return True
        every = len(self._keys.columns)
        return self._rises(every, repeating=True)

    def count_up_to(self, bound: KeyedRows) -> int:
        """How many of these rows, which lie in order, do not come after the one row `bound`."""
        before = equal = None
        for at in range(len(self._keys.columns)):
            less, same = _compared(self.key(at), bound.key(at)[0])
            before = less if before is None else pc.or_(before, pc.and_(equal, less))
            equal = same if equal is None else pc.and_(equal, same)
            if not equal.true_count:
                break
        if before is None or equal is None:
            return len(self)
        return int(before.true_count + equal.true_count)

    def _rises(self, depth: int, *, repeating: bool = False) -> bool:
        """Whether every row comes strictly after the one before it, by the first keys.

        With `repeating` a row may also be the same in all of them.
        """
        undecided = None
        for at in range(depth):
            key = self.key(at)
            less, same = _neighbours(key)
            if undecided is not None:
                less, same = pc.or_(pc.invert(undecided), less), pc.and_(undecided, same)
            if less.true_count + same.true_count < len(less):
                return False
            undecided = same
            if not same.true_count:
                return True
        return repeating or len(self) < 2

    def _sorted_by(self, depth: int) -> pa.Array:
        names = [str(at) for at in range(depth)]
        keys = pa.RecordBatch.from_arrays([self.key(at) for at in range(depth)], names)
        return pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in names])

    def _reordered(self, order: pa.Array) -> dict[int, pa.Array]:
        return {at: self.key(at).take(order) for at in range(self._keys.leading)}


def concat(parts: Sequence[KeyedRows], keys: SortKeys) -> KeyedRows:
    """The rows of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return KeyedRows(pa.concat_batches([part.rows for part in parts]), keys)


def _compared(key: pa.Array, bound: pa.Scalar) -> tuple[pa.Array, pa.Array]:
    """Which values come before the bound, and which equal it; nulls come last."""
    if not bound.is_valid:
        return key.is_valid(), key.is_null()
    return pc.fill_null(pc.less(key, bound), False), pc.fill_null(pc.equal(key, bound), False)


def _neighbours(key: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Which values come after the one before them, and which equal it; nulls come last."""
    before, after = key[:-1], key[1:]
    less = pc.fill_null(pc.less(before, after), False)
    same = pc.fill_null(pc.equal(before, after), False)
    if not key.null_count:
        return less, same
    less = pc.or_(less, pc.and_(before.is_valid(), after.is_null()))
    return less, pc.or_(same, pc.and_(before.is_null(), after.is_null()))


def _value_key(kind: pa.DataType) -> MakeKey:
    if pa.types.is_floating(kind):
        return _float_key
    if pa.types.is_nested(kind):
        return lambda array: row_bytes(same_spelling(_storage(array)))
    if pa.types.is_boolean(kind):
        return lambda array: _storage(array).cast(pa.uint8())
    if pa.types.is_temporal(kind):
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        return lambda array: _storage(array).cast(width)
    if pa.types.is_fixed_size_binary(kind):
        return lambda array: _storage(array).cast(pa.binary())
    return _storage


def _float_key(array: pa.Array) -> pa.Array:
    """Floats as integers of the same order, with one zero and one NaN above every number."""
    code = _float_bits(array)
    infinity, minus_infinity, minus_zero, above = (
        pa.scalar(number, code.type) for number in _float_marks(code.type.bit_width)
    )
    nan = pc.or_(pc.greater(code, infinity), pc.less(code, minus_infinity))
    code = pc.if_else(pc.equal(code, minus_zero), pa.scalar(0, code.type), code)
    return pc.if_else(nan, above, code)


def _float_marks(bits: int) -> tuple[int, int, int, int]:
    """The codes of both infinities, of the negative zero, and of what is above every number."""
    infinity = _INFINITY[bits]
    return infinity, -infinity - 1, -1, infinity + 1


def _float_bits(array: pa.Array) -> pa.Array:
    """The bits as integers that order as the floats do: negatives by falling magnitude."""
    array = _storage(array)
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    integer = pa.int64() if pa.types.is_float64(array.type) else pa.int32()
    bits = array.view(integer)
    magnitude = pa.scalar(2 ** (integer.bit_width - 1) - 1, integer)
    return pc.if_else(pc.less(bits, pa.scalar(0, integer)), pc.bit_wise_xor(bits, magnitude), bits)


def _storage(array: pa.Array) -> pa.Array:
    return _storage(array.storage) if isinstance(array, pa.ExtensionArray) else array
