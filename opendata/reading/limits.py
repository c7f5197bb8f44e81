"""Limits before decode: what a shard's bytes may become, checked while they are only bytes.

A digest says that bytes are those that were published, not that they are harmless. So a footer has
to agree with the chunk list and the chunk list with the manifest, pages have to be as large as
the footer says, and no row group may become more than fits in memory: then decoding is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from opendata.reading.pages import BadPage, Buffer, pages_of
from opendata.wire.chunks import ByteRange, ChunkList, RowGroup
from opendata.wire.errors import Corrupt
from opendata.wire.manifest import FileEntry

FOOTER_BYTES_MAX = 256 << 20
GROUP_BYTES_MAX = 2 << 30
"""What the asked columns of one row group may become in memory."""
RULES = "pages/1"
"""Rises when `read_footer` or `check_group` look for more, so that shards are checked again."""
_TAIL_BYTES = 8
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}


def check_chunk_list(chunks: ChunkList, entry: FileEntry) -> None:
    """The chunk list is this shard's: its digest, its size, its rows, and ranges inside of it.

    Raises:
        Corrupt: naming the chunk list.
    """
    if chunks.file_sha256 != entry.sha256 or chunks.size_bytes != entry.size_bytes:
        raise refused(entry.chunks, "is the chunk list of another file")
    rows = [group.row_count for group in chunks.row_groups]
    if any(count < 0 for count in rows) or sum(rows) != entry.row_count:
        raise refused(entry.chunks, f"counts {sum(rows)} rows, its manifest {entry.row_count}")
    footer = chunks.footer
    if footer.offset + footer.length != entry.size_bytes or footer.length < _TAIL_BYTES:
        raise refused(entry.chunks, "places the footer elsewhere than at the end of its file")
    if footer.length > FOOTER_BYTES_MAX:
        raise refused(entry.chunks, f"has a footer of {footer.length} bytes")
    ranges = [column.bytes for group in chunks.row_groups for column in group.columns]
    if any(not _is_inside(part, footer.offset) for part in ranges):
        raise refused(entry.chunks, "names bytes outside of its file")


def rules_of(entry: FileEntry) -> str:
    """What a shard is checked against here, as it is remembered: other rules, other name."""
    return f"{RULES}:{GROUP_BYTES_MAX}:{entry.chunks}"


def read_footer(footer: Buffer, chunks: ChunkList, entry: FileEntry) -> pq.FileMetaData:
    """The footer, if it says of rows and places what the chunk list says.

    Raises:
        Corrupt: naming the shard.
    """
    if int.from_bytes(footer[-8:-4], "little") + _TAIL_BYTES != len(footer):
        raise refused(entry.path, "has a footer of another length than its chunk list says")
    try:
        metadata = pq.read_metadata(pa.BufferReader(b"PAR1" + bytes(footer)))
    except (pa.ArrowException, OSError) as error:
        raise refused(entry.path, f"is no readable Parquet: {error}") from error
    if metadata.num_rows != entry.row_count or metadata.num_row_groups != len(chunks.row_groups):
        raise refused(
            entry.path,
            f"has a footer of {metadata.num_rows} rows in {metadata.num_row_groups} row groups; "
            f"published were {entry.row_count} in {len(chunks.row_groups)}",
        )
    for index, group in enumerate(chunks.row_groups):
        _check_group(metadata.row_group(index), group, entry)
    return metadata


def _check_group(found: pq.RowGroupMetaData, group: RowGroup, entry: FileEntry) -> None:
    if found.num_rows != group.row_count or found.num_columns != len(group.columns):
        raise refused(entry.path, "has a footer that disagrees with its chunk list about rows")


def check_group(
    found: pq.RowGroupMetaData,
    named: RowGroup,
    positions: Iterable[int],
    entry: FileEntry,
    part: Callable[[ByteRange], Buffer],
    text_bytes: Callable[[int], int],
) -> None:
    """Some columns of a row group lie where the chunk list says and fit in memory.

    `positions` are the leaves that will be decoded, `part` hands out their verified bytes;
    `text_bytes` measures a leaf whose few texts may repeat into very many bytes.

    Raises:
        Corrupt: naming the shard, and what to do.
    """
    total = 0
    for position in positions:
        column, place = found.column(position), named.columns[position]
        if place_of(column) != (place.path, place.bytes.offset, place.bytes.length):
            raise refused(entry.path, f"has a footer that places {place.path} elsewhere")
        try:
            bound, expanded = decoded_bytes(column, found.num_rows, part(place.bytes))
        except BadPage as error:
            raise refused(entry.path, f"has a damaged column {place.path}: {error}") from error
        total += bound
        if total + expanded > GROUP_BYTES_MAX >= total:
            expanded = text_bytes(position)
        total += expanded
        if total > GROUP_BYTES_MAX:
            raise refused(
                entry.path,
                f"has a row group that would become {total:,} bytes in memory; "
                f"at most {GROUP_BYTES_MAX:,} are decoded at once",
                hint="ask its publisher for smaller row groups, or read fewer columns",
            )


def place_of(column: pq.ColumnChunkMetaData) -> tuple[str, int, int]:
    """A column chunk's path, and offset and length of its bytes, as the footer has them."""
    offset = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset:
        offset = min(offset, column.dictionary_page_offset)
    return column.path_in_schema, offset, column.total_compressed_size


def decoded_bytes(column: pq.ColumnChunkMetaData, rows: int, data: Buffer) -> tuple[int, int]:
    """What decoding takes at most: for sure, and by repeating what a dictionary holds.

    Raises:
        BadPage: if the pages are not what the footer says of them.
    """
    values = dictionary = unpacked = 0
    for page in pages_of(data):
        unpacked += page.size
        if page.is_dictionary:
            dictionary += page.uncompressed_bytes
        else:
            values += page.values
    if unpacked > column.total_uncompressed_size:
        raise BadPage("its pages are larger than the footer says")
    if values != column.num_values or values < rows:
        raise BadPage(f"its pages have {values} values, the footer says {column.num_values}")
    width = _WIDTHS.get(column.physical_type)
    if width is None:  # texts and fixed binaries: a value is an entry of the dictionary, or inline
        return unpacked + 8 * values, dictionary * values
    return max(unpacked, width * values), 0


def refused(what: str, why: str, hint: str | None = None) -> Corrupt:
    """The error for an object that is not what its manifest says, whatever its digest."""
    return Corrupt(
        f"{what} {why}",
        code="unsafe_object",
        hint=hint
        or "do not use it: ask its publisher; an earlier release can be loaded by @VERSION",
        details={"object": what},
    )


def _is_inside(part: ByteRange, end: int) -> bool:
    return part.offset >= 0 and part.length >= 0 and part.offset + part.length <= end
