"""Gather: every channel that was resolved is indexed, counted in its range, and pinned.

Here belongs the way from a resolved channel to its entry in the lock. How a channel is indexed is
`channels.build`'s and `channels.datasets`'s matter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from dataplatform.bundles.asked import AskedBundle
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.resolve import (
    Resolved,
    Unresolved,
    left_out_because,
    unresolvable,
)
from dataplatform.bundles.spec import AskedChannel, AskedRange
from dataplatform.bundles.totals import count_in_range
from dataplatform.channels.build import IndexedChannel, index_channel
from dataplatform.channels.catalogue import Channels
from dataplatform.channels.datasets import index_dataset
from dataplatform.channels.progress import Progress
from dataplatform.ports import SpecRepo
from opendata.reading.file_index.channels import read_channel_pointer
from opendata.wire import keys
from opendata.wire.bundle import DataRange, LeftOut, LockedChannel, SpecSource
from opendata.wire.channel import ChannelIndex
from opendata.wire.digest import digest_of, prefixed
from opendata.wire.errors import NotFound, Rejected
from opendata.wire.ids import is_dataset_id, parse_dataset_id
from opendata.wire.times import format_instant
from opendata.wire.version import parse_version


@dataclass(frozen=True)
class How:
    """How channels are indexed: `force` reads every file again, `only` names the channels that are
    looked at anew (all where it is empty; the others keep the index they have), `tell` hears which
    channel comes next and `progress` how far it is. `keep` names channels that somebody has looked
    at just now, `is_again` says that all of this was done a moment ago."""

    force: bool
    only: frozenset[str]
    progress: Progress
    tell: Callable[[str], object]
    keep: frozenset[str] = frozenset()
    is_again: bool = False


@dataclass(frozen=True)
class Gathered:
    """The entries of the lock with what was asked for, what was indexed on the way, and what had
    to be left out."""

    entries: tuple[tuple[AskedChannel, LockedChannel], ...]
    indexed: tuple[IndexedChannel, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def channels(self) -> tuple[LockedChannel, ...]:
        """The entries alone."""
        return tuple(one for _, one in self.entries)


def gather_channels(
    ports: BundlePorts,
    asked: AskedBundle,
    channels: Channels,
    resolved: Collection[Resolved],
    how: How,
) -> Gathered:
    """Index all channels that were resolved, one after the other; each hashes in parallel.

    Raises:
        Rejected: `unresolvable`, if the files of some are not where they should be, or no channel
            is left.
        InvalidDefinition: if a channel's spec is broken.
        Denied, Unavailable: if files cannot be read.
    """
    entries: list[tuple[AskedChannel, LockedChannel]] = []
    indexed: list[IndexedChannel] = []
    left_out: list[LeftOut] = []
    lost: list[Unresolved] = []
    for one in resolved:
        how.tell(f"{one.channel} {one.version}")
        try:
            index = _kept(ports, one, how)
            if index is None:
                done = index_resolved(ports, asked.repo, asked.commit, channels, one, how)
                indexed.append(done)
                index = done.index
        except NotFound as error:
            if one.asked.on_missing == "ignore":
                left_out.append(left_out_because(one.asked, error.message))
            else:
                lost.append(
                    Unresolved(one.asked.name, one.asked.version, error.message, hint=error.hint)
                )
            continue
        entries.append((one.asked, _pinned(ports, one, index)))
    if lost:
        raise unresolvable(lost)
    if not entries:
        raise Rejected(
            f"nothing is left of {asked.ref}: every channel may be missing, and every one is",
            code="unresolvable",
            hint="od bundle index --dry-run says why each would be left out",
        )
    return Gathered(tuple(entries), tuple(indexed), tuple(left_out))


def has_moved(ports: BundlePorts, gathered: Gathered) -> bool:
    """Whether somebody else has indexed one of the channels since; what was frozen meanwhile may
    pin the newer index."""
    for one in gathered.channels:
        index = read_channel_pointer(ports.store, one.channel, parse_version(one.version))
        if index is not None and index.index != one.index:
            return True
    return False


def check_only(only: Collection[str], resolved: Sequence[Resolved]) -> None:
    """See that the channels which are to be looked at anew are in the bundle.

    Raises:
        NotFound: naming the one that is not.
    """
    known = {name for one in resolved for name in (one.channel, one.asked.name)}
    for name in only:
        if name not in known:
            raise NotFound(
                f"{name} is no channel of this bundle",
                code="unknown_channel",
                hint=f"its channels are {', '.join(sorted(known))}",
            )


def _kept(ports: BundlePorts, one: Resolved, how: How) -> ChannelIndex | None:
    """The index that stays as it is; None where the channel is to be indexed."""
    names = {one.channel, one.asked.name}
    if not how.keep & names and (not how.only or how.only & names):
        return None
    return read_channel_pointer(ports.store, one.channel, one.version)


def index_resolved(
    ports: BundlePorts, repo: SpecRepo, commit: str, channels: Channels, one: Resolved, how: How
) -> IndexedChannel:
    """Bring the index of one channel up to date, as its spec at a commit says.

    Raises:
        NotFound: if its files are not where they should be.
        InvalidDefinition: if its spec is broken.
        Denied, Unavailable: if files cannot be read.
    """
    if is_dataset_id(one.channel):
        dataset = parse_dataset_id(one.channel)
        return index_dataset(ports.channels, dataset, one.version, force=how.force)
    spec = channels.spec(one.channel, one.version)
    source = _source(repo, commit, channels.spec_path(one.channel, one.version))
    return index_channel(
        ports.channels, spec, source=source, force=how.force, progress=how.progress
    )


def _source(repo: SpecRepo, commit: str, path: str) -> SpecSource:
    data = repo.read(path, commit)
    return SpecSource(
        repo=repo.name, commit=repo.touched(path, commit), file=path, sha256=digest_of(data)
    )


def _pinned(ports: BundlePorts, one: Resolved, index: ChannelIndex) -> LockedChannel:
    total = count_in_range(ports.store, index, one.asked.data_range, ports.cache)
    return LockedChannel(
        channel=one.channel,
        version=str(one.version),
        requested=one.asked.version,
        required=one.asked.required,
        data_range=_range(one.asked.data_range),
        storage_path=index.storage_path,
        index_file=keys.channel_index_key(one.channel, one.version),
        index=index.index,
        index_bytes=index.index_bytes,
        checksum=prefixed(index.index_sha256),
        file_count=total.files,
        total_bytes=total.bytes,
        requested_as=one.requested_as,
        release=index.release,
    )


def _range(asked: AskedRange) -> DataRange:
    start, end = asked.start_time, asked.end_time
    return DataRange(
        start_time=None if start is None else format_instant(start),
        end_time=None if end is None else format_instant(end),
    )
