"""One build's scratch: spool what arrives, then sort, cut, write and hash it.

Everything lies in a temporary folder that is gone when the session ends, however it ends; a folder
left by a killed process is named so that the next start can remove it.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.workbench.shard_writer import PREVIEW_ROWS_MAX, ShardWriter
from dataplatform.releases.arranging import TableArranger
from dataplatform.releases.interval import Interval
from dataplatform.releases.ports import Arrangement, WrittenShard
from opendata.stores.port import LocalFile
from opendata.wire.manifest import FileEntry

FOLDER_PREFIX = "build-"


class LocalWorkbench:
    """A workbench in a local folder."""

    def __init__(self, root: Path, arranger: TableArranger) -> None:
        self._root = root
        self._arranger = arranger

    @contextmanager
    def session(self) -> Iterator[LocalWorkSession]:
        """Scratch for one build."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX, dir=self._root) as folder,
            LocalWorkSession(Path(folder), self._arranger) as session,
        ):
            yield session


class LocalWorkSession:
    """See `WorkSession`, the port that this is."""

    def __init__(self, folder: Path, arranger: TableArranger) -> None:
        self._folder = folder
        self._arranger = arranger
        self._spool: pq.ParquetWriter | None = None

    def __enter__(self) -> LocalWorkSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close_spool()

    def receive(self, batch: pa.RecordBatch) -> None:
        """Append to the spool; cheap compression, since it is read once and deleted."""
        if self._spool is None:
            self._spool = pq.ParquetWriter(
                self._spool_path, batch.schema, compression="lz4", write_statistics=False
            )
        self._spool.write_batch(batch)

    def shards(
        self, arrangement: Arrangement, previous: Mapping[str, FileEntry]
    ) -> Iterator[WrittenShard]:
        """Yield one shard after the other; each one's file lives until the next is asked for."""
        self._close_spool()
        arranged = self._arranger.arrange(
            str(self._spool_path),
            order_by=arrangement.order_by,
            shard=arrangement.shard,
            time=arrangement.time,
            schema=arrangement.schema,
        )
        for name, batches in arranged:
            path = self._folder / f"{name}.parquet"
            writer = ShardWriter(
                name, path, arrangement.schema, arrangement.units, arrangement.time
            )
            writer.write(batches)
            yield writer.finish(previous.get(name))
            path.unlink()

    def rows_outside(self, path: str, interval: Interval) -> Iterator[pa.RecordBatch]:
        """The rows of an earlier shard that the interval does not replace, by row group."""
        file = pq.ParquetFile(path)
        for index in range(file.num_row_groups):
            yield from file.read_row_group(index).filter(interval.outside).to_batches()

    def head(self, path: str) -> pa.RecordBatch:
        """The rows of the first row group that a preview may want."""
        batches = pq.ParquetFile(path).iter_batches(batch_size=PREVIEW_ROWS_MAX)
        return next(batches)

    def combine(self, paths: Sequence[str]) -> tuple[LocalFile, str]:
        """All shards as one file, row group by row group."""
        target = self._folder / "data.parquet"
        schema = pq.read_schema(paths[0])
        with pq.ParquetWriter(target, schema, compression="zstd", version="2.6") as writer:
            for path in paths:
                source = pq.ParquetFile(path)
                for index in range(source.num_row_groups):
                    writer.write_table(source.read_row_group(index))
        with target.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return LocalFile(str(target)), sha256

    @property
    def _spool_path(self) -> Path:
        return self._folder / "spool.parquet"

    def _close_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None
