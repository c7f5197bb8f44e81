"""One shard of a release: what a query needs of it, known from the manifest and its chunk list.

Here belong the plan and the small objects that it takes. Getting the shard's own bytes belongs in
`source`, decoding them in `table`.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
from dataclasses import dataclass

from opendata.reading.cache import Cache
from opendata.reading.limits import check_chunk_list
from opendata.reading.prune import may_match, must_match
from opendata.reading.query import BoundQuery
from opendata.reading.stats import ReadStats
from opendata.stores.port import ObjectReader
from opendata.wire.chunks import ChunkList, read_chunk_list
from opendata.wire.digest import check_digest, digest_mismatch
from opendata.wire.errors import Unavailable
from opendata.wire.keys import digest_of_object_key
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import FileEntry


@dataclass(frozen=True)
class Access:
    """Where bytes come from, where they are kept, and what they cost."""

    reader: ObjectReader
    cache: Cache
    stats: ReadStats


@dataclass(frozen=True)
class ShardPlan:
    """What a query needs of one shard: these columns of these row groups.

    Rows of the groups in `unsure` have to be filtered; all rows of the others match.
    """

    entry: FileEntry
    chunks: ChunkList
    groups: tuple[int, ...]
    unsure: frozenset[int]
    columns: tuple[str, ...]


def plan_shard(
    access: Access, entry: FileEntry, query: BoundQuery, only: frozenset[int] | None = None
) -> ShardPlan | None:
    """What the query needs of a shard; None if statistics rule all of it out.

    Args:
        only: The row groups that an index has left, where one was asked.

    Raises:
        Corrupt: naming the object, if the chunk list is damaged or of another file.
    """
    chunks = _read_chunks(access, entry)
    groups = tuple(
        index
        for index, group in enumerate(chunks.row_groups)
        if (only is None or index in only) and may_match(query, group.stats, group.row_count)
    )
    skipped = len(chunks.row_groups) - len(groups)
    access.stats.add(row_groups_read=len(groups), row_groups_skipped=skipped)
    if not groups:
        access.stats.add(shards_skipped=1)
        access.stats.expect(-entry.size_bytes)
        return None
    access.stats.add(shards_read=1)
    unsure = frozenset(
        index for index in groups if not must_match(query, chunks.row_groups[index].stats)
    )
    columns = query.needed if unsure else query.wanted
    return ShardPlan(entry, chunks, groups, unsure, columns)


def verified_path(access: Access, entry: FileEntry) -> str:
    """A local path of the whole shard, verified now or before.

    Raises:
        Corrupt: naming the object, if its bytes differ from its digest.
        Unavailable: if there is no cache to put a remote object into.
    """
    local = verified_local(access, entry)
    if local is not None:
        return local
    return access.cache.fetch(access.reader, entry.path, entry.sha256, entry.size_bytes)


def verified_local(access: Access, entry: FileEntry) -> str | None:
    """The object's own file in a local store, hashed unless that was recorded."""
    local = access.reader.local_path(entry.path)
    if local is None or access.cache.verified(local) == entry.sha256:
        return local
    with open(local, "rb") as file:
        actual = digest_of_file(file.fileno())
    if actual != entry.sha256:
        raise digest_mismatch(entry.path, entry.sha256, actual)
    access.cache.record_verified(local, entry.sha256)
    return local


def removed_while_read(what: str) -> Unavailable:
    """The error for a file that somebody removes faster than it can be read."""
    return Unavailable(
        f"the file of {what} was removed while it was read",
        code="removed_while_read",
        hint="run the same command again; is somebody emptying the cache?",
    )


def digest_of_file(file: int) -> str:
    """The digest of an open file's bytes."""
    # Mapped, the bytes are hashed where they are, and decoded from there afterwards.
    if not os.fstat(file).st_size:
        return hashlib.sha256().hexdigest()
    with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as data:
        return hashlib.sha256(data).hexdigest()


def _read_chunks(access: Access, entry: FileEntry) -> ChunkList:
    digest = digest_of_object_key(entry.chunks)
    data = read_object(access, entry.chunks, digest)
    chunks = read_chunk_list(data, entry.chunks)
    check_chunk_list(chunks, entry)
    return chunks


def read_object(access: Access, key: str, digest: str) -> bytes:
    """A small immutable object, from the cache or checked and put there.

    Raises:
        Corrupt: naming the object, if its bytes differ from its digest.
    """
    is_local = access.reader.local_path(key) is not None
    cached = None if is_local else access.cache.get(digest)
    with contextlib.suppress(FileNotFoundError):  # the cache may be emptied at any moment
        if cached is not None:
            with open(cached, "rb") as file:
                data = file.read()
            access.stats.add(cache_hits=1)
            return data
    access.stats.add(requests=1)
    data = check_digest(access.reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, digest, key)
    if not is_local and access.cache.enabled:
        access.cache.put_stream(digest, iter([data]), len(data))
    return data
