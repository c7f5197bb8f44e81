"""Indexing a channel: from its spec to a published index (S0-41…S0-51).

Here belongs the order of it: look, read what has changed, keep the rest, publish. An unchanged
channel costs a listing. An interrupted indexing goes on where it was; of two at once the later one
looks again and keeps what the other has read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from dataplatform.channels.choose import engine_for
from dataplatform.channels.columns import listed_texts, taken
from dataplatform.channels.describe import UNMATCHED, Describer, sources_of
from dataplatform.channels.known import DESCRIBED_BY, Comparison
from dataplatform.channels.look import Look, look
from dataplatform.channels.ports import (
    ChannelPorts,
    Described,
    DescribeTask,
    IndexEngine,
    Outcome,
    Unread,
)
from dataplatform.channels.progress import NO_PROGRESS, Progress
from dataplatform.channels.publish import IndexDraft, derive_index_copies, publish_index
from dataplatform.channels.read import VANISHED
from dataplatform.channels.rows import STATE_SCHEMA, index_rows, state_rows
from dataplatform.channels.segments import Segments, drop_segments
from dataplatform.channels.spec import ChannelSpec
from opendata.wire.bundle import SpecSource
from opendata.wire.channel import ChannelIndex
from opendata.wire.errors import Conflict, OpenDataError, Rejected

RACE_ATTEMPTS: Final = 5
SHOWN_MAX: Final = 20
_HARMLESS: Final = frozenset({VANISHED})
"""A file that has gone since it was listed is no file of the channel any more."""


@dataclass(frozen=True)
class IndexedChannel:
    """What indexing a channel did.

    `changed` is False where the index has the same rows as before. `described` files were read,
    `reused` were not, `removed` are gone; `unread` could not be read and are not in the index.
    """

    index: ChannelIndex
    changed: bool
    described: int = 0
    reused: int = 0
    removed: int = 0
    unread: tuple[Unread, ...] = ()


def index_channel(
    ports: ChannelPorts,
    spec: ChannelSpec,
    *,
    source: SpecSource | None = None,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> IndexedChannel:
    """Bring a channel's index up to date.

    Args:
        ports: Where to act.
        spec: What the channel is.
        source: Where the spec was read; the index says so.
        force: Read every file again, as if nothing were known of it.
        progress: Is told how far it is.

    Raises:
        NotFound, Denied, Unavailable: as the channel's place or the store says.
        InvalidInput: code `unsafe_path` and others, as `look`.
        Rejected: code `unread_files`, if files could not be read and the spec does not leave such
            out; code `duplicate_file_id`. The index stays as it was.
        Conflict: if others publish again and again meanwhile.
    """
    for attempt in range(RACE_ATTEMPTS):
        looked = look(ports, spec, force=force and attempt == 0)
        if looked.comparison is None:
            return _unchanged(ports, looked)
        try:
            return _index(ports, looked, looked.comparison, source, progress)
        except Conflict as error:
            if error.code != "lost_race" or attempt == RACE_ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _unchanged(ports: ChannelPorts, looked: Look) -> IndexedChannel:
    assert looked.current is not None
    index = looked.current.index
    derive_index_copies(ports.store, looked.spec.channel, looked.spec.version)
    return IndexedChannel(index, changed=False, reused=index.total_files)


def _index(
    ports: ChannelPorts,
    looked: Look,
    found: Comparison,
    source: SpecSource | None,
    progress: Progress,
) -> IndexedChannel:
    spec = looked.spec
    engine = engine_for(ports, spec.engine, len(found.unread))
    segments = Segments(
        ports,
        spec.channel,
        spec.version,
        described_by=looked.described_by,
        sidecars=looked.arrangement.sidecar_versions,
    )
    _left_out(spec, found.misfits)  # what needs no reading to be refused is refused before
    described, unread = _describe(ports, engine, looked, found, segments, progress)
    try:
        left_out = _left_out(spec, [*found.misfits, *unread])
        draft = _draft(looked, found, described, engine, source)
        index = publish_index(ports, draft, looked.current)
    except OpenDataError:
        # What was read is worth keeping, whatever it is that went wrong; that goes first.
        with suppress(OpenDataError):
            segments.flush()
        raise
    drop_segments(ports.store, [*looked.known.segment_keys, *segments.written])
    return _done(index, looked, found, described, left_out)


def _draft(
    looked: Look,
    found: Comparison,
    described: Sequence[Described],
    engine: IndexEngine,
    source: SpecSource | None,
) -> IndexDraft:
    state = _state(looked, found, described)
    return IndexDraft(
        channel=looked.spec.channel,
        version=looked.spec.version,
        storage_path=looked.spec.storage_path,
        engine=engine.name,
        rows=index_rows(state),
        state=state,
        listing_sha256=looked.listing_sha256,
        source=source,
    )


def _done(
    index: ChannelIndex,
    looked: Look,
    found: Comparison,
    described: Sequence[Described],
    left_out: tuple[Unread, ...],
) -> IndexedChannel:
    before = looked.current.index.index_sha256 if looked.current else None
    read = sum(one.file.path not in found.digests for one in described)
    return IndexedChannel(
        index,
        changed=index.index_sha256 != before,
        described=read,
        reused=index.total_files - read,
        removed=found.removed,
        unread=left_out,
    )


def _describe(
    ports: ChannelPorts,
    engine: IndexEngine,
    looked: Look,
    found: Comparison,
    segments: Segments,
    progress: Progress,
) -> tuple[list[Described], list[Unread]]:
    described: list[Described] = []
    unread: list[Unread] = []
    progress.begin(len(found.unread), sum(file.size for file in found.unread))
    for batch in _outcomes(ports, engine, looked, found):
        good = [one for one in batch if isinstance(one, Described)]
        described += good
        unread += [one for one in batch if isinstance(one, Unread)]
        segments.add(good)
        hashed = [one.file for one in batch if one.file.path not in found.digests]
        progress.advance(len(hashed), sum(file.size for file in hashed))
    return described, unread


def _outcomes(
    ports: ChannelPorts, engine: IndexEngine, looked: Look, found: Comparison
) -> Iterator[Sequence[Outcome]]:
    spec = looked.spec
    if sources_of(spec.pattern):
        files, digests = [*found.unread, *found.rederived], found.digests
    else:  # a path tells all, so that known files need no engine
        files, digests = list(found.unread), {}
        describer = Describer(spec)
        yield [
            describer.describe(file, b"", None, found.digests[file.path])
            for file in found.rederived
        ]
    if files:
        yield from engine.describe(_task(ports, spec, digests), files)


def _task(ports: ChannelPorts, spec: ChannelSpec, digests: Mapping[str, str]) -> DescribeTask:
    return DescribeTask(
        storage_path=spec.storage_path,
        spec=spec.model_dump(mode="json", by_alias=True),
        environ=ports.environ,
        digests=digests,
    )


def _left_out(spec: ChannelSpec, unread: Sequence[Unread]) -> tuple[Unread, ...]:
    """The files that the index goes without.

    Raises:
        Rejected: if the spec does not let it.
    """
    ordered = sorted(unread, key=lambda one: one.file.path)
    ignored = {UNMATCHED} if spec.pattern.unmatched == "ignore" else set()
    told = [one for one in ordered if one.code not in ignored]
    blocking = [one for one in told if one.code not in _HARMLESS]
    if not blocking or spec.on_unread == "leave_out":
        return tuple(told)
    lines = [f"  {one.file.path}: {one.reason}" for one in blocking[:SHOWN_MAX]]
    if len(blocking) > SHOWN_MAX:
        lines.append(f"  and {len(blocking) - SHOWN_MAX:,} more")
    raise Rejected(
        f"{len(blocking):,} of the files of {spec.channel} {spec.version} could not be read, so "
        "the index stays as it was:\n" + "\n".join(lines),
        code="unread_files",
        hint=_hint(blocking),
        details={
            "channel": spec.channel,
            "version": str(spec.version),
            "unread": [
                {"path": one.file.path, "code": one.code, "reason": one.reason} for one in blocking
            ],
        },
    )


def _hint(blocking: Sequence[Unread]) -> str:
    if any(one.code != UNMATCHED for one in blocking):
        return (
            "mend them and index again (what was read is kept), or write `on_unread: leave_out` "
            "into the channel's spec"
        )
    sidecars = all(one.file.path.endswith(".json") for one in blocking)
    say = '`sidecar: "{stem}.json"` if they tell of the others' if sidecars else "a path they match"
    return f"write into the spec's pattern {say}, or `unmatched: ignore` to go without them"


def _state(looked: Look, found: Comparison, described: Sequence[Described]) -> pa.Table:
    """The rows that stay and those that are new, in order of their paths."""
    fresh = state_rows(described, looked.arrangement.sidecar_versions)
    stamp = {DESCRIBED_BY: looked.described_by}
    if not found.kept:
        return fresh.replace_schema_metadata(stamp)
    kept = found.earlier
    if len(found.kept) != kept.num_rows or list(found.kept) != list(range(kept.num_rows)):
        kept = taken(kept, np.array(found.kept, np.int64))
    if not fresh.num_rows:
        return kept.cast(STATE_SCHEMA).replace_schema_metadata(stamp)
    both = pa.concat_tables([kept, fresh])
    paths = listed_texts(both["relative_path"])
    order = sorted(range(len(paths)), key=paths.__getitem__)
    return taken(both, np.array(order, np.int64)).replace_schema_metadata(stamp)
