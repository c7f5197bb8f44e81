"""The content hash: rows in one fixed encoding, whatever wrote the Parquet around them.

The same rows in the same order give the same hash under another Parquet writer, compression, row
group size or Arrow chunking (requirement S4-9, part B row B41). Encoding `opendata-rows/1`: a
header that names the fields with type and unit, then blocks of 65,536 rows; per block and column a
validity byte (or one byte per row where there are nulls) and the values with nulls zeroed, NaN and
zero in one spelling, variable lengths as int64 before their bytes, nested values depth first.

The bytes of a column stand together, so a block of wide rows, which is not held whole, is encoded
piece by piece and put together on disk (`block_encoding`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from opendata.reading.block_encoding import Encoded, HashedBlock, SpilledBlock
from opendata.reading.type_names import plain_type, type_name
from opendata.wire.digest import canonical_json, json_digest, prefixed
from opendata.wire.errors import InvalidInput

ENCODING = "opendata-rows/1"
BLOCK_ROWS = 65_536
PIECE_BYTES = 32 << 20
"""A block of which this much has come is encoded in pieces, whose number is not seen in it."""


class ContentHasher:
    """Feed record batches in canonical order, then ask for the digest.

    Args:
        schema: The Arrow schema of every batch.
        units: Unit per field, as the contract declares it; a changed unit is a changed content.
        folder: Where blocks of wide rows are put together; the system's temporary folder when
            absent.
    """

    def __init__(
        self,
        schema: pa.Schema,
        units: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
    ) -> None:
        units = units or {}
        self._schema = schema
        self._folder = folder
        self._sha = hashlib.sha256()
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._block_rows = 0
        self._spilled: SpilledBlock | None = None
        fields = [
            {"name": field.name, "type": _spelled(field.type), "unit": units.get(field.name)}
            for field in schema
        ]
        self._sha.update(canonical_json({"encoding": ENCODING, "fields": fields}))

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the next rows; their split into batches does not matter."""
        start = 0
        while start < batch.num_rows:
            taken = batch.slice(start, BLOCK_ROWS - self._block_rows)
            self._pending.append(taken)
            self._pending_bytes += taken.nbytes
            self._block_rows += taken.num_rows
            start += taken.num_rows
            if self._block_rows == BLOCK_ROWS:
                self._end_block()
            elif self._pending_bytes >= PIECE_BYTES:
                self._spill_piece()

    def digest(self) -> str:
        """`sha256:…` over all rows so far. Call it once, at the end."""
        self._end_block()
        return prefixed(self._sha.hexdigest())

    def _end_block(self) -> None:
        if not self._block_rows:
            return
        self._sha.update(self._block_rows.to_bytes(8, "little"))
        if self._spilled is None:
            self._encode_pending(HashedBlock(self._sha.update))
        else:
            self._spill_piece()
            self._spilled.put_together(self._sha.update)
            self._spilled = None
        self._block_rows = 0

    def _spill_piece(self) -> None:
        if self._spilled is None:
            self._spilled = SpilledBlock(self._folder)
        self._spilled.begin_piece()
        self._encode_pending(self._spilled)

    def _encode_pending(self, encoded: Encoded) -> None:
        table = pa.Table.from_batches(self._pending, self._schema)
        for column in table.columns:
            _encode(_one_array(column), encoded)
        self._pending, self._pending_bytes = [], 0


def content_hash(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, units: Mapping[str, str] | None = None
) -> str:
    """The content hash of rows that come in canonical order."""
    hasher = ContentHasher(schema, units)
    for batch in batches:
        hasher.update(batch)
    return hasher.digest()


def combined_hash(shards: Iterable[tuple[str, int, str]]) -> str:
    """A release's content hash from its shards' `(name, row_count, content_hash)`.

    A tree instead of one stream, so that a release with one new shard hashes one shard.
    """
    body = [
        {"name": name, "row_count": rows, "content_hash": digest} for name, rows, digest in shards
    ]
    return prefixed(json_digest({"encoding": ENCODING, "shards": body}))


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    combined = column.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        return pa.concat_arrays(combined.chunks)
    return combined


def _encode(array: pa.Array, encoded: Encoded) -> None:
    array = plain_values(array)
    present = _fixed_width_buffer(array.is_valid().cast(pa.uint8())) if array.null_count else None
    encoded.validity(len(array), present)
    kind = array.type
    if pa.types.is_null(kind):
        return
    if pa.types.is_struct(kind):
        for child in array.flatten():
            _encode(child, encoded)
    elif pa.types.is_map(kind) or is_list(kind):
        _encode_lists(array, encoded)
    elif pa.types.is_fixed_size_list(kind):
        _encode(array.flatten(), encoded)
    elif pa.types.is_large_binary(kind):
        _encode_bytes(array, encoded)
    else:
        encoded.values(_value_buffer(array))


