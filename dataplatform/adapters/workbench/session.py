"""One build's scratch: rows come in, sorted and hashed shards go out.

Everything lies in a folder that is gone when the session ends; what a killed process left of its
own goes with the next session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.processes.folders import living_folder
from dataplatform.adapters.workbench.inserting import Inserts
from dataplatform.adapters.workbench.lanes import Lanes
from dataplatform.adapters.workbench.ordered import OrderedShards
from dataplatform.adapters.workbench.shard_writer import (
    PREVIEW_ROWS_MAX,
    HeadRows,
    ShardWriter,
    Target,
)
from dataplatform.releases.arranging import TableArranger
from dataplatform.releases.interval import Interval
from dataplatform.releases.ports import Arrangement, Reuse, WrittenShard
from opendata.reading.blocks import BLOCK_BYTES, Blocks
from opendata.reading.canonical_rows import BLOCK_ROWS
from opendata.stores.port import LocalFile

FOLDER_PREFIX = "bench-"


class LocalWorkbench:
    """A workbench in a local folder.

    Args:
        group_rows: How many rows a row group has at most.
        group_bytes: For how many bytes they count at most, see `blocks.row_bytes`.
    """

    def __init__(
        self,
        root: Path,
        arranger: TableArranger,
        *,
        group_rows: int = BLOCK_ROWS,
        group_bytes: int = BLOCK_BYTES,
    ) -> None:
        self._root = root
        self._arranger = arranger
        self._group_rows = group_rows
        self._group_bytes = group_bytes

    @contextmanager
    def session(self) -> Iterator[LocalWorkSession]:
        """Scratch for one build."""
        with (
            living_folder(self._root, FOLDER_PREFIX) as folder,
            LocalWorkSession(
                folder, self._arranger, self._group_rows, self._group_bytes
            ) as session,
        ):
            yield session


class LocalWorkSession:
    """See `WorkSession`, the port that this is."""

    def __init__(
        self, folder: Path, arranger: TableArranger, group_rows: int, group_bytes: int
    ) -> None:
        self._folder = folder
        self._arranger = arranger
        self._group_rows = group_rows
        self._group_bytes = group_bytes
        self._lanes = Lanes()
        self._target: Target | None = None
        self._ordered: OrderedShards | None = None
        self._inserts: Inserts | None = None
        self._kept = 0
        self._sorted_files: list[str] = []
        self._unsorted = Blocks()
        self._spool: pq.ParquetWriter | None = None

    def __enter__(self) -> LocalWorkSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self._lanes.close()
        self._close_spool()

    def begin(self, arrangement: Arrangement, reuse: Reuse) -> None:
        """Get ready for rows; while they come in order, they are written straight into shards."""
        self._target = Target(arrangement, reuse, self._lanes, self._group_rows, self._group_bytes)
        self._ordered = OrderedShards(self._folder, self._target)

    def insert(self, rows: pa.RecordBatch) -> None:
        """Keep rows that go among those that will be received."""
        assert self._target is not None  # their order is known after `begin`
        self._inserts = Inserts(rows, self._target.arrangement.order_by)

    def receive(self, batch: pa.RecordBatch) -> None:
        """Take the next batch, and before its end what goes there."""
        self._receive(self._inserts.among(batch) if self._inserts else batch)

    def _receive(self, batch: pa.RecordBatch) -> None:
        """Write what lies in order; from the first batch on that does not, spool for the sort."""
        if self._ordered is not None:
            if self._ordered.take(batch):
                return
            self._sorted_files = self._ordered.give_up()
            self._ordered = None
            assert self._target is not None  # as the ordered shards have it
            self._target = replace(self._target, head=HeadRows())
        self._spool = self._spool or self._open_spool(batch.schema)
        for block in self._unsorted.add(batch):
            self._spool.write_batch(block)

    def shards(self) -> Iterator[WrittenShard]:
        """Yield one shard after the other; their files live as long as the session."""
        if self._inserts is not None:
            self._receive(self._inserts.rest())
        if self._ordered is not None:
            yield from self._ordered.finish()
            return
        assert self._target is not None  # nothing arrives before `begin`
        assert self._spool is not None  # the batch that came too late lies there
        for block in self._unsorted.rest():
            self._spool.write_batch(block)
        self._close_spool()
        arrangement = self._target.arrangement
        arranged = self._arranger.arrange(
            [*self._sorted_files, str(self._spool_path)],
            order_by=arrangement.order_by,
            shard=arrangement.shard,
            time=arrangement.time,
            schema=arrangement.schema,
        )
        before: Future[WrittenShard] | None = None
        for name, batches in arranged:
            writer = ShardWriter(name, self._folder / f"{name}.parquet", self._target)
            for batch in batches:
                writer.add(batch)
            if before is not None:
                yield before.result()
            before = writer.finish()
        if before is not None:
            yield before.result()

    def rows(
        self, path: str, columns: Sequence[str] | None, groups: Sequence[int] | None
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Rows of an earlier shard, each with the number of its row group."""
        with pq.ParquetFile(path) as file:
            wanted = None if columns is None else list(columns)
            for index in range(file.num_row_groups) if groups is None else groups:
                for batch in file.read_row_group(index, wanted).to_batches():
                    yield index, batch

    def rows_outside(self, path: str, interval: Interval) -> Iterator[pa.RecordBatch]:
        """The rows of an earlier shard that the interval does not replace, by row group."""
        with pq.ParquetFile(path) as file:
            for index in range(file.num_row_groups):
                for batch in file.read_row_group(index).to_batches():
                    yield interval.outside(batch)

    def keep(self, rows: Sequence[pa.RecordBatch], schema: pa.Schema) -> str:
        """A Parquet file of rows that are at hand."""
        self._kept += 1
        path = str(self._folder / f"kept-{self._kept}.parquet")
        pq.write_table(pa.Table.from_batches(rows, schema), path, compression="lz4")
        return path

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

    def _open_spool(self, schema: pa.Schema) -> pq.ParquetWriter:
        # Cheap compression, since it is read once and deleted.
        return pq.ParquetWriter(self._spool_path, schema, compression="lz4", write_statistics=False)

    def _close_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None
