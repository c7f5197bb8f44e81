"""Arrow columns from Python values and back, without what Arrow would load for it.

`pa.array(list)` imports pandas wherever it is installed, which costs more than indexing twenty
thousand files does; columns made of buffers do not. Here belongs that and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
import pyarrow as pa

WIDE_FROM_BYTES: Final = 1 << 31
BLOCK_ROWS: Final = 1 << 20


def texts(values: Sequence[str]) -> pa.Array:
    """A column of texts, none of them missing; more than 2 GiB of them do not go into one."""
    data = "".join(values).encode()
    lengths = map(len, values) if len(data) == sum(map(len, values)) else map(_size, values)
    offsets = np.fromiter(accumulate(lengths, initial=0), np.int64, len(values) + 1)
    if offsets[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{offsets[-1]:,} bytes of text do not go into one column")
    return pa.StringArray.from_buffers(
        len(values), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)
    )


def whole_numbers(values: Sequence[int]) -> pa.Array:
    """A column of 64-bit numbers, none of them missing."""
    return numbers(np.fromiter(values, np.int64, len(values)))


def numbers(values: np.ndarray) -> pa.Array:
    """The same of numbers that are in an array."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])


def instants(values: Sequence[int | None]) -> pa.Array:
    """A column of times in microseconds since 1970 in UTC; None for a missing one."""
    filled = np.fromiter((value or 0 for value in values), np.int64, len(values))
    missing = values.count(None) if isinstance(values, list) else sum(v is None for v in values)
    there = None
    if missing:
        flags = np.fromiter((value is not None for value in values), np.bool_, len(values))
        there = pa.py_buffer(np.packbits(flags, bitorder="little"))
    kind = pa.timestamp("us", "UTC")
    return pa.Array.from_buffers(kind, len(values), [there, pa.py_buffer(filled)], missing)


def listed_texts(column: pa.ChunkedArray) -> list[str]:
    """The texts of a column without missing ones."""
    found: list[str] = []
    for chunk in column.chunks:
        if not len(chunk):
            continue
        _, offsets, buffer = chunk.buffers()
        data = buffer.to_pybytes() if buffer else b""
        first, last = chunk.offset, chunk.offset + len(chunk) + 1
        edges = np.frombuffer(offsets, np.int32)[first:last].tolist()
        if data.isascii():
            text = data.decode("ascii")
            found.extend(text[start:end] for start, end in pairwise(edges))
        else:
            found.extend(data[start:end].decode() for start, end in pairwise(edges))
    return found


def array_of(column: pa.ChunkedArray) -> np.ndarray:
    """The 64-bit numbers of a column, or its times as such; what is missing is 0."""
    pieces = [np.zeros(0, np.int64)]
    for chunk in column.chunks:
        validity, buffer = chunk.buffers()
        if not len(chunk):
            continue
        piece = np.frombuffer(buffer, np.int64)[chunk.offset : chunk.offset + len(chunk)]
        if chunk.null_count:
            bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
            piece = np.where(bits[chunk.offset : chunk.offset + len(chunk)], piece, 0)
        pieces.append(piece)
    return np.concatenate(pieces)


def taken(table: pa.Table, order: np.ndarray) -> pa.Table:
    """The rows of a table at some places, in that order.

    Arrow takes rows out of one array, and an array of texts holds 2 GiB: larger columns are widened
    for it, and taken in blocks.
    """
    if table.nbytes < WIDE_FROM_BYTES:
        return table.take(numbers(order))
    wide_fields = [
        field.with_type(pa.large_string()) if pa.types.is_string(field.type) else field
        for field in table.schema
    ]
    wide = table.cast(pa.schema(wide_fields)).combine_chunks()
    blocks = [
        wide.take(numbers(order[at : at + BLOCK_ROWS])).cast(table.schema)
        for at in range(0, max(len(order), 1), BLOCK_ROWS)
    ]
    return pa.concat_tables(blocks)


def _size(value: str) -> int:
    return len(value.encode())
