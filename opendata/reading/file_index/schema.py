"""The columns of an index as Arrow has them (S0-44…S0-49)."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

INDEX_SCHEMA: Final = pa.schema(
    [
        pa.field("file_id", pa.string(), nullable=False),
        pa.field("relative_path", pa.string(), nullable=False),
        pa.field("timestamp", pa.timestamp("us", "UTC")),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("checksum", pa.string(), nullable=False),
        pa.field("metadata", pa.string(), nullable=False),
    ]
)
TIME: Final = "timestamp"
TIME_POSITION: Final = INDEX_SCHEMA.get_field_index(TIME)
CHANNEL: Final = "channel"
STREAM_SCHEMA: Final = INDEX_SCHEMA.insert(0, pa.field(CHANNEL, pa.string(), nullable=False))
"""Of batches from several channels: which one comes first."""


def is_index_schema(schema: pa.Schema) -> bool:
    """Whether a file has these columns, in this order, of these types."""
    return [(one.name, one.type) for one in schema] == [
        (one.name, one.type) for one in INDEX_SCHEMA
    ]


def no_files() -> pa.Table:
    """A table of no rows; Arrow's own way to one imports pandas."""
    return pa.Table.from_batches([], INDEX_SCHEMA)


def name_channel(batch: pa.RecordBatch, channel: str) -> pa.RecordBatch:
    """The batch with the channel's name in front of each row."""
    count, text = batch.num_rows, channel.encode()
    places = np.arange(count + 1, dtype=np.int32) * np.int32(len(text))
    buffers = [None, pa.py_buffer(places), pa.py_buffer(text * count)]
    column = pa.Array.from_buffers(pa.string(), count, buffers)
    return pa.RecordBatch.from_arrays([column, *batch.columns], schema=STREAM_SCHEMA)


def as_index(table: pa.Table) -> pa.Table:
    """The same columns without what a file says of them beside names and types."""
    schema = pa.schema([INDEX_SCHEMA.field(name) for name in table.column_names])
    return pa.Table.from_arrays(table.columns, schema=schema)
