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
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.channels.ports import WrittenFile
from dataplatform.channels.rows import INDEX_SCHEMA, STATE_SCHEMA
from opendata.stores.disk import explained
from opendata.stores.port import LocalFile
from opendata.wire.errors import Corrupt

INDEX_ROW_GROUP_ROWS: Final = 16_384
STATE_ROW_GROUP_ROWS: Final = 1 << 17
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

    def write(self, rows: pa.Table) -> contextlib.AbstractContextManager[WrittenFile]:
        """The file of an index's rows, which are in order."""
        table = rows.cast(INDEX_SCHEMA) if rows.schema != INDEX_SCHEMA else rows
        return self._written(table, INDEX_ROW_GROUP_ROWS, INDEX_OPTIONS)

    def write_state(self, state: pa.Table) -> contextlib.AbstractContextManager[WrittenFile]:
        """The file of a state."""
        return self._written(state, STATE_ROW_GROUP_ROWS, _STATE_OPTIONS)

    def read_state(self, data: bytes, what: str) -> pa.Table:
        """What `write_state` wrote."""
        try:
            # Not `read_table`, which loads pandas for nothing.
            table = pq.ParquetFile(pa.BufferReader(data)).read()
        except (pa.ArrowInvalid, OSError, ValueError) as error:
            raise Corrupt(
                f"{what} is no state of an index: {error}", code="malformed_object"
            ) from error
        if not table.schema.equals(STATE_SCHEMA, check_metadata=False):
            raise Corrupt(f"{what} has other columns than a state has", code="malformed_object")
        return table

    @contextlib.contextmanager
    def _written(
        self, table: pa.Table, row_group_rows: int, options: dict[str, Any]
    ) -> Iterator[WrittenFile]:
        path = os.path.join(self._folder, f"{secrets.token_hex(8)}.parquet")
        with explained(path):
            os.makedirs(self._folder, exist_ok=True)
            try:
                pq.write_table(table, path, row_group_size=row_group_rows, **options)
                yield _measured(path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)


def _measured(path: str) -> WrittenFile:
    sha, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while piece := file.read(HASH_BYTES):
            sha.update(piece)
            size += len(piece)
    # Not spare: the store has it twice, as an object and as a copy for other tools.
    return WrittenFile(LocalFile(path), sha.hexdigest(), size)
