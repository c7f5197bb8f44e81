"""Rows as Python sees them, out of batches and into spools; and walking along two ordered streams.

Here belongs what all steps of a comparison on disk do with rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

import pyarrow as pa

from dataplatform.channels.columns import array_of, listed_texts, texts, whole_numbers
from dataplatform.channels.ports import Spool

BLOCK_ROWS: Final = 1 << 14
Row = tuple[Any, ...]


class _Keyed(Protocol):
    def __getitem__(self, at: Any, /) -> Any: ...


Asked = TypeVar("Asked", bound=_Keyed)
There = TypeVar("There", bound=_Keyed)


def rows_of(batches: Iterable[pa.RecordBatch], columns: Sequence[str]) -> Iterator[Row]:
    """The rows as tuples of some columns, which are texts or 64-bit numbers, none of them missing.

    Of a stream only a batch is in Python's form at a time.
    """
    for batch in batches:
        table = pa.Table.from_batches([batch])
        yield from zip(*(_values(table[name]) for name in columns), strict=True)


def _values(column: pa.ChunkedArray) -> list[Any]:
    return listed_texts(column) if pa.types.is_string(column.type) else array_of(column).tolist()


def batch_of(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    """Rows of texts and 64-bit numbers as a batch."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    arrays = [
        texts(values) if pa.types.is_string(field.type) else whole_numbers(values)
        for values, field in zip(columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def batches_of(rows: Iterable[Row], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows in batches."""
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == BLOCK_ROWS:
            yield batch_of(waiting, schema)
            waiting = []
    if waiting:
        yield batch_of(waiting, schema)


def fill(spool: Spool, batches: Iterable[pa.RecordBatch]) -> Spool:
    """The spool, with all batches in it."""
    for batch in batches:
        spool.append(batch)
    return spool


def looked_up(
    asked: Iterable[Asked], there: Iterator[There]
) -> Iterator[tuple[Asked, There | None]]:
    """Each row with the one of `there` that has the same first value, or None.

    Both are in order of it; in `there` it stands once. `there` is read to its end.
    """
    entry = next(there, None)
    for row in asked:
        key = row[0]
        while entry is not None and entry[0] < key:
            entry = next(there, None)
        yield row, entry if entry is not None and entry[0] == key else None
    for _ in there:
        pass
