"""Shards of a build: stored several at a time, or taken over from the current release.

Here belongs what happens to one shard between the workbench and the candidate that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dataplatform.releases.arranging import UNDATED
from dataplatform.releases.objects import JSON, PARQUET, put_object, put_object_at, read_object
from dataplatform.releases.ports import ReleasePorts, Reuse, WorkSession, WrittenShard
from opendata.stores.parallel import in_parallel
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.manifest import FileEntry


def reuse_of(ports: ReleasePorts, earlier: Iterable[FileEntry]) -> Reuse:
    """Which earlier shards can stand in for a new one of the same content."""
    entries = {entry.name: entry for entry in earlier}

    def reuse(name: str, content_hash: str) -> FileEntry | None:
        entry = entries.get(name)
        if entry is None or entry.content_hash != content_hash or not is_whole(ports, entry):
            return None
        return entry

    return reuse


def store_shards(ports: ReleasePorts, session: WorkSession) -> Iterator[WrittenShard]:
    """All shards of a session in their order, each stored by the time it is yielded."""
    return store_written(ports, session.shards())


def store_written(ports: ReleasePorts, written: Iterable[WrittenShard]) -> Iterator[WrittenShard]:
    """The same of shards that lie ready, wherever they were written."""

    def store(shard: WrittenShard) -> WrittenShard:
        if shard.parquet is not None and shard.chunks is not None:
            entry = shard.entry
            put_object_at(ports.store, entry.path, shard.parquet, entry.size_bytes, PARQUET)
            put_object(ports.store, shard.chunks.to_bytes(), content_type=JSON)
            ports.keep_shard(entry, shard.parquet)
        return shard

    return in_parallel(store, written)


def place_of(entry: FileEntry) -> tuple[bool, str]:
    """Shards stand in the order of time, rows without a time last."""
    return entry.name == UNDATED, entry.name


def is_whole(ports: ReleasePorts, entry: FileEntry) -> bool:
    """Whether a shard of the current release can be used again; a damaged one is written anew.

    In a folder its bytes are hashed (once per change of the file); of a remote object, which has a
    checksum of its store's own, only the size is asked, so that an append costs the append.
    """
    stat = ports.store.stat(entry.path)
    if stat is None or stat.size != entry.size_bytes:
        return False
    try:
        if ports.store.local_path(entry.path) is not None:
            ports.shard_path(entry)
        read_object(ports.store, entry.chunks)
    except (Corrupt, NotFound):
        return False
    return True
