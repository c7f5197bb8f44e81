"""Index a bundle: from a commit of its spec to a frozen, signed lock that readers find (S0-1).

Order: the spec is read and the repositories' versions are compared before anything is done; then
channels are resolved and indexed, the lock is frozen, the pointer moves, and what is derived
follows. Each step is found done where it was done before, so whoever is killed anywhere asks again
for the same and the rest is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dataplatform.bundles.asked import AskedBundle, ask_for
from dataplatform.bundles.compatibility import (
    Compatibility,
    check_compatibility,
    require_compatible,
)
from dataplatform.bundles.derive import show_bundle
from dataplatform.bundles.document import whole_seconds
from dataplatform.bundles.freeze import (
    DEFAULT_OBSERVATION,
    INDEX_MOVED,
    UNSEALED_FREEZE,
    UNSEALED_INTEGRITY,
    Frozen,
    Order,
    freeze_bundle,
)
from dataplatform.bundles.gather import Gathered, How, check_only, gather_channels, has_moved
from dataplatform.bundles.outcomes import PUBLISHED
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.precedence import Precedence
from dataplatform.bundles.publish import publish_revision
from dataplatform.bundles.published import PublishedReleases
from dataplatform.bundles.requests import BundleRequest
from dataplatform.bundles.resolve import Resolution, resolve_bundle
from dataplatform.bundles.totals import require_declared
from dataplatform.bundles.watch.accepted import accepted_damage
from dataplatform.channels.build import IndexedChannel
from dataplatform.channels.catalogue import Channels, read_channels
from dataplatform.channels.progress import NO_PROGRESS, Progress
from opendata.reading.file_index.bundles import read_bundle_pointer
from opendata.wire.bundle import BundleLock, LeftOut, LockedChannel
from opendata.wire.errors import Conflict, Corrupt, NotFound, OpenDataError

RACE_TRIES: Final = 5


@dataclass(frozen=True)
class IndexedBundle:
    """A bundle as readers get it now.

    `changed` is False where this very content was frozen before. `channels` are those that were
    looked at anew, `commits` the commit of each branch of the index repository. `superseded` is
    True where a newer commit of the spec was indexed already, whose lock this is. `compatibility`
    is what the two repositories' versions are to each other, where somebody asks.
    """

    lock: BundleLock
    changed: bool
    channels: tuple[IndexedChannel, ...]
    commits: Mapping[str, str]
    notes: tuple[str, ...] = ()
    compatibility: Compatibility | None = None
    superseded: bool = False


@dataclass(frozen=True)
class Plan:
    """What a spec means today, before anything is done."""

    asked: AskedBundle
    channels: Channels
    resolution: Resolution
    compatibility: Compatibility | None


def index_bundle(
    ports: BundlePorts,
    request: BundleRequest,
    *,
    force: bool = False,
    only: Collection[str] = (),
    keep: Collection[str] = (),
    progress: Progress = NO_PROGRESS,
    tell: Callable[[str], object] = lambda step: None,
) -> IndexedBundle:
    """Index what a commit of the spec repository asks for. Raises as `index_asked`, and NotFound.

    Args:
        force: Read every file of the channels again, changed or not.
        only: The channels that are looked at anew; all where it is empty.
        keep: Channels that were looked at just now, and keep the index that they have.
        progress: Told how far the indexing of a channel is.
        tell: Told of each step.
    """
    asked = ask_for(ports.open_spec_repo(), request)
    how = How(force, frozenset(only), progress, tell, frozenset(keep))
    return index_asked(ports, asked, how)


def index_asked(ports: BundlePorts, asked: AskedBundle, how: How) -> IndexedBundle:
    """Index what is asked for.

    Raises:
        InvalidDefinition: if a spec is broken, with places.
        Rejected: `unresolvable` with a report, `incompatible`, `declared_totals`.
        Conflict: `bundle_frozen`, if this is other content after the observation window.
        Corrupt, Denied, Unavailable: as files and store do; asking again finishes the work.
    """
    order = Precedence(asked.repo)
    if _is_overtaken(ports, asked, order):
        lock, commits = _show(ports, asked)
        return IndexedBundle(lock, False, (), commits, superseded=True)
    plan = plan_bundle(ports, asked)
    require_compatible(plan.compatibility)
    plan.resolution.require_whole()
    check_only(how.only, plan.resolution.resolved)
    indexed, frozen = _lock(ports, plan, order, how)
    how.tell("committing")
    lock, commits = _show(ports, asked)
    superseded = frozen.superseded or lock.revision != frozen.revision.number
    return IndexedBundle(
        lock,
        frozen.changed and not superseded,
        indexed,
        commits,
        (
            *(one.note for one in plan.resolution.resolved if one.note),
            *accepted_damage(ports, lock.channels),
        ),
        plan.compatibility,
        superseded,
    )


def plan_bundle(ports: BundlePorts, asked: AskedBundle) -> Plan:
    """What indexing would lock; writes nothing.

    Raises:
        InvalidDefinition: if a spec is broken, with places.
    """
    channels = read_channels(asked.repo, asked.commit)
    resolution = resolve_bundle(asked.spec, channels, PublishedReleases(ports.store))
    index_repo = ports.open_index_repo()
    return Plan(
        asked, channels, resolution, check_compatibility(asked.repo, asked.commit, index_repo)
    )


def _draft(ports: BundlePorts, plan: Plan, gathered: Gathered) -> BundleLock:
    spec, source, found = plan.asked.spec, plan.asked.source, plan.compatibility
    left_out: tuple[LeftOut, ...] = (*plan.resolution.left_out, *gathered.left_out)
    return BundleLock(
        type=spec.ref.type,
        name=spec.ref.name,
        version=str(spec.ref.version),
        revision=1,
        spec=source,
        created_at=whole_seconds(ports.now()),
        channels=gathered.channels,
        left_out=left_out,
        total_files=sum(one.file_count for one in gathered.channels),
        total_bytes=sum(one.total_bytes for one in gathered.channels),
        integrity=UNSEALED_INTEGRITY,
        freeze=UNSEALED_FREEZE,
        spec_version=found.spec_version if found else None,
        index_version=found.index_version if found else None,
    )


def _lock(
    ports: BundlePorts, plan: Plan, order: Precedence, how: How
) -> tuple[tuple[IndexedChannel, ...], Frozen]:
    """Index the channels, freeze what they give, and point at it.

    Done again where others were faster: with a newer index of a channel, which an older look at it
    must not replace, or with an older commit's lock, which must not stay.
    """
    asked, indexed = plan.asked, list[IndexedChannel]()
    for left in reversed(range(RACE_TRIES)):
        gathered = gather_channels(ports, asked, plan.channels, plan.resolution.resolved, how)
        indexed += [one for one in gathered.indexed if one.changed or not how.is_again]
        how = replace(how, force=False, is_again=True)
        require_declared(asked.spec, list(gathered.entries))
        how.tell("locking")
        try:
            frozen = _freeze(ports, plan, gathered, order, accepts_older=not left)
        except Conflict as error:
            if error.code != INDEX_MOVED:
                raise
            continue
        own = frozen.revision.lock.spec if frozen.superseded else asked.source
        pointer = publish_revision(
            ports, frozen.revision, asked_at=own.commit, is_newer=order.is_newer
        )
        is_lower = frozen.revision.number < pointer.revision
        if not (is_lower and order.is_newer(pointer.spec_commit, own.commit) and left):
            break
    return tuple(indexed), frozen


def _show(ports: BundlePorts, asked: AskedBundle) -> tuple[BundleLock, Mapping[str, str]]:
    """As `show_bundle`; an error says of itself that the lock is published all the same."""
    try:
        return show_bundle(ports, asked.ref)
    except OpenDataError as error:
        error.details = {**error.details, PUBLISHED: True}
        raise


def _freeze(
    ports: BundlePorts, plan: Plan, gathered: Gathered, order: Precedence, *, accepts_older: bool
) -> Frozen:
    asked, observation = plan.asked, plan.asked.spec.meta.observation
    own = asked.source.commit
    return freeze_bundle(
        ports.store,
        _draft(ports, plan, gathered),
        observation=DEFAULT_OBSERVATION if observation is None else observation,
        order=Order(
            # The pointer knows of commits that froze nothing, since they changed nothing.
            lambda commit: order.is_newer(own, commit) or _is_overtaken(ports, asked, order),
            lambda old, new: _same_files(ports, old, new),
            lambda: not accepts_older and has_moved(ports, gathered),
        ),
        now=ports.now(),
        signer=ports.signer,
    )


def _is_overtaken(ports: BundlePorts, asked: AskedBundle, order: Precedence) -> bool:
    """Whether a newer commit than this one has asked for what readers have."""
    pointer = read_bundle_pointer(ports.store, asked.ref)
    return pointer is not None and order.is_newer(asked.source.commit, pointer.spec_commit)


def _same_files(ports: BundlePorts, old: LockedChannel, new: LockedChannel) -> bool:
    # Seldom needed, and what compares rows takes a tenth of a second to load.
    from dataplatform.bundles.compare import have_same_files

    pinned = ports.store.stat(old.index)
    if pinned is None or pinned.size != old.index_bytes:
        return False  # an index that is lost gives readers nothing: the new one takes its place
    try:
        return have_same_files(ports.store, old, new)
    except (NotFound, Corrupt):
        return False  # as is one that is damaged
