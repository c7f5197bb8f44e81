"""Metadata of channels and bundles: what an event says about the index that it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg

from dataplatform.bundles.index import IndexedBundle
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.volume import volume_text
from dataplatform.channels.build import IndexedChannel
from dataplatform.defs.tables import table
from dataplatform.ports import SpecRepo
from opendata.reading.file_index.index import open_index
from opendata.reading.file_index.query import FileQuery
from opendata.stores.port import ObjectStore
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, LockedChannel
from opendata.wire.digest import prefixed
from opendata.wire.times import parse_instant
from opendata.wire.version import parse_version

Metadata = dict[str, Any]
LOCK: Final = "lock_sha256"
PREVIEW_FILES: Final = 3
PREVIEW_CHANNELS: Final = 5
_CHANNEL_COLUMNS: Final = (
    "channel", "version", "requested", "files", "size", "start_time", "end_time", "checksum",
)  # fmt: skip
_FILE_COLUMNS: Final = ("relative_path", "timestamp", "size_bytes", "checksum", "metadata")
_FORGES: Final = ("https://github.com/", "https://gitlab.com/", "https://codeberg.org/")


def channel_metadata(
    store: ObjectStore, done: IndexedChannel, repo: SpecRepo, *, seconds: float | None = None
) -> Metadata:
    """An index as it is now, and what bringing it up to date took."""
    index = done.index
    key = keys.channel_index_key(index.channel, parse_version(index.version))
    metadata: Metadata = {
        "version": index.version,
        "dagster/row_count": index.total_files,
        "files": index.total_files,
        "bytes": index.total_bytes,
        "volume": volume_text(index.total_bytes),
        "coverage": _coverage(index.start_time, index.end_time),
        "undated": index.undated,
        "changed": done.changed,
        "read": done.described,
        "kept": done.reused,
        "removed": done.removed,
        "engine": index.engine,
        "storage_path": index.storage_path,
        "dagster/uri": f"{store.url.rstrip('/')}/{key}",
        "index_sha256": prefixed(index.index_sha256),
        "generation": index.generation,
        "indexed_at": index.indexed_at,
        **_commit("spec_commit", repo, index.spec_commit),
        **_seconds(seconds),
    }
    if index.release is not None:
        metadata["release"] = index.release
    if done.unread:
        unread = ({"file": one.file.path, "reason": one.reason} for one in done.unread[:20])
        metadata["unread"] = table(unread, ("file", "reason"))
    if index.samples:
        metadata["preview"] = table(index.samples, ("file_id", *_FILE_COLUMNS))
    return metadata


def bundle_metadata(
    ports: BundlePorts, done: IndexedBundle, repo: SpecRepo, *, seconds: float | None = None
) -> Metadata:
    """A lock as readers get it, and where it was committed."""
    lock, store = done.lock, ports.store
    return {
        **lock_facts(lock),
        "dagster/uri": f"{store.url.rstrip('/')}/{keys.bundle_document_key(lock.ref)}",
        "changed": done.changed,
        "channels": table(map(_channel_row, lock.channels), _CHANNEL_COLUMNS),
        **_left_out(lock),
        **_commit("commit", repo, lock.spec.commit),
        **({"index_commits": dg.MetadataValue.json(dict(done.commits))} if done.commits else {}),
        **({"notes": "\n".join(done.notes)} if done.notes else {}),
        **_seconds(seconds),
        "preview": table(_preview(ports, lock), ("channel", *_FILE_COLUMNS)),
    }


def lock_facts(lock: BundleLock) -> Metadata:
    """What numbers and digests say of a lock."""
    integrity = lock.integrity
    return {
        "bundle": str(lock.ref),
        "revision": lock.revision,
        "dagster/row_count": lock.total_files,
        "files": lock.total_files,
        "bytes": lock.total_bytes,
        "data_volume": volume_text(lock.total_bytes),
        "spec_file": lock.spec.file,
        "created_at": lock.created_at,
        "content_hash": integrity.content_hash,
        LOCK: integrity.hash_sha256,
        "signed_by": integrity.signed_by or "nobody: no signing key is set",
        "freeze": lock.freeze.mode,
        "observation_until": lock.freeze.observation_until or "",
    }


def commit_link(url: str, commit: str) -> str | None:
    """The page of a commit, where the repository's address tells."""
    address = url.partition("#")[0].removesuffix("/").removesuffix(".git")
    if address.startswith("git@") and ":" in address:
        host, _, path = address.removeprefix("git@").partition(":")
        address = f"https://{host}/{path}"
    return f"{address}/commit/{commit}" if address.startswith(_FORGES) else None


def _commit(name: str, repo: SpecRepo, commit: str | None) -> Metadata:
    if commit is None:
        return {name: "none: the file is in no commit"}
    link = commit_link(repo.url, commit)
    return {name: dg.MetadataValue.url(link) if link else commit}


def _channel_row(one: LockedChannel) -> Mapping[str, Any]:
    return {
        "channel": one.channel,
        "version": one.version,
        "requested": one.requested,
        "files": one.file_count,
        "size": volume_text(one.total_bytes),
        "start_time": one.data_range.start_time or "open",
        "end_time": one.data_range.end_time or "open",
        "checksum": one.checksum,
    }


def _left_out(lock: BundleLock) -> Metadata:
    if not lock.left_out:
        return {}
    rows = (one.to_json() for one in lock.left_out)
    return {"left_out": table(rows, ("channel", "requested", "reason"))}


def _preview(ports: BundlePorts, lock: BundleLock) -> Iterator[Mapping[str, Any]]:
    """The first files of the first channels, as a reader of the bundle gets them."""
    for one in lock.channels[:PREVIEW_CHANNELS]:
        sha256 = one.checksum.removeprefix("sha256:")
        index = open_index(ports.store, ports.cache, one.index, sha256, one.index_bytes)
        query = FileQuery(_moment(one.data_range.start_time), _moment(one.data_range.end_time))
        page = index.page(query, offset=0, limit=PREVIEW_FILES).select(list(_FILE_COLUMNS))
        for row in page.to_pylist():
            yield {"channel": one.channel, **row, "timestamp": _shown(row["timestamp"])}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def _shown(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat()


def _coverage(first: str | None, last: str | None) -> str:
    return f"{first} … {last}" if first else "no file has a time"


def _seconds(seconds: float | None) -> Metadata:
    return {} if seconds is None else {"seconds": round(seconds, 2)}
