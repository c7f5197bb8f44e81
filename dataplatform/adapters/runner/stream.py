"""The rows of a run, as they arrive: read, checked, handed over.

Arrow trusts its input, and the process at the other end is a stranger: a batch whose buffers do
not fit its lengths would crash whoever reads it later. Here belongs reading the stream safely;
what is done with a batch is the receiver's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa


class StreamBroken(Exception):
    """The bytes on the descriptor are no Arrow stream, or not a whole one."""


class TableStream:
    """Reads one Arrow stream; `schema` and `row_count` say what has come so far."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.schema: pa.Schema | None = None
        self.row_count = 0

    def hand_over(self, receive: Callable[[pa.RecordBatch], None]) -> None:
        """Give every batch to `receive`, whose errors pass through.

        Raises:
            StreamBroken: if what came is no stream of valid batches.
        """
        for batch in self._batches():
            receive(batch)
            self.row_count += batch.num_rows

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if not self._file.peek(1):
            return  # ended without a row; how, says the process
        try:
            reader = pa.ipc.open_stream(pa.PythonFile(self._file, "r"))
            self.schema = reader.schema
            while (batch := _next(reader)) is not None:
                batch.validate(full=True)
                yield batch
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise StreamBroken(str(error)) from error


def _next(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
