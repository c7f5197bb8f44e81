"""From whatever `produce` gave to Arrow batches on the platform's descriptor, a slice at a time.

Here belongs the reading of results: tables, batches, readers, frames, and iterators of them. How
batches are made to agree stands in `unify`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from .unify import RefusedTable, fit, plain_batch

_SLICE_ROWS = 65_536
_SLICE_BYTES = 32 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024
_WANTED = "give a pyarrow.Table, a pandas or polars frame, or yield several of them"


class TableWriter:
    """Writes batches of one schema as an Arrow stream; the first rows that come decide it."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "wb", buffering=_BUFFER_BYTES)
        self._stream: pa.ipc.RecordBatchStreamWriter | None = None
        self._schema: pa.Schema | None = None
        self.row_count = 0
        self.columns: list[str] = []

    def write(self, batch: pa.RecordBatch, number: int) -> None:
        """Take one batch; `number` names it in messages."""
        self.columns = self.columns or batch.schema.names
        if not batch.num_rows:
            return  # an empty frame has guessed types, which would bind the full ones
        for piece in _slices(batch):
            plain = plain_batch(piece, number)
            stream = self._stream or self._open(plain.schema)
            stream.write_batch(fit(plain, self._schema, number))
            self.row_count += piece.num_rows

    def _open(self, schema: pa.Schema) -> pa.ipc.RecordBatchStreamWriter:
        self._schema = schema
        self._stream = pa.ipc.new_stream(pa.PythonFile(self._file, "w"), schema)
        return self._stream

    def close(self) -> None:
        """End the stream; what was written is complete."""
        if self._stream is not None:
            self._stream.close()
        self._file.close()


def batches_of(result: Any) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Every batch of a result, with the number of the table that it is part of (from 1)."""
    if is_table(result):
        items: Iterable[Any] = (result,)
    elif isinstance(result, list | tuple) or hasattr(result, "__next__"):
        items = result
    else:
        raise RefusedTable(f"produce gave {_name_of(result)}; {_WANTED}")
    for number, item in enumerate(items, 1):
        if not is_table(item):
            raise RefusedTable(f"produce gave {_name_of(item)} as its table {number}; {_WANTED}")
        for batch in _read(item, number):
            yield number, batch


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches of a reader; of one without any, its columns."""
    is_empty = True
    for batch in reader:
        is_empty = False
        yield batch
    if is_empty:
        names = reader.schema.names
        yield pa.RecordBatch.from_arrays([pa.nulls(0) for _ in names], names=names)


def is_table(value: Any) -> bool:
    """Whether a value is rows and columns by its own account."""
    return _is_pandas_frame(value) or any(
        hasattr(value, protocol) for protocol in ("__arrow_c_stream__", "__arrow_c_array__")
    )


def _read(item: Any, number: int) -> Iterable[pa.RecordBatch]:
    if isinstance(item, pa.Table):
        return _batches(item.to_reader(max_chunksize=_SLICE_ROWS))
    if isinstance(item, pa.RecordBatch):
        return (item,)
    if isinstance(item, pa.RecordBatchReader):
        return _batches(item)
    if _is_pandas_frame(item):
        return _batches(_from_pandas(item).to_reader(max_chunksize=_SLICE_ROWS))
    try:
        if hasattr(item, "__arrow_c_stream__"):
            return _batches(pa.RecordBatchReader.from_stream(item))
        return (pa.record_batch(item),)
    except (pa.ArrowInvalid, TypeError) as error:
        name = _name_of(item)
        raise RefusedTable(
            f"table {number} is {name}, a column rather than a table; {_WANTED}"
        ) from error


def _from_pandas(frame: Any) -> pa.Table:
    """A frame without its row numbers; an index that has a name is data."""
    named = any(name is not None for name in frame.index.names)
    return pa.Table.from_pandas(frame.reset_index() if named else frame, preserve_index=False)


def _is_pandas_frame(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, _SLICE_ROWS):
        yield from _halves(batch.slice(start, _SLICE_ROWS))


def _halves(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows in pieces that are small once they are plain, but for a single row."""
    half = batch.num_rows // 2
    if not half or sum(map(_plain_bytes, batch.columns)) <= _SLICE_BYTES:
        yield batch
        return
    yield from _halves(batch.slice(0, half))
    yield from _halves(batch.slice(half))


def _plain_bytes(column: pa.Array) -> int:
    """What a column takes when each row has its own copy of a text that a dictionary holds once."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    values = column.dictionary
    if not len(values):
        return int(column.indices.nbytes)
    return int(values.nbytes // len(values) * len(column)) + int(column.indices.nbytes)


def _name_of(value: Any) -> str:
    if value is None:
        return "None"
    if type(value).__name__ == "LazyFrame":
        return "a LazyFrame that is not collected"
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
