"""Indexes as Parquet: the layout that queries by time are fast on.

Rows come ordered by time, so that the row groups of an interval lie beside each other and are
found by their statistics; small row groups and the page index let a reader fetch little more than
what it was asked for. Equal rows give equal bytes: nothing of the writer's surroundings is in them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.channels.ports import StoredState, WrittenFile
from dataplatform.channels.row_groups import row_groups
from dataplatform.channels.rows import DESCRIBED_BY, INDEX_SCHEMA, STATE_SCHEMA
from opendata.stores.disk import explained
from opendata.stores.port import LocalFile
from opendata.wire.errors import Corrupt

INDEX_ROW_GROUP_ROWS: Final = 16_384
STATE_ROW_GROUP_ROWS: Final = 1 << 17
ROW_GROUP_BYTES: Final = 64 << 20
"""A row group is held by whoever writes or reads it; with much metadata it has fewer rows."""
STATE_BATCH_ROWS: Final = 1 << 14
HASH_BYTES: Final = 1 << 20
INDEX_OPTIONS: Final[dict[str, Any]] = {
    "compression": "zstd",
    "compression_level": 1,
    "write_page_index": True,
    "write_statistics": ["timestamp"],
    "use_dictionary": ["metadata"],
    "data_page_version": "2.0",
}
"""Chosen by measurement (`benchmarks/file_queries.py`): a query decodes one row group or two, and
each row group costs every reader's first query its part of the footer, the more the more columns
tell their bounds. Only time is asked for by them."""
_STATE_OPTIONS: Final[dict[str, Any]] = {
    "compression": "lz4",
    "write_statistics": False,
    "use_dictionary": ["metadata", "sidecar"],
}


class ParquetIndexWriter:
    """Writes into a folder of scratch files, which is created when it is needed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def write(
        self, rows: Iterable[pa.RecordBatch]
    ) -> contextlib.AbstractContextManager[WrittenFile]:
        """The file of an index's rows, which are in order."""
        return self._written(rows, INDEX_SCHEMA, INDEX_ROW_GROUP_ROWS, INDEX_OPTIONS)

    def write_state(
        self, state: Iterable[pa.RecordBatch], described_by: str
    ) -> contextlib.AbstractContextManager[WrittenFile]:
        """The file of a state."""
        schema = STATE_SCHEMA.with_metadata({DESCRIBED_BY: described_by})
        return self._written(state, schema, STATE_ROW_GROUP_ROWS, _STATE_OPTIONS)

    def read_state(self, data: bytes, what: str) -> pa.Table:
        """What `write_state` wrote."""
        with _told_corrupt(what):
            # Not `read_table`, which loads pandas for nothing.
            table = pq.ParquetFile(pa.BufferReader(data)).read()
        _check_columns(table.schema, what)
        return table

    def open_state(self, file: LocalFile, what: str) -> StoredState:
        """What `write_state` wrote, read as it is needed."""
        with _told_corrupt(what), pq.ParquetFile(file.path) as opened:
            schema = opened.schema_arrow
        _check_columns(schema, what)

        def batches() -> Iterator[pa.RecordBatch]:
            with _told_corrupt(what), pq.ParquetFile(file.path) as opened:
                for group in range(opened.num_row_groups):  # one after the other is let go
                    yield from opened.iter_batches(STATE_BATCH_ROWS, row_groups=[group])

        told = (schema.metadata or {}).get(DESCRIBED_BY, b"")
        return StoredState(told.decode("utf-8", "replace"), batches)

    @contextlib.contextmanager
    def _written(
        self,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        row_group_rows: int,
        options: dict[str, Any],
    ) -> Iterator[WrittenFile]:
        path = os.path.join(self._folder, f"{secrets.token_hex(8)}.parquet")
        with explained(path):
            os.makedirs(self._folder, exist_ok=True)
            try:
                with pq.ParquetWriter(path, schema, **options) as writer:
                    # A row group is written of one piece: where pages end would else depend on
                    # how the rows were cut before.
                    for group in _groups(batches, schema, row_group_rows):
                        writer.write_table(group, row_group_size=row_group_rows)
                yield _measured(path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)


def _groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    is_empty = True
    for block in row_groups(batches, rows, ROW_GROUP_BYTES):
        is_empty = False
        yield pa.Table.from_arrays(block.columns, schema=schema)
    if is_empty:
        yield schema.empty_table()


@contextlib.contextmanager
def _told_corrupt(what: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        raise Corrupt(
            f"{what} is no state of an index: {error}", code="malformed_object"
        ) from error


def _check_columns(schema: pa.Schema, what: str) -> None:
    if not schema.equals(STATE_SCHEMA, check_metadata=False):
        raise Corrupt(f"{what} has other columns than a state has", code="malformed_object")


def _measured(path: str) -> WrittenFile:
    sha, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while piece := file.read(HASH_BYTES):
            sha.update(piece)
            size += len(piece)
    # Not spare: the store has it twice, as an object and as a copy for other tools.
    return WrittenFile(LocalFile(path), sha.hexdigest(), size)