def plain_values(array: pa.Array) -> pa.Array:
    """The array in the one representation that is hashed for its logical type."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    if pa.types.is_dictionary(kind):
        return plain_values(array.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return plain_values(pc.run_end_decode(array))
    if is_text_or_bytes(kind):
        return array if pa.types.is_large_binary(kind) else array.cast(pa.large_binary())
    return array


def is_text_or_bytes(kind: pa.DataType) -> bool:
    """Whether values have a length of bytes each, in any of Arrow's forms of them."""
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary_view(kind)
    )


def is_list(kind: pa.DataType) -> bool:
    """Whether values are lists of any length, in any of Arrow's forms of them."""
    return (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def _encode_lists(array: pa.Array, encoded: Encoded) -> None:
    if pa.types.is_map(array.type):
        array = array.cast(pa.list_(pa.struct([array.type.key_field, array.type.item_field])))
    lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int64())
    encoded.values(_fixed_width_buffer(lengths))
    _encode(array.flatten(), encoded)


def _encode_bytes(array: pa.Array, encoded: Encoded) -> None:
    filled = array.fill_null(b"") if array.null_count else array
    encoded.values(_fixed_width_buffer(pc.binary_length(filled).cast(pa.int64())))
    _, offsets, data = filled.buffers()
    if data is None or len(filled) == 0:
        encoded.values(b"")
        return
    count = len(filled) + 1
    bounds = pa.Array.from_buffers(pa.int64(), count, [None, offsets], offset=filled.offset)
    first, last = bounds[0].as_py(), bounds[len(filled)].as_py()
    encoded.values(memoryview(data)[first:last])


def _value_buffer(array: pa.Array) -> pa.Buffer:
    kind = array.type
    if pa.types.is_boolean(kind):
        return _fixed_width_buffer(array.fill_null(False).cast(pa.uint8()))
    if pa.types.is_float32(kind) or pa.types.is_float64(kind):
        return _fixed_width_buffer(_one_spelling(array))
    if pa.types.is_float16(kind):
        return _value_buffer(array.cast(pa.float32()))
    if pa.types.is_fixed_size_binary(kind):
        return _fixed_width_buffer(array.fill_null(b"\x00" * kind.byte_width))
    if pa.types.is_decimal(kind):
        return _fixed_width_buffer(array.fill_null(pa.scalar(Decimal(0), kind)))
    if pa.types.is_integer(kind):
        return _fixed_width_buffer(array.fill_null(0))
    integer = {32: pa.int32(), 64: pa.int64()}.get(_bit_width(kind))
    if integer is None:
        raise InvalidInput(f"columns of type {kind} cannot be released: they have no content hash")
    return _fixed_width_buffer(array.view(integer).fill_null(0))


def _one_spelling(array: pa.Array) -> pa.Array:
    """Floats with one zero and one NaN, so that equal values have equal bytes."""
    filled = array.fill_null(0.0)
    nan = pa.scalar(float("nan"), filled.type)
    return pc.if_else(pc.is_nan(filled), nan, pc.add(filled, pa.scalar(0.0, filled.type)))


def _fixed_width_buffer(array: pa.Array) -> pa.Buffer:
    width = _bit_width(array.type) // 8
    data = array.buffers()[1]
    if data is None:
        return pa.py_buffer(b"")
    return data.slice(array.offset * width, len(array) * width)


def _bit_width(kind: pa.DataType) -> int:
    try:
        return int(kind.bit_width)
    except ValueError:
        return 0


def _spelled(kind: pa.DataType) -> str:
    try:
        return type_name(logical_type(kind))
    except ValueError as error:
        raise InvalidInput(f"columns of type {kind} cannot be released: {error}") from error


def logical_type(kind: pa.DataType) -> pa.DataType:
    """The type of the values: encodings that hold the same values have the same logical type.

    Nested members are nullable here and have standard names, because Parquet renames and widens
    them; whether nulls are allowed is the contract's matter.
    """
    kind = plain_type(kind)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if is_list(kind):
        return pa.list_(logical_type(kind.value_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(logical_type(kind.value_type), kind.list_size)
    if pa.types.is_map(kind):
        return pa.map_(logical_type(kind.key_type), logical_type(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([(member.name, logical_type(member.type)) for member in kind])
    return kind
