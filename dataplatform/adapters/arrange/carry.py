"""Columns in a form that DuckDB carries unchanged and sorts as their values sort.

DuckDB drops zones, units, widths, dictionaries and the sign of zero, and knows no column names that
differ in case only. So times and floats travel as integers of the same order, names as positions,
and everything is rebuilt to the exact Arrow type. Here belong the two directions for one array;
sorting belongs to `duckdb`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opendata.wire.errors import InvalidInput, Rejected

DECIMAL_DIGITS_MAX: Final = 38
_WIDE_DECIMAL_BYTES: Final = 32


def carried_type(kind: pa.DataType, *, nested: bool = False) -> pa.DataType:
    """The type in which values of `kind` travel.

    Raises:
        InvalidInput: for types that no Parquet file can hold either.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return carried_type(kind.storage_type, nested=nested)
    if pa.types.is_dictionary(kind):
        return carried_type(kind.value_type, nested=nested)
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return pa.bool_()
    if pa.types.is_integer(kind):
        return kind
    if pa.types.is_floating(kind):
        wide = pa.types.is_float64(kind)
        if nested:
            return pa.float64() if wide else pa.float32()
        return pa.int64() if wide else pa.int32()
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return pa.int64() if kind.bit_width == 64 else pa.int32()
    if pa.types.is_decimal(kind):
        return _carried_decimal(kind, nested=nested)
    if _is_text(kind):
        return pa.string()
    if _is_bytes(kind):
        return pa.binary()
    return _carried_nested(kind)


def _carried_decimal(kind: pa.DataType, *, nested: bool) -> pa.DataType:
    if kind.precision <= DECIMAL_DIGITS_MAX:
        return pa.decimal128(kind.precision, kind.scale)
    return pa.string() if nested else pa.binary()


def _carried_nested(kind: pa.DataType) -> pa.DataType:
    if _is_list(kind):
        return pa.list_(carried_type(kind.value_type, nested=True))
    if pa.types.is_map(kind):
        key, item = kind.key_type, kind.item_type
        entry = [("m0", carried_type(key, nested=True)), ("m1", carried_type(item, nested=True))]
        return pa.list_(pa.struct(entry))
    if pa.types.is_struct(kind) and kind.num_fields:
        members = [carried_type(member.type, nested=True) for member in kind]
        return pa.struct([(f"m{at}", member) for at, member in enumerate(members)])
    raise InvalidInput(
        f"columns of type {kind} cannot be released: Parquet cannot hold them",
        hint="convert the column in main.py",
    )


