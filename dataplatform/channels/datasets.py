"""A published data set as a channel: its releases are the versions, the shards of one its files.

Here belongs making an index out of a release's manifest, which says everything that an index does:
no byte of the data is read. A release never changes, so neither does its index: it is made once.
"""

from __future__ import annotations

from typing import Any, Final

from dataplatform.channels.build import IndexedChannel
from dataplatform.channels.current import read_current_index
from dataplatform.channels.ports import ChannelPorts, Described, StoredFile
from dataplatform.channels.publish import IndexDraft, derive_index_copies, publish_index
from dataplatform.channels.rows import index_rows, state_rows
from dataplatform.channels.told import plain_metadata, read_time
from opendata.reading.resolve import resolve
from opendata.reading.signature import verify_release
from opendata.wire.digest import canonical_json
from opendata.wire.errors import Conflict, InvalidInput
from opendata.wire.ids import DatasetId, Reference
from opendata.wire.manifest import FileEntry, Manifest
from opendata.wire.version import Version

ENGINE: Final = "manifest"
"""What stands for the engine in such an index: nothing was listed or hashed."""


def index_dataset(
    ports: ChannelPorts, dataset: DatasetId, version: Version, *, force: bool = False
) -> IndexedChannel:
    """The index of a release as a channel's version; made now, unless it is there already.

    Its rows are the release's shards: `file_id` the shard's name, `relative_path` its object's key
    below the store, `timestamp` the earliest time in it (None where the data set has no time
    column), and in the metadata its rows, both bounds and the release.

    Args:
        force: Make the index again from the manifest, and the copies beside it.

    Raises:
        NotFound: if there is no such release.
        Corrupt: if its manifest was altered.
        Denied: if trusted keys are configured and did not sign it.
    """
    channel = str(dataset)
    current = read_current_index(ports.store, channel, version)
    if current is not None and current.is_there and not force:
        return IndexedChannel(current.index, changed=False, reused=current.index.total_files)
    release = resolve(ports.store, Reference(dataset, version))
    verify_release(release.manifest, ports.trust, ports.store)
    shards = [_shard(entry, release.manifest) for entry in release.manifest.files]
    draft = IndexDraft(
        channel=channel,
        version=version,
        storage_path=ports.store.url,
        engine=ENGINE,
        rows=index_rows(state_rows(shards, {})),
        release=str(release.reference),
    )
    try:
        index = publish_index(ports, draft, current)
    except Conflict:
        # Whoever was first has made it of the same manifest.
        winner = read_current_index(ports.store, channel, version)
        if winner is None:
            raise
        derive_index_copies(ports.store, channel, version)
        return IndexedChannel(winner.index, changed=False, reused=winner.index.total_files)
    before = current.index.index_sha256 if current else None
    return IndexedChannel(index, changed=index.index_sha256 != before, described=index.total_files)


def _shard(entry: FileEntry, manifest: Manifest) -> Described:
    told: dict[str, Any] = {
        "release": f"{manifest.id}@{manifest.release}",
        "rows": entry.row_count,
        "min": entry.min,
        "max": entry.max,
    }
    metadata = canonical_json(plain_metadata(told)).decode("utf-8")
    file = StoredFile(entry.path, entry.size_bytes, entry.sha256)
    return Described(file, entry.name, entry.sha256, _earliest(entry), metadata)


def _earliest(entry: FileEntry) -> int | None:
    """Microseconds since 1970; None where no calendar of Python's reaches so far."""
    try:
        return read_time(entry.min)
    except InvalidInput:
        return None
