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

from dataplatform.channels.choose import engine_for
from dataplatform.channels.describe import Describer, sources_of
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
from dataplatform.channels.segments import Segments, drop_segments
from dataplatform.channels.spec import ChannelSpec
from dataplatform.channels.work import Part, Rows, Work
from opendata.wire.bundle import SpecSource
from opendata.wire.channel import ChannelIndex
from opendata.wire.errors import Conflict, OpenDataError

RACE_ATTEMPTS: Final = 5


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
        try:
            with look(ports, spec, force=force and attempt == 0) as looked:
                if looked.work is None:
                    return _unchanged(ports, looked)
                return _index(ports, looked, looked.work, source, progress)
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
    work: Work,
    source: SpecSource | None,
    progress: Progress,
) -> IndexedChannel:
    spec = looked.spec
    engine = engine_for(ports, spec.engine, work.counts.unread)
    work.misfits.left_out()  # what needs no reading to be refused is refused before
    segments = Segments(ports, spec.channel, spec.version, described_by=looked.described_by)
    described = _describe(ports, engine, looked.spec, work, segments, progress)
    try:
        left_out = work.misfits.left_out()
        draft = _draft(looked, work.rows(), engine, source)
        index = publish_index(ports, draft, looked.current)
    except OpenDataError:
        # What was read is worth keeping, whatever it is that went wrong; that goes first.
        with suppress(OpenDataError):
            segments.flush()
        raise
    drop_segments(ports.store, [*work.segment_keys, *segments.written])
    before = looked.current.index.index_sha256 if looked.current else None
    return IndexedChannel(
        index,
        changed=index.index_sha256 != before,
        described=described,
        reused=index.total_files - described,
        removed=work.counts.removed,
        unread=left_out,
    )


def _draft(looked: Look, rows: Rows, engine: IndexEngine, source: SpecSource | None) -> IndexDraft:
    return IndexDraft(
        channel=looked.spec.channel,
        version=looked.spec.version,
        storage_path=looked.spec.storage_path,
        engine=engine.name,
        rows=rows.index,
        count=rows.count,
        state=rows.state,
        described_by=looked.described_by,
        listing_sha256=looked.listing_sha256,
        source=source,
    )


def _describe(
    ports: ChannelPorts,
    engine: IndexEngine,
    spec: ChannelSpec,
    work: Work,
    segments: Segments,
    progress: Progress,
) -> int:
    """Describe a part after the other; returns how many files were read for it."""
    read = 0
    progress.begin(work.counts.unread, work.counts.unread_bytes)
    for part in work.parts():
        segments.begin(part.sidecars)
        for batch in _outcomes(ports, engine, spec, part):
            good = [one for one in batch if isinstance(one, Described)]
            work.add(good, part)
            work.misfits.add(one for one in batch if isinstance(one, Unread))
            segments.add(good)
            read += sum(one.file.path not in part.digests for one in good)
            hashed = [one.file for one in batch if one.file.path not in part.digests]
            progress.advance(len(hashed), sum(file.size for file in hashed))
    return read


def _outcomes(
    ports: ChannelPorts, engine: IndexEngine, spec: ChannelSpec, part: Part
) -> Iterator[Sequence[Outcome]]:
    if sources_of(spec.pattern):
        files, digests = [*part.unread, *part.rederived], part.digests
    else:  # a path tells all, so that known files need no engine
        files, digests = list(part.unread), {}
        describer = Describer(spec)
        yield [
            describer.describe(file, b"", None, part.digests[file.path]) for file in part.rederived
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
