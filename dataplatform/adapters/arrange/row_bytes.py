"""Nested values as bytes, so that rows which differ only there still have one order.

The order itself means nothing; it is the same for the same values wherever they came from. Each
value delimits itself: whether it is there, how long it is, then its parts depth first. Here belongs
that encoding for whole arrays at once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opendata.reading.type_names import plain_type


def row_bytes(array: pa.Array) -> pa.Array:
    """One self-delimiting byte string per value; equal values have equal bytes."""
    array = _plain(array)
    kind = array.type
    if pa.types.is_null(kind):
        return _fixed(pa.array(np.zeros(len(array), np.uint8)))
    if pa.types.is_nested(kind):
        return _struct_bytes(array) if pa.types.is_struct(kind) else _list_bytes(array)
    if _has_lengths(kind):
        body = pc.fill_null(array.cast(pa.large_binary()), _nothing())
        return _joined(_presence(array, pc.binary_length(body)), body)
    return _fixed(array)


def same_spelling(array: pa.Array) -> pa.Array:
    """Floats with one zero and one NaN, at any depth of the array."""
    kind = array.type
    if pa.types.is_floating(kind):
        array = array if not pa.types.is_float16(kind) else array.cast(pa.float32())
        nan = pa.scalar(float("nan"), array.type)
        return pc.if_else(pc.is_nan(array), nan, pc.add(array, pa.scalar(0.0, array.type)))
    if pa.types.is_struct(kind):
        members = [same_spelling(member) for member in array.flatten()]
        names = [str(at) for at in range(len(members))]
        return pa.StructArray.from_arrays(members, names=names, mask=array.is_null())
    if pa.types.is_nested(kind):
        values, offsets = _list_parts(array)
        return pa.LargeListArray.from_arrays(offsets, same_spelling(values), mask=array.is_null())
    return array


def _plain(array: pa.Array) -> pa.Array:
    if isinstance(array.type, pa.BaseExtensionType):
        return _plain(array.storage)
    if pa.types.is_dictionary(array.type):
        return _plain(array.dictionary_decode())
    return array.cast(pa.uint8()) if pa.types.is_boolean(array.type) else array


def _has_lengths(kind: pa.DataType) -> bool:
    return not pa.types.is_fixed_size_binary(kind) and plain_type(kind).id in _LENGTH_IDS


_LENGTH_IDS: Final = {
    kind.id
    for kind in (
        pa.string(), pa.large_string(), pa.string_view(),
        pa.binary(), pa.large_binary(), pa.binary_view(),
    )
}  # fmt: skip


def _fixed(array: pa.Array) -> pa.Array:
    """A presence byte and the value's own bytes, which are zero for nulls."""
    width = array.type.bit_width // 8
    data = np.frombuffer(array.buffers()[1] or b"", dtype=np.uint8)
    values = data[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)
    present = array.is_valid().cast(pa.uint8()).to_numpy()[:, np.newaxis]
    return _binary_rows(np.hstack([present, values * present]))


def _binary_rows(rows: np.ndarray) -> pa.Array:
    count, width = rows.shape
    offsets = np.arange(count + 1, dtype=np.int64) * width
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        count,
        [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(rows))],
    )


def _presence(array: pa.Array, lengths: pa.Array) -> pa.Array:
    """A presence byte and a length for every value."""
    present = array.is_valid().cast(pa.uint8()).to_numpy()[:, np.newaxis]
    counts = lengths.cast(pa.int64()).to_numpy().astype("<i8")
    return _binary_rows(np.hstack([present, counts.view(np.uint8).reshape(-1, 8)]))


def _nothing() -> pa.Scalar:
    """No bytes; made when it is needed, since Arrow's first scalar of a module loads pandas."""
    return pa.scalar(b"", pa.large_binary())


def _joined(*parts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*parts, _nothing())


def _struct_bytes(array: pa.Array) -> pa.Array:
    present = _fixed(pc.if_else(array.is_valid(), pa.scalar(1, pa.uint8()), None))
    return _joined(present, *(row_bytes(member) for member in array.flatten()))


def _list_bytes(array: pa.Array) -> pa.Array:
    values, offsets = _list_parts(array)
    items = row_bytes(values)
    item_starts = np.frombuffer(items.buffers()[1], dtype=np.int64)[items.offset :]
    starts = item_starts[offsets.to_numpy()]
    body = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(array), [None, pa.py_buffer(starts), items.buffers()[2]]
    )
    return _joined(_presence(array, pc.subtract(offsets[1:], offsets[:-1])), body)


def _list_parts(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The flattened values of any kind of list, and int64 offsets into them."""
    if pa.types.is_map(array.type):
        entry = pa.struct([array.type.key_field, array.type.item_field])
        array = array.cast(pa.list_(pa.field("entries", entry, nullable=False)))
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return array.flatten(), pa.array(offsets, pa.int64())
