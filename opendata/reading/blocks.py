"""Rows in blocks that are bounded in rows and in bytes, wherever the rows were cut before.

A block ends before the row that would take it beyond a number of bytes, so a thousand pages of text
take no more memory than a million prices. Where it ends depends on the rows alone: the same rows
make the same blocks however they come. Here belong what a row counts for, and the cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opendata.reading.bounds import ordinal_scalar
from opendata.reading.canonical_rows import BLOCK_ROWS, is_list, is_text_or_bytes, plain_values

BLOCK_BYTES: Final = 32 << 20
"""What the rows of a block count for at most, unless it is a single row: see `row_bytes`."""
_LENGTH_BYTES: Final = 8
Sizes = int | npt.NDArray[np.int64]
"""What every row counts for: one number where all count for the same."""


class Blocks:
    """Takes batches and hands out blocks.

    Args:
        rows: Rows of a block at most.
        max_bytes: Bytes that they count for at most; a row that counts for more is alone.
    """

    def __init__(self, rows: int = BLOCK_ROWS, max_bytes: int = BLOCK_BYTES) -> None:
        self._rows = rows
        self._max_bytes = max_bytes
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0

    def add(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Take the next rows; yields the blocks that they complete."""
        counted = _Counted(batch)
        start = 0
        while start < batch.num_rows:
            offered = min(self._rows - self._pending_rows, batch.num_rows - start)
            count = min(counted.fitting(start, self._max_bytes - self._pending_bytes), offered)
            if not self._pending:
                count = max(count, 1)
            if count:
                self._pending.append(batch.slice(start, count))
                self._pending_rows += count
                self._pending_bytes += min(counted.bytes(start, count), self._max_bytes)
                start += count
            if count < offered or self._pending_rows == self._rows:
                yield from self.rest()

    def rest(self) -> Iterator[pa.RecordBatch]:
        """The block of the rows at hand, if there are any, although it could hold more."""
        if self._pending:
            pending = self._pending
            self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
            yield pending[0] if len(pending) == 1 else pa.concat_batches(pending)


class _Counted:
    """A batch whose rows are counted, so that runs of them are quick to measure."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        sizes = row_bytes(batch)
        self._num_rows = batch.num_rows
        self._each = sizes if isinstance(sizes, int) else None
        self._up_to = np.concatenate([[0], np.cumsum(sizes)])

    def fitting(self, start: int, room: int) -> int:
        """How many rows from there on count for no more than `room`."""
        if self._each is not None:
            return room // self._each if self._each else self._num_rows
        bound = self._up_to[start] + room
        return int(np.searchsorted(self._up_to, bound, side="right")) - 1 - start

    def bytes(self, start: int, count: int) -> int:
        """What so many rows from there on count for."""
        if self._each is not None:
            return self._each * count
        return int(self._up_to[start + count] - self._up_to[start])


def rechunk(
    batches: Iterable[pa.RecordBatch], rows: int = BLOCK_ROWS, max_bytes: int = BLOCK_BYTES
) -> Iterator[pa.RecordBatch]:
    """The same rows in blocks of `rows`, of fewer where they would count for more bytes."""
    blocks = Blocks(rows, max_bytes)
    for batch in batches:
        yield from blocks.add(batch)
    yield from blocks.rest()


def row_bytes(rows: pa.RecordBatch) -> Sizes:
    """What each row counts for: the values' own widths, texts and lists with eight bytes more.

    It depends on the values and not on how Arrow holds them: a text out of a dictionary counts for
    all of its bytes, a null of a fixed width like any value.
    """
    return sum((_sizes(column) for column in rows.columns), start=0)


def _sizes(array: pa.Array) -> Sizes:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _sizes_of_codes(array)
    if pa.types.is_null(kind):
        return 0
    if pa.types.is_struct(kind):
        return sum((_sizes(member) for member in array.flatten()), start=0)
    if is_list(kind) or pa.types.is_map(kind) or pa.types.is_fixed_size_list(kind):
        return _sizes_of_lists(array)
    if is_text_or_bytes(kind):
        return _LENGTH_BYTES + _numbers(pc.binary_length(plain_values(array)))
    if pa.types.is_run_end_encoded(kind):
        return _sizes(plain_values(array))
    return max(int(kind.bit_width) // 8, 1)


def _sizes_of_codes(array: pa.DictionaryArray) -> Sizes:
    sizes = _sizes(array.dictionary)
    if isinstance(sizes, int):
        return sizes
    nothing = np.append(sizes, np.int64(_LENGTH_BYTES))  # what a null counts for
    codes = array.indices.cast(pa.int64())
    if codes.null_count:
        codes = codes.fill_null(ordinal_scalar(codes.type, len(sizes)))
    return nothing[_numbers(codes)]


def _sizes_of_lists(array: pa.Array) -> Sizes:
    if pa.types.is_map(array.type):
        array = array.cast(pa.list_(pa.struct([array.type.key_field, array.type.item_field])))
    lengths = _numbers(pc.list_value_length(array))
    items = _sizes(array.flatten())
    if isinstance(items, int):
        return _LENGTH_BYTES + lengths * items
    up_to = np.concatenate([[0], np.cumsum(items)])
    ends = np.cumsum(lengths)
    return np.asarray(_LENGTH_BYTES + up_to[ends] - up_to[ends - lengths], np.int64)


def _numbers(array: pa.Array) -> npt.NDArray[np.int64]:
    """Whole numbers as NumPy has them, nulls as zero."""
    if array.null_count:
        # Of a Python value Arrow would make a scalar by importing pandas.
        array = array.fill_null(ordinal_scalar(array.type, 0))
    array = array.cast(pa.int64())
    data = np.frombuffer(array.buffers()[1] or b"", np.int64)
    return data[array.offset : array.offset + len(array)]
