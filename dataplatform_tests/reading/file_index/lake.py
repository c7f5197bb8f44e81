"""Channels of files and bundles of them in a store, put there as publishing does, for reading."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from opendata.reading.cache import Cache
from opendata.reading.file_index.index import FileIndex, open_index
from opendata.reading.file_index.schema import INDEX_SCHEMA
from opendata.stores.port import ObjectStore
from opendata.wire import keys
from opendata.wire.bundle import (
    BundleCatalogue,
    BundleEntry,
    BundleLock,
    BundlePointer,
    DataRange,
    LockedChannel,
    SpecSource,
)
from opendata.wire.channel import ChannelIndex
from opendata.wire.digest import digest_of, json_digest, prefixed
from opendata.wire.manifest import Freeze, Integrity
from opendata.wire.signed_body import signed_body
from opendata.wire.version import parse_version

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JUNE = datetime(2025, 6, 1, tzinfo=UTC)
CAMERAS = ("front", "rear", "left")
AT = "2025-06-20T10:30:00Z"


@dataclass(frozen=True)
class Row:
    """One file of a channel."""

    file_id: str
    relative_path: str
    timestamp: datetime | None
    size_bytes: int = 100
    checksum: str = "sha256:" + "0" * 64
    metadata: str = "{}"


def pictures(count: int, *, undated: int = 0, step: timedelta = timedelta(minutes=1)) -> list[Row]:
    """Pictures of three cameras, one each minute, and some whose time nobody knows."""
    rows = []
    for at in range(count + undated):
        moment = JUNE + at * step if at < count else None
        name = f"img_{at:06}"
        facts = {"camera_id": CAMERAS[at % 3], "frame": at, "lens": {"wide": at % 2 == 0}}
        rows.append(
            Row(
                file_id=name,
                relative_path=f"{moment:%Y/%m/%d/%H}/{name}.jpg"
                if moment
                else f"undated/{name}.jpg",
                timestamp=moment,
                size_bytes=1_000 + at,
                checksum=prefixed(digest_of(name.encode())),
                metadata=json.dumps(facts, sort_keys=True, separators=(",", ":")),
            )
        )
    return rows


def table_of(rows: Sequence[Row]) -> pa.Table:
    """The rows as an index has them."""
    return pa.Table.from_pylist([vars(row) for row in rows], schema=INDEX_SCHEMA)


def parquet_of(rows: Sequence[Row] | pa.Table, group_rows: int = 16, **options: Any) -> bytes:
    """The rows as an index's file."""
    table = rows if isinstance(rows, pa.Table) else table_of(rows)
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=group_rows, **options)
    return sink.getvalue()


def stored_index(store: ObjectStore, data: bytes, cache: Cache | None = None) -> FileIndex:
    """An index of these bytes, stored and opened."""
    digest = digest_of(data)
    key = keys.object_key(digest)
    store.put(key, data)
    return open_index(store, cache, key, digest, len(data))


def put_channel(
    store: ObjectStore,
    name: str,
    rows: Sequence[Row],
    *,
    version: str = "1.2.0",
    storage_path: str = "data/",
    group_rows: int = 16,
) -> ChannelIndex:
    """Index a channel: the object, and the pointer to it."""
    data = parquet_of(rows, group_rows)
    digest = digest_of(data)
    store.put(keys.object_key(digest), data)
    index = ChannelIndex(
        channel=name,
        version=version,
        generation=1,
        commit_id="0" * 16,
        storage_path=storage_path,
        index=keys.object_key(digest),
        index_sha256=digest,
        index_bytes=len(data),
        total_files=len(rows),
        total_bytes=sum(row.size_bytes for row in rows),
        indexed_at=AT,
        engine="local",
    )
    store.put(keys.channel_pointer_key(name, parse_version(version)), index.to_bytes())
    return index


def locked(index: ChannelIndex, **changes: Any) -> LockedChannel:
    """The channel as a bundle locks it."""
    facts: dict[str, Any] = {
        "channel": index.channel,
        "version": index.version,
        "requested": ">=1.0",
        "required": True,
        "data_range": DataRange(),
        "storage_path": index.storage_path,
        "index_file": keys.channel_index_key(index.channel, parse_version(index.version)),
        "index": index.index,
        "index_bytes": index.index_bytes,
        "checksum": prefixed(index.index_sha256),
        "file_count": index.total_files,
        "total_bytes": index.total_bytes,
    }
    return LockedChannel(**{**facts, **changes})


def put_bundle(
    store: ObjectStore,
    channels: Sequence[LockedChannel],
    *,
    name: str = "foundational_model",
    version: str = "v1.0.0-2025.25",
    type: str = "weekly",
    revision: int = 1,
) -> BundleLock:
    """Publish a bundle: lock, pointer, and its line in the catalogue."""
    draft = BundleLock(
        type=type,
        name=name,
        version=version,
        revision=revision,
        spec=SpecSource(
            repo="DataSpecHub",
            commit="abc123456",
            file=f"bundles/{type}/{name}.yaml",
            sha256="1" * 64,
        ),
        created_at=AT,
        channels=tuple(channels),
        left_out=(),
        total_files=sum(one.file_count for one in channels),
        total_bytes=sum(one.total_bytes for one in channels),
        integrity=Integrity(hash_sha256="", content_hash=json_digest([])),
        freeze=Freeze(tag=f"{name}-{version}", mode="soft", frozen_at=AT),
    )
    body = digest_of(signed_body(draft.to_json()))
    lock = BundleLock(
        **{
            **{field: getattr(draft, field) for field in draft.__struct_fields__},
            "integrity": Integrity(hash_sha256=body, content_hash=draft.integrity.content_hash),
        }
    )
    data = lock.to_bytes()
    store.put(keys.bundle_revision_key(lock.ref, revision), data)
    pointer = BundlePointer(
        revision=revision, lock_sha256=digest_of(data), commit_id=f"{revision:016}", updated_at=AT
    )
    store.put(keys.bundle_pointer_key(lock.ref), pointer.to_bytes())
    _add_to_catalogue(store, lock, digest_of(data))
    return lock


def _add_to_catalogue(store: ObjectStore, lock: BundleLock, lock_sha256: str) -> None:
    from opendata.reading.file_index.bundles import read_bundle_catalogue

    entry = BundleEntry(
        type=lock.type,
        name=lock.name,
        version=lock.version,
        revision=lock.revision,
        lock_sha256=lock_sha256,
        created_at=lock.created_at,
        total_files=lock.total_files,
        total_bytes=lock.total_bytes,
        channels=tuple(one.channel for one in lock.channels),
    )
    others = [
        one
        for one in read_bundle_catalogue(store).bundles
        if (one.type, one.name, one.version) != (lock.type, lock.name, lock.version)
    ]
    catalogue = BundleCatalogue(generated_at=AT, bundles=(*others, entry))
    store.put(keys.BUNDLE_CATALOGUE, catalogue.to_bytes())
