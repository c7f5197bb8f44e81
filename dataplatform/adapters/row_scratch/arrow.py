"""Rows on disk as Arrow writes them, sorted by runs that are merged.

Here belong the files of one comparison: they lie in a folder of their own, which goes when the
comparison ends, and with the next one where its process was killed.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from dataplatform.adapters.arrange.runs import external_sort
from dataplatform.adapters.arrange.sort_keys import sort_keys
from dataplatform.adapters.processes.folders import living_folder
from opendata.stores.disk import explained
from opendata.stores.port import LocalFile

SORT_BYTES: Final = 192 << 20
_PREFIX: Final = "channel-"


@contextlib.contextmanager
def open_scratch(root: Path, sort_bytes: int = SORT_BYTES) -> Iterator[ArrowScratch]:
    """A scratch in a new folder below `root`; a sort takes about `sort_bytes` of memory."""
    with contextlib.ExitStack() as stack:
        with explained(str(root)):
            folder = stack.enter_context(living_folder(root, _PREFIX))
        yield ArrowScratch(folder, sort_bytes)


class ArrowScratch:
    """Implements `RowScratch` in a folder; `open_scratch` makes one."""

    def __init__(self, folder: Path, sort_bytes: int) -> None:
        self._folder = folder
        self._sort_bytes = sort_bytes

    def spool(self, schema: pa.Schema) -> ArrowSpool:
        """A new one without rows."""
        return ArrowSpool(self._new_path(), schema)

    def sort(
        self, rows: Iterable[pa.RecordBatch], schema: pa.Schema, order_by: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """The rows in order of columns."""
        keys = sort_keys(schema, order_by)
        with explained(str(self._folder)):
            yield from external_sort(rows, keys, self._folder, self._sort_bytes)

    def keep(self, pieces: Iterable[bytes]) -> LocalFile:
        """A file of these bytes."""
        path = self._new_path()
        with explained(str(path)), open(path, "wb") as file:
            for piece in pieces:
                file.write(piece)
        return LocalFile(str(path))

    def _new_path(self) -> Path:
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            return Path(file.name)


class ArrowSpool:
    """Rows in a file; implements `Spool`."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._writer: Any = None
        self._is_read = False
        self._rows = 0

    @property
    def rows(self) -> int:
        """How many there are."""
        return self._rows

    def append(self, batch: pa.RecordBatch) -> None:
        """Put rows behind the others."""
        if self._is_read:
            raise ValueError("a spool takes no rows once it was read")
        with explained(str(self._path)):
            if self._writer is None:
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                self._writer = pa.ipc.new_stream(str(self._path), self._schema, options=options)
            self._writer.write_batch(batch)
        self._rows += batch.num_rows

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in the order in which they came."""
        self._is_read = True
        if self._writer is not None:
            with explained(str(self._path)):
                self._writer.close()
            self._writer = None
        return self._read() if self._rows else iter(())

    def _read(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self._path)) as file, pa.ipc.open_stream(file) as reader:
            yield from reader
