"""The chunk list of a Parquet file: digests of the whole and of each range fetched alone."""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.workbench.statistics import column_stats
from opendata.wire.chunks import ByteRange, ChunkList, ColumnChunk, RowGroup

_FOOTER_TAIL_BYTES = 8


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
