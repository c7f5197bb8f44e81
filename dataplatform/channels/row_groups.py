"""Rows in groups that are bounded in rows and in bytes, wherever the rows were cut before.

As `opendata.reading.blocks`, for columns that are texts and numbers alone: without what Arrow would
load for computing, which a small channel's indexing would wait for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa


def row_groups(
    batches: Iterable[pa.RecordBatch], rows: int, max_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of `rows`, of fewer where their texts would have more than
    `max_bytes`; a row that has more is alone. Where one ends depends on the rows alone."""
    waiting: list[pa.RecordBatch] = []
    waiting_rows = waiting_bytes = 0
    for batch in batches:
        up_to = _bytes_up_to(batch)
        start = 0
        while start < batch.num_rows:
            room = up_to[start] + max_bytes - waiting_bytes
            fitting = int(np.searchsorted(up_to, room, side="right")) - 1 - start
            offered = min(rows - waiting_rows, batch.num_rows - start)
            count = min(fitting, offered)
            if not waiting:
                count = max(count, 1)
            if count > 0:
                waiting.append(batch.slice(start, count))
                waiting_rows += count
                waiting_bytes += int(up_to[start + count] - up_to[start])
                start += count
            if count < offered or waiting_rows == rows:
                yield _joined(waiting)
                waiting, waiting_rows, waiting_bytes = [], 0, 0
    if waiting:
        yield _joined(waiting)


def _bytes_up_to(batch: pa.RecordBatch) -> np.ndarray:
    """How many bytes of text come before each row, and before the end."""
    total = np.zeros(batch.num_rows + 1, np.int64)
    for column in batch.columns:
        if len(column) and pa.types.is_string(column.type):
            edges = np.frombuffer(column.buffers()[1], np.int32)
            edges = edges[column.offset : column.offset + len(column) + 1]
            total += edges - np.int64(edges[0])
    return total


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
