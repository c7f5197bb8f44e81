"""One shard of a release, opened the cheapest way that verifies every byte that is decoded.

In this order: a local file or cache entry that was verified before (memory-mapped); the ranges that
the query needs, each checked against the chunk list; or the whole object, hashed on its way in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from opendata.reading.cache import Cache
from opendata.reading.prune import may_match
from opendata.reading.query import BoundQuery
from opendata.reading.ranges import VerifiedRanges, fetch_verified, needed_ranges
from opendata.reading.stats import ReadStats
from opendata.stores.port import ObjectReader
from opendata.wire.chunks import ChunkList, read_chunk_list
from opendata.wire.digest import check_digest, digest_mismatch
from opendata.wire.errors import Corrupt
from opendata.wire.keys import digest_of_object_key
from opendata.wire.manifest import FileEntry

WHOLE_FROM_SHARE = 0.5
SMALL_OBJECT_BYTES = 1 << 20


@dataclass(frozen=True)
class Access:
    """Where bytes come from, where they are kept, and what they cost."""

    reader: ObjectReader
    cache: Cache
    stats: ReadStats


@dataclass(frozen=True)
class OpenShard:
    """A shard whose asked-for row groups can be decoded, one by one or together.

    `schema` has the needed columns in the release's own types, some of which Parquet widens.
    """

    file: pq.ParquetFile
    groups: tuple[int, ...]
    schema: pa.Schema
    key: str

    def read(self, groups: Sequence[int] | None = None) -> pa.Table:
        """The needed columns of some (or all) of its selected row groups."""
        chosen = list(self.groups if groups is None else groups)
        try:
            table = self.file.read_row_groups(chosen, columns=self.schema.names)
            return table.select(self.schema.names).cast(self.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError, OSError) as error:
            raise Corrupt(f"{self.key} cannot be decoded as its manifest says: {error}") from error


def open_shard(
    access: Access, entry: FileEntry, query: BoundQuery, schema: pa.Schema
) -> OpenShard | None:
    """Open what the query needs of a shard; None if statistics rule all of it out.

    Raises:
        Corrupt: naming the object, if bytes differ from their digest.
    """
    if not may_match(query, entry.stats, entry.row_count, schema):
        access.stats.shards_skipped += 1
        return None
    chunks = _read_chunks(access, entry)
    groups = [
        index
        for index, group in enumerate(chunks.row_groups)
        if may_match(query, group.stats, group.row_count, schema)
    ]
    access.stats.row_groups_read += len(groups)
    access.stats.row_groups_skipped += len(chunks.row_groups) - len(groups)
    if not groups:
        access.stats.shards_skipped += 1
        return None
    access.stats.shards_read += 1
    file = _open_file(access, entry, chunks, groups, query.needed)
    needed = pa.schema([schema.field(name) for name in query.needed])
    return OpenShard(file, tuple(groups), needed, entry.path)


def verified_path(access: Access, entry: FileEntry) -> str:
    """A local path of the whole shard, verified now or before.

    Raises:
        Corrupt: naming the object, if its bytes differ from its digest.
        Unavailable: if there is no cache to put a remote object into.
    """
    local = _verified_local(access, entry)
    if local is not None:
        return local
    return access.cache.fetch(access.reader, entry.path, entry.sha256, entry.size_bytes)


def _open_file(
    access: Access,
    entry: FileEntry,
    chunks: ChunkList,
    groups: Sequence[int],
    columns: Sequence[str],
) -> pq.ParquetFile:
    ranges = needed_ranges(chunks, groups, columns)
    needed_bytes = sum(part.length for part in ranges) + chunks.footer.length
    known = _known_path(access, entry)
    if known is not None:
        access.stats.bytes_read += needed_bytes
        return _parquet(known, entry)
    is_small = entry.size_bytes <= SMALL_OBJECT_BYTES
    if is_small or needed_bytes > WHOLE_FROM_SHARE * entry.size_bytes:
        access.stats.bytes_read += entry.size_bytes
        access.stats.requests += 1
        return _open_whole(access, entry)
    access.stats.bytes_read += needed_bytes
    access.stats.requests += 1
    parts = fetch_verified(access.reader, entry.path, [chunks.footer, *ranges])
    return _open_ranges(chunks, parts, entry)


def _open_whole(access: Access, entry: FileEntry) -> pq.ParquetFile:
    local = _verified_local(access, entry)
    if local is not None:
        return _parquet(local, entry)
    if access.cache.enabled:
        path = access.cache.fetch(access.reader, entry.path, entry.sha256, entry.size_bytes)
        return _parquet(path, entry)
    data = check_digest(access.reader.get(entry.path).data, entry.sha256, entry.path)
    return _parquet(pa.BufferReader(data), entry)


def _open_ranges(
    chunks: ChunkList, parts: list[tuple[int, bytes]], entry: FileEntry
) -> pq.ParquetFile:
    footer = next(data for offset, data in parts if offset == chunks.footer.offset)
    try:
        metadata = pq.read_metadata(pa.BufferReader(b"PAR1" + footer))
        source = pa.PythonFile(VerifiedRanges(entry.size_bytes, parts, entry.path), mode="r")
        # Buffering ahead would read the gaps between the ranges as well.
        return pq.ParquetFile(source, metadata=metadata, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise Corrupt(f"{entry.path} is no readable Parquet: {error}") from error


def _parquet(source: str | pa.NativeFile, entry: FileEntry) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source, memory_map=isinstance(source, str))
    except (pa.ArrowInvalid, OSError) as error:
        raise Corrupt(f"{entry.path} is no readable Parquet: {error}") from error


def _known_path(access: Access, entry: FileEntry) -> str | None:
    """A path whose bytes were verified earlier and have not been touched since."""
    local = access.reader.local_path(entry.path)
    if local is not None and access.cache.verified(local) == entry.sha256:
        return local
    if local is None and (cached := access.cache.get(entry.sha256)) is not None:
        access.stats.cache_hits += 1
        return cached
    return None


def _verified_local(access: Access, entry: FileEntry) -> str | None:
    """The object's own file in a local store, hashed unless that was recorded."""
    local = access.reader.local_path(entry.path)
    if local is None or access.cache.verified(local) == entry.sha256:
        return local
    with open(local, "rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != entry.sha256:
        raise digest_mismatch(entry.path, entry.sha256, actual)
    access.cache.record_verified(local, entry.sha256)
    return local


def _read_chunks(access: Access, entry: FileEntry) -> ChunkList:
    digest = digest_of_object_key(entry.chunks)
    data = read_object(access, entry.chunks, digest)
    return read_chunk_list(data, entry.chunks)


def read_object(access: Access, key: str, digest: str) -> bytes:
    """A small immutable object, from the cache or checked and put there.

    Raises:
        Corrupt: naming the object, if its bytes differ from its digest.
    """
    cached = access.cache.get(digest) if access.reader.local_path(key) is None else None
    if cached is not None:
        access.stats.cache_hits += 1
        with open(cached, "rb") as file:
            return file.read()
    access.stats.requests += 1
    data = check_digest(access.reader.get(key).data, digest, key)
    if access.reader.local_path(key) is None and access.cache.enabled:
        access.cache.put_stream(digest, iter([data]), len(data))
    return data
