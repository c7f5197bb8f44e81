"""Looking at a channel before it is indexed: what is there, and what would have to be read.

Here belongs all that a preview and an indexing do alike; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from dataplatform.channels.choose import choose_engine
from dataplatform.channels.current import CurrentIndex, read_current_index
from dataplatform.channels.held import HeldWork
from dataplatform.channels.known import NOTHING_KNOWN, compare, read_known
from dataplatform.channels.listing import arrange, describing_digest, listing_digest
from dataplatform.channels.ports import ChannelPorts, RowScratch, StoredFile
from dataplatform.channels.spec import ChannelSpec
from dataplatform.channels.work import Counts, Work

HANDED_FILES: Final = 1 << 14


@dataclass(frozen=True)
class Look:
    """What a channel's place and its current index say together.

    `work` is None where the listing is that of the current index: nothing has to be done.
    """

    spec: ChannelSpec
    current: CurrentIndex | None
    described_by: str
    listing_sha256: str
    work: Work | None = None


@dataclass(frozen=True)
class ChannelPlan:
    """What indexing a channel would do: counts of files, sizes in bytes.

    `new` and `changed` would be read, `described_anew` get a row without being read whole. `engine`
    says which would do it, `engine_reason` why that one (B45).
    """

    channel: str
    version: str
    storage_path: str
    files: int
    unchanged: int
    new: int
    changed: int
    described_anew: int
    removed: int
    read_bytes: int
    engine: str
    engine_reason: str

    def to_json(self) -> dict[str, Any]:
        """The plan by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@contextmanager
def look(ports: ChannelPorts, spec: ChannelSpec, *, force: bool = False) -> Iterator[Look]:
    """List a channel's place and compare it with what is known; `force` knows nothing.

    What there is to do lasts as long as the block: that of a channel of many files lies on disk.

    Raises:
        NotFound, Denied, Unavailable: as the place or the store says.
        InvalidInput: for a `storage_path` that is none, a pattern that is none, or code
            `unsafe_path` for a path that no file of a channel may have.
    """
    current = read_current_index(ports.store, spec.channel, spec.version)
    pieces = ports.open_files(spec.storage_path).pieces()
    held: list[StoredFile] = []
    for piece in pieces:
        held += piece
        if not piece:  # the listing begins again
            held.clear()
        if ports.scratch is not None and len(held) > ports.held_files:
            break
    with ExitStack() as stack:
        known_files = current.index.total_files if current else 0
        if ports.scratch is not None and max(len(held), known_files) > ports.held_files:
            scratch = stack.enter_context(ports.scratch())
            yield _look_on_disk(ports, spec, force, current, scratch, _handed_on(held, pieces))
        else:
            held.sort(key=itemgetter(0))
            yield _look_in_memory(ports, spec, force, current, held)


def _look_in_memory(
    ports: ChannelPorts,
    spec: ChannelSpec,
    force: bool,
    current: CurrentIndex | None,
    listed: Sequence[StoredFile],
) -> Look:
    described_by, digest = describing_digest(spec), listing_digest(spec, listed)
    if not force and current is not None and current.index.listing_sha256 == digest:
        return Look(spec, current, described_by, digest)
    arrangement = arrange(spec.pattern, listed)
    known = read_known(ports, spec.channel, spec.version, current)
    found = compare(NOTHING_KNOWN if force else known, arrangement, spec, described_by)
    work = HeldWork(spec, arrangement, found, known.segment_keys)
    return Look(spec, current, described_by, digest, work)


def _look_on_disk(
    ports: ChannelPorts,
    spec: ChannelSpec,
    force: bool,
    current: CurrentIndex | None,
    scratch: RowScratch,
    pieces: Iterator[Sequence[StoredFile]],
) -> Look:
    from dataplatform.channels.spilled.compare import compare_spilled
    from dataplatform.channels.spilled.known import read_spilled_known
    from dataplatform.channels.spilled.listing import spill_listing, spilled_digest
    from dataplatform.channels.spilled.paths import check_spilled_paths
    from dataplatform.channels.spilled.sidecars import arrange_spilled
    from dataplatform.channels.spilled.work import SpilledWork

    listing = spill_listing(scratch, pieces)
    described_by, digest = describing_digest(spec), spilled_digest(spec, listing)
    if not force and current is not None and current.index.listing_sha256 == digest:
        return Look(spec, current, described_by, digest)
    check_spilled_paths(scratch, listing)
    files = arrange_spilled(scratch, spec.pattern, listing)
    known = read_spilled_known(ports, scratch, spec, current, described_by)
    found = compare_spilled(scratch, files, () if force else known.batches(), spec)
    work = SpilledWork(scratch, found, known.segment_keys)
    return Look(spec, current, described_by, digest, work)


def _handed_on(
    held: list[StoredFile], pieces: Iterator[Sequence[StoredFile]]
) -> Iterator[Sequence[StoredFile]]:
    """What is held, which is let go meanwhile, and then the other pieces."""
    while held:
        piece = held[-HANDED_FILES:]
        del held[-HANDED_FILES:]
        yield piece
    yield from pieces


def plan_index(ports: ChannelPorts, spec: ChannelSpec, *, force: bool = False) -> ChannelPlan:
    """What `index_channel` would do; nothing is written.

    Raises:
        As `look`.
    """
    with look(ports, spec, force=force) as looked:
        if looked.work is not None:
            return _plan(ports, spec, looked.work.counts)
        total = looked.current.index.total_files if looked.current else 0
        return _plan(ports, spec, Counts(total, total, 0, 0, 0, 0, 0))


def _plan(ports: ChannelPorts, spec: ChannelSpec, counts: Counts) -> ChannelPlan:
    choice = choose_engine(spec.engine, counts.unread, ports.spark_files)
    return ChannelPlan(
        channel=spec.channel,
        version=str(spec.version),
        storage_path=spec.storage_path,
        files=counts.files,
        unchanged=counts.kept,
        new=counts.new,
        changed=counts.unread - counts.new,
        described_anew=counts.rederived,
        removed=counts.removed,
        read_bytes=counts.unread_bytes,
        engine=choice.engine,
        engine_reason=choice.reason,
    )
