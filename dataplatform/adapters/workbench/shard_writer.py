"""Writing one shard: Parquet, its content hash, its statistics and its chunk list.

Rows come in canonical order. They are cut into blocks, each of which becomes one row group, so the
memory needed is some blocks and not a shard; a block is bounded in rows and in bytes, and depends
on the rows alone. Encoding and measuring go on in lanes of their own while the next rows come.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.workbench.chunks import describe_chunks
from dataplatform.adapters.workbench.distinct import DistinctCounts
from dataplatform.adapters.workbench.encoding import encoding_options
from dataplatform.adapters.workbench.lanes import Lanes
from dataplatform.adapters.workbench.statistics import merge_stats
from dataplatform.releases.ports import Arrangement, Reuse, WrittenShard
from opendata.reading.blocks import BLOCK_BYTES, Blocks
from opendata.reading.canonical_rows import BLOCK_ROWS, ContentHasher
from opendata.stores.port import LocalFile
from opendata.wire import keys
from opendata.wire.chunks import ChunkList
from opendata.wire.digest import digest_of
from opendata.wire.manifest import FileEntry

PREVIEW_ROWS_MAX: Final = 1_000


class HeadRows:
    """The first rows of a build, for its preview: no more than that of all its shards together."""

    def __init__(self) -> None:
        self._wanted = PREVIEW_ROWS_MAX

    def of(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of the batch that are still wanted, in a copy that holds nothing else."""
        count = min(self._wanted, batch.num_rows)
        self._wanted -= count
        return batch.take(pa.array(range(count), pa.int64()))


@dataclass(frozen=True)
class Target:
    """What all shards of a build share."""

    arrangement: Arrangement
    reuse: Reuse
    lanes: Lanes
    group_rows: int = BLOCK_ROWS
    group_bytes: int = BLOCK_BYTES
    head: HeadRows = field(default_factory=HeadRows)


class ShardWriter:
    """Writes one shard into a file and measures it on the way."""

    def __init__(self, name: str, path: Path, target: Target) -> None:
        self.path = path
        self._name = name
        self._target = target
        self._schema = target.arrangement.schema
        self._hasher = ContentHasher(self._schema, target.arrangement.units, folder=path.parent)
        self._distinct = DistinctCounts(self._schema)
        self._group_distinct: list[dict[str, int]] = []
        self._file: pq.ParquetWriter | None = None
        self._blocks = Blocks(target.group_rows, target.group_bytes)
        self._rows = 0
        self._head: pa.RecordBatch | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows of the shard."""
        if self._head is None and batch.num_rows:
            self._head = self._target.head.of(batch)
        for group in self._blocks.add(batch):
            self._write(group)

    def finish(self) -> Future[WrittenShard]:
        """The measured shard, once both lanes have caught up.

        A shard whose content the current release has is that release's, as it is.
        """
        for group in self._blocks.rest():
            self._write(group)
        content_hash = self._target.lanes.measure.submit(self._hasher.digest)
        return self._target.lanes.encode.submit(self._close, content_hash)

    def _write(self, group: pa.RecordBatch) -> None:
        self._rows += group.num_rows
        self._target.lanes.measure.submit(self._measure, group)
        self._target.lanes.encode.submit(self._encode, group)

    def _measure(self, group: pa.RecordBatch) -> None:
        self._hasher.update(group)
        self._group_distinct.append(self._distinct.add(group))

    def _encode(self, group: pa.RecordBatch) -> None:
        self._opened(group).write_batch(group, row_group_size=group.num_rows)

    def _opened(self, rows: pa.RecordBatch) -> pq.ParquetWriter:
        if self._file is None:
            options = encoding_options(rows)
            self._file = pq.ParquetWriter(self.path, self._schema, store_schema=True, **options)
        return self._file

    def _close(self, content_hash: Future[str]) -> WrittenShard:
        self._opened(_no_rows(self._schema)).close()
        head = self._head if self._head is not None else _no_rows(self._schema)
        earlier = self._target.reuse(self._name, content_hash.result())
        if earlier is not None:
            return WrittenShard(earlier, None, None, head)
        chunks = describe_chunks(self.path, self._group_distinct)
        entry = self._entry(chunks, content_hash.result())
        return WrittenShard(entry, LocalFile(str(self.path), spare=True), chunks, head)

    def _entry(self, chunks: ChunkList, content_hash: str) -> FileEntry:
        totals = self._distinct.totals
        stats = merge_stats(self._schema, self.path, chunks.row_groups, totals)
        name_of_time = self._target.arrangement.time
        time = stats.get(name_of_time) if name_of_time else None
        return FileEntry(
            name=self._name,
            path=keys.object_key(chunks.file_sha256),
            sha256=chunks.file_sha256,
            size_bytes=chunks.size_bytes,
            row_count=self._rows,
            chunks=keys.object_key(digest_of(chunks.to_bytes())),
            content_hash=content_hash,
            min=time.min if time else None,
            max=time.max if time else None,
            stats=stats,
        )


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.nulls(0, field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
