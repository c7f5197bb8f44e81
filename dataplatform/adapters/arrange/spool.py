"""Reading a spool: rows as they arrived, in batches, whichever of the two formats holds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from opendata.wire.errors import Corrupt, NotFound

BATCH_ROWS: Final = 65_536
_ARROW_MAGIC: Final = b"ARROW1"


@dataclass(frozen=True)
class Spool:
    """An open spool; `batches` can be read once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


@contextmanager
def open_spool(path: str, memory_bytes: int) -> Iterator[Spool]:
    """Open a Parquet or Arrow IPC file; its batches take a small part of the memory.

    Raises:
        NotFound: where there is no such file.
        Corrupt: where it is neither, or damaged.
    """
    with ExitStack() as stack:
        try:
            with open(path, "rb") as file:
                is_arrow = file.read(len(_ARROW_MAGIC)) == _ARROW_MAGIC
            spool = stack.enter_context(
                _open_arrow(path) if is_arrow else _open_parquet(path, memory_bytes)
            )
        except FileNotFoundError as error:
            raise NotFound(f"the spool {path} does not exist", code="no_such_file") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise Corrupt(f"the spool {path} cannot be read: {error}", code="bad_spool") from error
        yield spool


@contextmanager
def _open_parquet(path: str, memory_bytes: int) -> Iterator[Spool]:
    # Buffering ahead would hold the whole file in memory.
    with pq.ParquetFile(path, pre_buffer=False) as file:
        yield Spool(file.schema_arrow, _by_group(file, memory_bytes))


def _by_group(file: pq.ParquetFile, memory_bytes: int) -> Iterator[pa.RecordBatch]:
    """A row group is as large as a block at most, and no batch goes beyond it."""
    for at in range(file.num_row_groups):
        count = _batch_rows(file.metadata.row_group(at), memory_bytes)
        yield from file.iter_batches(count, row_groups=[at], use_threads=False)


def _batch_rows(group: pq.RowGroupMetaData, memory_bytes: int) -> int:
    """As many rows as take about a hundredth of the memory, as they are stored."""
    row_bytes = group.total_byte_size // max(group.num_rows, 1)
    return max(min(memory_bytes // 100 // max(row_bytes, 1), BATCH_ROWS), 1)


@contextmanager
def _open_arrow(path: str) -> Iterator[Spool]:
    with pa.memory_map(path) as data, pa.ipc.open_file(data) as file:
        batches = (file.get_batch(at) for at in range(file.num_record_batches))
        yield Spool(file.schema, (part for batch in batches for part in _cut(batch)))


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)
