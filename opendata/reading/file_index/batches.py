"""Batches of an exact size out of row groups, and the row at which to go on after each.

Nothing is copied but the batch that two row groups share. A consumer that takes a batch when it is
ready for it holds one row group and that batch; nothing is decoded ahead of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from opendata.reading.file_index.footer import Numbers
from opendata.wire.errors import InvalidInput


class Run(NamedTuple):
    """Some rows of an index in order, and where in the index each of them is."""

    table: pa.Table
    rows: range | Numbers


class Batch(NamedTuple):
    """Some files, and the row of the index that follows the last of them."""

    files: pa.RecordBatch
    next_row: int


def check_batch_size(batch_size: int) -> int:
    """The size, if it is one.

    Raises:
        InvalidInput: if no batch has so few files.
    """
    if not isinstance(batch_size, int) or batch_size < 1:
        raise InvalidInput(
            f"a batch has at least one file, not {batch_size!r}", code="invalid_batch_size"
        )
    return batch_size


def cut(runs: Iterable[Run], batch_size: int) -> Iterator[Batch]:
    """The rows of all runs in batches of exactly `batch_size`, the last one smaller."""
    waiting: list[pa.Table] = []
    count = next_row = 0
    for run in runs:
        table, begin, end = run.table, 0, run.table.num_rows
        if count:
            begin = min(batch_size - count, end)
            waiting.append(table.slice(0, begin))
            count += begin
            next_row = int(run.rows[begin - 1]) + 1
            if count < batch_size:
                continue
            yield Batch(_joined(waiting), next_row)
            waiting, count = [], 0
        whole = end - (end - begin) % batch_size
        if whole > begin:
            (piece,) = table.combine_chunks().to_batches()
            for start in range(begin, whole, batch_size):
                last = start + batch_size
                yield Batch(piece.slice(start, batch_size), int(run.rows[last - 1]) + 1)
        if whole < end:
            waiting, count = [table.slice(whole)], end - whole
            next_row = int(run.rows[end - 1]) + 1
    if count:
        yield Batch(_joined(waiting), next_row)


def _joined(tables: Sequence[pa.Table]) -> pa.RecordBatch:
    (batch,) = pa.concat_tables(tables).combine_chunks().to_batches()
    return batch
