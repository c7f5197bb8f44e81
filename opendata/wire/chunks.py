"""The chunk list: how a part of a Parquet object is verified without reading all of it.

A sidecar object per shard names offset, length and sha256 of the footer and of every column
chunk. It is itself content-addressed and named by the manifest, so trust flows from the manifest's
digest to every byte range.
"""

from __future__ import annotations

from opendata.wire.codec import Wire, decoder_of, read_wire

CHUNKS_FORMAT = "opendata-chunks/1"


class ByteRange(Wire):
    """`length` bytes from `offset`, and what they must hash to."""

    offset: int
    length: int
    sha256: str


class ColumnChunk(Wire):
    """One leaf column of one row group; `path` is Parquet's dotted column path."""

    path: str
    bytes: ByteRange


class ColumnStats(Wire):
    """Statistics of one column in one shard or row group.

    `min` and `max` are written by `opendata.reading.bounds`; they are absent where a bound is
    unknown (no values, NaN among them, or longer than a pruning bound needs to be).
    """

    null_count: int | None = None
    distinct_estimate: int | None = None
    min: str | None = None
    max: str | None = None


class RowGroup(Wire):
    """One row group: its column chunks in file order, and statistics of its top-level columns."""

    row_count: int
    columns: tuple[ColumnChunk, ...]
    stats: dict[str, ColumnStats] = {}


class ChunkList(Wire):
    """Every verifiable range of one Parquet object."""

    file_sha256: str
    size_bytes: int
    footer: ByteRange
    row_groups: tuple[RowGroup, ...]
    format: str = CHUNKS_FORMAT


decoder_of(ChunkList)


def read_chunk_list(data: bytes, what: str) -> ChunkList:
    """Read a stored chunk list.

    Raises:
        Corrupt: if the bytes are no chunk list.
    """
    return read_wire(ChunkList, data, what)
