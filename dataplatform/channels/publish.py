"""Publishing an index: one compare-and-set of `latest.json` makes it the channel's current one.

Order: the index and its state are immutable objects and come first; then the pointer; then the
copies for people and other tools. Whoever is killed in between leaves the index that was current or
the new one, and the next indexing makes the copies again (S0-41, S0-42).
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from dataplatform.channels.current import CurrentIndex, read_current_index
from dataplatform.channels.description import index_description
from dataplatform.channels.ports import ChannelPorts, WrittenFile
from dataplatform.channels.rows import samples_of, totals_of
from dataplatform.releases.objects import JSON, PARQUET, put_object_at
from opendata.stores.parallel import in_parallel
from opendata.stores.port import AlreadyExists, ObjectStore, Payload, PreconditionFailed
from opendata.wire import keys
from opendata.wire.bundle import SpecSource
from opendata.wire.channel import ChannelIndex
from opendata.wire.errors import Conflict, Unavailable
from opendata.wire.times import format_instant
from opendata.wire.version import Version, parse_version

YAML: Final = "application/yaml"
DERIVE_ATTEMPTS: Final = 5


@dataclass(frozen=True)
class IndexDraft:
    """An index that is to become a channel's current one.

    `rows` are in order, with `rows.INDEX_SCHEMA`; `state` is what the next indexing compares
    (`rows.STATE_SCHEMA`), None where files never change. `listing_sha256` is the digest of what
    was listed. `release` is the reference of the data set's release, `source` where the channel's
    spec was read.
    """

    channel: str
    version: Version
    storage_path: str
    engine: str
    rows: pa.Table
    state: pa.Table | None = None
    listing_sha256: str | None = None
    release: str | None = None
    source: SpecSource | None = None


def publish_index(
    ports: ChannelPorts, draft: IndexDraft, base: CurrentIndex | None
) -> ChannelIndex:
    """Make an index the current one, if `base` still is.

    Raises:
        Conflict: code `lost_race`, if another index was published since `base` was read.
        Unavailable: if the outcome is unknown; indexing again settles it.
    """
    with ExitStack() as stack:
        writing = [ports.writer.write(draft.rows)]
        if draft.state is not None:
            writing.append(ports.writer.write_state(draft.state))
        objects = list(in_parallel(stack.enter_context, writing))
        written, state = objects[0], objects[1] if draft.state is not None else None
        list(in_parallel(lambda one: _put(ports.store, one), objects))
        index = _index(ports, draft, base, written, state)
        _swap(ports.store, index, base)
        _derive(ports.store, index, written.file)
    return index


def derive_index_copies(store: ObjectStore, channel: str, version: Version) -> None:
    """Make `index.parquet` and `index.yaml` say what the pointer says, unless they do."""
    for _ in range(DERIVE_ATTEMPTS):
        current = read_current_index(store, channel, version)
        if current is None or not current.is_there or _is_derived(store, current.index):
            return
        _write_copies(store, current.index, store.get(current.index.index).data)


def _put(store: ObjectStore, written: WrittenFile) -> None:
    key = keys.object_key(written.sha256)
    put_object_at(store, key, written.file, written.size_bytes, PARQUET)


def _index(
    ports: ChannelPorts,
    draft: IndexDraft,
    base: CurrentIndex | None,
    written: WrittenFile,
    state: WrittenFile | None,
) -> ChannelIndex:
    totals = totals_of(draft.rows)
    source = draft.source
    return ChannelIndex(
        channel=draft.channel,
        version=str(draft.version),
        generation=(base.index.generation if base else 0) + 1,
        commit_id=secrets.token_hex(8),
        storage_path=draft.storage_path,
        index=keys.object_key(written.sha256),
        index_sha256=written.sha256,
        index_bytes=written.size_bytes,
        total_files=totals.files,
        total_bytes=totals.bytes,
        indexed_at=format_instant(ports.now()),
        engine=draft.engine,
        start_time=totals.start_time,
        end_time=totals.end_time,
        undated=totals.undated,
        state=keys.object_key(state.sha256) if state else None,
        listing_sha256=draft.listing_sha256,
        release=draft.release,
        spec_commit=source.commit if source else None,
        spec_file=source.file if source else None,
        spec_sha256=source.sha256 if source else None,
        samples=samples_of(draft.rows),
    )


def _swap(store: ObjectStore, index: ChannelIndex, base: CurrentIndex | None) -> None:
    key = keys.channel_pointer_key(index.channel, parse_version(index.version))
    data = index.to_bytes()
    try:
        if base is None:
            store.put_new(key, data, content_type=JSON)
        else:
            store.put_if_match(key, data, base.token, content_type=JSON)
    except (AlreadyExists, PreconditionFailed, Unavailable) as error:
        _settle(store, index, error)


def _settle(store: ObjectStore, mine: ChannelIndex, error: Conflict | Unavailable) -> None:
    """Find out whether a swap that was refused or not answered happened all the same."""
    what = f"{mine.channel} {mine.version}"
    winner = read_current_index(store, mine.channel, parse_version(mine.version))
    if winner is not None and winner.index.commit_id == mine.commit_id:
        return
    if isinstance(error, Unavailable):
        raise Unavailable(
            f"whether the index of {what} was published is not known: {error.message}",
            code="outcome_unknown",
            hint="indexing again is safe and settles it",
        ) from error
    raise Conflict(
        f"the index of {what} was not published: somebody else was first",
        code="lost_race",
        hint="index the channel again: what has been read is kept",
        details={"winner": winner.index.to_json() if winner else None},
    ) from error


def _derive(store: ObjectStore, index: ChannelIndex, file: Payload) -> None:
    _write_copies(store, index, file)
    # Another index may have been published meanwhile, and its copies be older than these.
    current = read_current_index(store, index.channel, parse_version(index.version))
    if current is not None and current.index.commit_id != index.commit_id:
        derive_index_copies(store, index.channel, parse_version(index.version))


def _write_copies(store: ObjectStore, index: ChannelIndex, data: Payload) -> None:
    version = parse_version(index.version)
    copies: list[tuple[str, Payload, str]] = [
        (keys.channel_index_key(index.channel, version), data, PARQUET),
        (
            keys.channel_description_key(index.channel, version),
            index_description(index).encode(),
            YAML,
        ),
    ]
    list(in_parallel(lambda one: store.put(one[0], one[1], content_type=one[2]), copies))


def _is_derived(store: ObjectStore, index: ChannelIndex) -> bool:
    """Whether the copies are there and of this index; the description names its digest."""
    version = parse_version(index.version)
    stat = store.stat(keys.channel_index_key(index.channel, version))
    description = store.stat(keys.channel_description_key(index.channel, version))
    if stat is None or stat.size != index.index_bytes or description is None:
        return False
    text = index_description(index).encode()
    return description.size == len(text) and (
        store.get(keys.channel_description_key(index.channel, version)).data == text
    )