def carry(array: pa.Array, *, nested: bool = False) -> pa.Array:
    """The array as it travels."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return carry(array.storage, nested=nested)
    if pa.types.is_dictionary(kind):
        return carry(array.dictionary_decode(), nested=nested)
    if pa.types.is_floating(kind) and not nested:
        wide = pa.types.is_float64(kind)
        return _float_code(array if wide else array.cast(pa.float32()))
    if pa.types.is_decimal(kind) and kind.precision > DECIMAL_DIGITS_MAX and not nested:
        return _decimal_code(array)
    if _is_list(kind) or pa.types.is_map(kind):
        return _carry_lists(array)
    if pa.types.is_struct(kind):
        members = [carry(member, nested=True) for member in array.flatten()]
        return pa.StructArray.from_arrays(
            members, names=[f"m{at}" for at in range(len(members))], mask=array.is_null()
        )
    return array.cast(carried_type(kind, nested=nested))


def restore(array: pa.Array, kind: pa.DataType, *, nested: bool = False) -> pa.Array:
    """What travelled, as the array of type `kind` that it was."""
    if isinstance(kind, pa.BaseExtensionType):
        storage = restore(array, kind.storage_type, nested=nested)
        return pa.ExtensionArray.from_storage(kind, storage)
    if pa.types.is_dictionary(kind):
        return _dictionary(restore(array, kind.value_type, nested=nested), kind)
    if pa.types.is_null(kind):
        return pa.nulls(len(array))
    if pa.types.is_floating(kind) and not nested:
        wide = pa.types.is_float64(kind)
        return _float_value(array, pa.float64() if wide else pa.float32()).cast(kind)
    if pa.types.is_decimal(kind) and kind.precision > DECIMAL_DIGITS_MAX and not nested:
        return _decimal_value(array, kind)
    if _is_list(kind):
        return _restore_lists(array, kind)
    if pa.types.is_map(kind):
        return _restore_map(array, kind)
    if pa.types.is_struct(kind):
        parts = zip(array.flatten(), kind, strict=True)
        members = [restore(member, field.type, nested=True) for member, field in parts]
        return pa.StructArray.from_arrays(members, fields=list(kind), mask=array.is_null())
    return array.cast(kind)


def _float_code(array: pa.Array) -> pa.Array:
    """Floats as integers of the same order; -0.0 is -1, NaNs lie beyond the infinities."""
    wide = pa.types.is_float64(array.type)
    return _flip_negatives(array.view(pa.int64() if wide else pa.int32()))


def _float_value(code: pa.Array, kind: pa.DataType) -> pa.Array:
    return _flip_negatives(code).view(kind)


def _flip_negatives(bits: pa.Array) -> pa.Array:
    """Negative floats order by falling magnitude; undoing it is doing it again."""
    magnitude = pa.scalar(2 ** (bits.type.bit_width - 1) - 1, bits.type)
    return pc.if_else(pc.less(bits, 0), pc.bit_wise_xor(bits, magnitude), bits)


def _decimal_code(array: pa.Array) -> pa.Array:
    """Wide decimals as big-endian bytes with the sign turned, which order as the numbers do."""
    digits = _fixed_bytes(array)[:, ::-1].copy()
    digits[:, 0] ^= 0x80
    return _from_fixed_bytes(digits, array.is_null(), pa.binary(_WIDE_DECIMAL_BYTES)).cast(
        pa.binary()
    )


def _decimal_value(code: pa.Array, kind: pa.DataType) -> pa.Array:
    fixed = code.fill_null(b"\x80" + b"\x00" * (_WIDE_DECIMAL_BYTES - 1)).cast(
        pa.binary(_WIDE_DECIMAL_BYTES)
    )
    digits = _fixed_bytes(fixed).copy()
    digits[:, 0] ^= 0x80
    return _from_fixed_bytes(digits[:, ::-1].copy(), code.is_null(), kind)


def _fixed_bytes(array: pa.Array) -> np.ndarray:
    width = _WIDE_DECIMAL_BYTES
    data = np.frombuffer(array.buffers()[1] or b"", dtype=np.uint8)
    return data[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)


def _from_fixed_bytes(digits: np.ndarray, nulls: pa.Array, kind: pa.DataType) -> pa.Array:
    valid = pc.invert(nulls).buffers()[1] if nulls.true_count else None
    return pa.Array.from_buffers(kind, len(digits), [valid, pa.py_buffer(digits)])


def _carry_lists(array: pa.Array) -> pa.Array:
    if pa.types.is_map(array.type):
        entry = pa.struct([array.type.key_field, array.type.item_field])
        array = array.cast(pa.list_(pa.field("entries", entry, nullable=False)))
    values = carry(array.flatten(), nested=True)
    return pa.ListArray.from_arrays(_offsets(array), values, mask=array.is_null())


def _restore_lists(array: pa.Array, kind: pa.DataType) -> pa.Array:
    values = restore(array.flatten(), kind.value_type, nested=True)
    offsets, nulls = _offsets(array), array.is_null()
    if _is_view(kind):
        large = pa.types.is_large_list_view(kind)
        starts, width = offsets.to_numpy(), pa.int64() if large else pa.int32()
        view = pa.LargeListViewArray if large else pa.ListViewArray
        return view.from_arrays(
            pa.array(starts[:-1], width), pa.array(np.diff(starts), width), values, kind, mask=nulls
        )
    item = pa.list_(kind.value_field)
    return pa.ListArray.from_arrays(offsets, values, type=item, mask=nulls).cast(kind)


def _restore_map(array: pa.Array, kind: pa.DataType) -> pa.Array:
    keys, items = array.flatten().flatten()
    return pa.MapArray.from_arrays(
        _offsets(array),
        restore(keys, kind.key_type, nested=True),
        restore(items, kind.item_type, nested=True),
        type=kind,
        mask=array.is_null(),
    )


def _offsets(lists: pa.Array) -> pa.Array:
    """Offsets into the flattened values, which leave out what lies under nulls."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _dictionary(values: pa.Array, kind: pa.DataType) -> pa.Array:
    encoded = values.dictionary_encode()
    try:
        indices = encoded.indices.cast(kind.index_type)
    except pa.ArrowInvalid as error:
        raise Rejected(
            f"a batch holds more different values than {kind.index_type} can number",
            hint="deliver the column as plain values; files are dictionary-encoded anyway",
        ) from error
    return pa.DictionaryArray.from_arrays(indices, encoded.dictionary, ordered=kind.ordered)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or _is_view(kind)
    )


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))
