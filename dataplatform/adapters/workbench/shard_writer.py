"""Writing one shard: Parquet, its content hash, its statistics and its chunk list.

Rows come in canonical order, in blocks of `BLOCK_ROWS`; each block is one row group, so the memory
needed is a block and not a shard.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.workbench.statistics import (
    column_stats,
    distinct_counts,
    merge_stats,
)
from dataplatform.releases.ports import WrittenShard
from opendata.reading.canonical_rows import ContentHasher
from opendata.stores.port import LocalFile
from opendata.wire import keys
from opendata.wire.chunks import ByteRange, ChunkList, ColumnChunk, RowGroup
from opendata.wire.digest import digest_of
from opendata.wire.manifest import FileEntry

PREVIEW_ROWS_MAX = 1_000
_FOOTER_TAIL_BYTES = 8


class ShardWriter:
    """Writes one shard into a file and measures it on the way."""

    def __init__(
        self, name: str, path: Path, schema: pa.Schema, units: Mapping[str, str], time: str | None
    ) -> None:
        self._name = name
        self._path = path
        self._schema = schema
        self._time = time
        self._hasher = ContentHasher(schema, units)
        self._distinct: list[dict[str, int]] = []
        self._rows = 0
        self._head: pa.RecordBatch | None = None

    def write(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Write all rows of the shard."""
        with pq.ParquetWriter(
            self._path, self._schema, compression="zstd", version="2.6", store_schema=True
        ) as writer:
            for batch in batches:
                if self._head is None:
                    self._head = batch.slice(0, PREVIEW_ROWS_MAX)
                self._hasher.update(batch)
                self._distinct.append(distinct_counts(batch))
                self._rows += batch.num_rows
                writer.write_batch(batch, row_group_size=max(batch.num_rows, 1))

    def finish(self, previous: FileEntry | None) -> WrittenShard:
        """The measured shard; if `previous` has the same content, that is reused as it is."""
        content_hash = self._hasher.digest()
        head = self._head if self._head is not None else _no_rows(self._schema)
        if previous is not None and previous.content_hash == content_hash:
            return WrittenShard(previous, None, None, head)
        chunks = describe_chunks(self._path, self._distinct)
        entry = self._entry(chunks, content_hash)
        return WrittenShard(entry, LocalFile(str(self._path)), chunks, head)

    def _entry(self, chunks: ChunkList, content_hash: str) -> FileEntry:
        stats = merge_stats(self._schema, self._path, chunks.row_groups)
        time = stats.get(self._time) if self._time else None
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


def describe_chunks(path: Path, distinct: list[dict[str, int]]) -> ChunkList:
    """Hash a Parquet file whole and in every range that a reader may fetch alone."""
    metadata = pq.read_metadata(path)
    # Parquet has no seconds and no 64-bit dates: its statistics count in the unit that it stores.
    stored = metadata.schema.to_arrow_schema()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        view = memoryview(data)
        try:
            footer_length = int.from_bytes(view[-8:-4], "little") + _FOOTER_TAIL_BYTES
            groups = [
                _describe_group(metadata.row_group(i), view, stored, distinct[i])
                for i in range(metadata.num_row_groups)
            ]
            return ChunkList(
                file_sha256=hashlib.sha256(view).hexdigest(),
                size_bytes=len(view),
                footer=_byte_range(view, len(view) - footer_length, footer_length),
                row_groups=tuple(groups),
            )
        finally:
            view.release()


def _describe_group(
    group: pq.RowGroupMetaData, view: memoryview, schema: pa.Schema, distinct: dict[str, int]
) -> RowGroup:
    columns, stats = [], {}
    for index in range(group.num_columns):
        column = group.column(index)
        offset = column.data_page_offset
        if column.has_dictionary_page and column.dictionary_page_offset:
            offset = min(offset, column.dictionary_page_offset)
        length = column.total_compressed_size
        columns.append(
            ColumnChunk(path=column.path_in_schema, bytes=_byte_range(view, offset, length))
        )
        if column.path_in_schema in schema.names:
            name = column.path_in_schema
            stats[name] = column_stats(
                column.statistics, schema.field(name).type, distinct.get(name)
            )
    return RowGroup(row_count=group.num_rows, columns=tuple(columns), stats=stats)


def _byte_range(view: memoryview, offset: int, length: int) -> ByteRange:
    digest = hashlib.sha256(view[offset : offset + length]).hexdigest()
    return ByteRange(offset=offset, length=length, sha256=digest)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.nulls(0, field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
