"""Publish: one compare-and-set of the pointer makes a frozen release the current one.

Order: the release and its objects are there already; then the commit record (put-if-absent), then
the pointer. Whoever is killed in between leaves the old release or the new one, never a mixture.
Derived copies are `derive`'s. Whether a release may be published is decided by what is stored:
a valid frozen manifest, its verdicts, its objects, and that it follows the current release.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from dataplatform.releases.collecting.condemned import require_not_condemned
from dataplatform.releases.lines import publishing_kind
from dataplatform.releases.objects import JSON, is_intact, put_object_at
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.history import commit_at, publishing_commit
from opendata.reading.marks import freeze_state_of
from opendata.reading.resolve import Release, Route, read_release, read_route
from opendata.reading.signature import verify_release
from opendata.stores.parallel import in_parallel
from opendata.stores.port import AlreadyExists, ObjectStore, PreconditionFailed
from opendata.wire import keys
from opendata.wire.errors import Conflict, Corrupt, NotFound, Rejected, Unavailable
from opendata.wire.ids import DatasetId
from opendata.wire.manifest import named_objects, read_objects
from opendata.wire.pointer import NONCE_CHARS, Pointer, PointerKind, next_pointer
from opendata.wire.times import format_instant
from opendata.wire.version import Version, parse_version

# A release of many shards names hundreds of objects, and each answer takes a round trip.
STATS_AT_ONCE = 8
_NOT_FROZEN_HINT = "od run freezes and publishes in one go"


@dataclass(frozen=True)
class Published:
    """The commit of a release; `moved` is False if it had been made before."""

    pointer: Pointer
    release: Release
    moved: bool = True


def publish_release(ports: ReleasePorts, dataset: DatasetId, version: Version) -> Published:
    """Make a frozen release the current one.

    A release is published once. Asking again (because the first answer was lost, say) finds the
    commit that did it and changes nothing, even if others published or rolled back since.

    Raises:
        Rejected: if there is no valid frozen manifest, one of its objects is missing, or its line
            was closed by a hard freeze.
        Corrupt: if the pointer was lost, since starting anew would lose the history.
        Conflict: naming the winner, if another release was published since this one was frozen.
        Unavailable: if the outcome is unknown; publishing again settles it.
    """
    release = require_frozen(ports, dataset, version)
    route = read_route(ports.store, dataset)
    if route is None and (loss := lost_pointer(ports.store, dataset)):
        raise loss
    if route is not None and (done := publishing_commit(ports.store, release, route.pointer)):
        return Published(done, release, moved=False)
    _require_successor(release, route)
    pointer = _next_pointer(ports, release, route, _kind(ports, release, route))
    return Published(_swap(ports.store, dataset, pointer, route), release)


def move_back(ports: ReleasePorts, dataset: DatasetId, version: Version) -> Published:
    """Point readers at an earlier release again: a new generation that names an old release.

    Raises:
        Rejected: if that release was never published or its objects are gone.
        Conflict: naming the winner, if somebody published meanwhile.
    """
    release = require_frozen(ports, dataset, version)
    route = read_route(ports.store, dataset)
    if route is None:
        raise NotFound(f"{dataset} was never published", hint=f"od run {dataset} --publish")
    if route.pointer.manifest_sha256 == release.stored_sha256:
        return Published(route.pointer, release, moved=False)
    if publishing_commit(ports.store, release, route.pointer) is None:
        raise Rejected(
            f"{release.reference} was frozen and never published, so there is no way back to it",
            code="never_published",
            hint=f"od releases {dataset}",
        )
    _require_whole(ports, release)
    pointer = _next_pointer(ports, release, route, "rollback")
    return Published(_swap(ports.store, dataset, pointer, route), release)


def require_frozen(ports: ReleasePorts, dataset: DatasetId, version: Version) -> Release:
    """The release, if all that it stands on is there: manifest, signature, every object.

    Raises:
        Rejected: if it was never frozen.
        Corrupt, Denied: naming what is missing or altered.
        Unavailable: if a collection is removing one of the objects just now.
    """
    what = f"{dataset}@{version}"
    try:
        release = read_release(ports.store, dataset, version)
    except NotFound as error:
        raise Rejected(
            f"{what} is not frozen, so it cannot be published",
            code="not_frozen",
            hint=_NOT_FROZEN_HINT,
        ) from error
    trust = ports.signer.trust() if ports.signer else None
    verify_release(release.manifest, trust, ports.store)
    require_not_condemned(ports, lambda: release.stored_bytes, what)
    required = list(_required_objects(release))
    stats = in_parallel(ports.store.stat, (key for key, _ in required), STATS_AT_ONCE)
    for (key, size), stat in zip(required, stats, strict=True):
        if stat is None or size not in (None, stat.size):
            raise Corrupt(
                f"{what} cannot be published: {key} is missing or has another size",
                code="missing_object",
                hint=f"restore it from a copy of the store; od verify {what} names all losses",
                details={"object": key},
            )
    return release


def lost_pointer(store: ObjectStore, dataset: DatasetId) -> Corrupt | None:
    """The error that a missing pointer is, where something tells that there was one.

    A first commit record alone does not: whoever wrote it may have been killed before the swap.
    """
    prefix = keys.commit_prefix(dataset)
    first = keys.commit_key(dataset, 1, "")[: len(prefix) + 10]
    later = [stat.key for stat in store.list(prefix) if not stat.key.startswith(first)]
    copy = store.stat(keys.metadata_key(dataset))
    key = keys.pointer_key(dataset)
    if (not later and copy is None) or store.stat(key) is not None:
        return None  # the pointer may have come while these were looked for: others were first
    return Corrupt(
        f"{key} is gone, although {later[-1] if later else keys.metadata_key(dataset)} is there",
        code="missing_pointer",
        hint="restore it from a copy of the store; a commit record holds the bytes it should have",
        details={"object": key},
    )


def _require_whole(ports: ReleasePorts, release: Release) -> None:
    """Hash what readers would be sent back to, before they are.

    Raises:
        Corrupt: naming the damaged object; nothing has moved then.
    """
    files = release.manifest.files
    damaged = [
        *(e.path for e in files if not is_intact(ports.store, e.path, e.sha256, e.size_bytes)),
        *(e.chunks for e in files if not is_intact(ports.store, e.chunks)),
        *(key for key in read_objects(release.manifest) if not is_intact(ports.store, key)),
    ]
    if damaged:
        raise Corrupt(
            f"{release.reference} is damaged, so nothing has moved: {', '.join(damaged)}",
            code="damaged_release",
            hint=f"od releases {release.id} lists others to go back to",
            details={"objects": damaged},
        )


def _required_objects(release: Release) -> Iterator[tuple[str, int | None]]:
    """All that a release stands on, with sizes where they are known."""
    for entry in release.manifest.files:
        yield entry.path, entry.size_bytes
        yield entry.chunks, None
    for key in named_objects(release.manifest):
        yield key, None


def _require_successor(release: Release, route: Route | None) -> None:
    """A release may only replace the one that it was compared with."""
    current = route.pointer.release if route else None
    base = release.manifest.versioning.prev_release
    if base == current:
        return
    raise Conflict(
        f"{release.reference} was frozen to follow {base or 'nothing'}, but the current release "
        f"is {current or 'none'}"
        + (f" (commit {route.pointer.commit_id}, {route.pointer.updated_at})" if route else ""),
        code="superseded",
        hint=f"od run {release.id} --publish compares with the current release and tries again",
        details={"winner": route.pointer.to_json() if route else None},
    )


def _kind(ports: ReleasePorts, release: Release, route: Route | None) -> PointerKind:
    """What this publish is called, by how the release that it follows stands now."""
    if route is None:
        return "publish"
    current = read_release(
        ports.store,
        release.id,
        parse_version(route.pointer.release),
        expected_sha256=route.pointer.manifest_sha256,
    )
    state = freeze_state_of(ports.store, current.manifest, ports.now())
    return publishing_kind(release, current, state)


def _next_pointer(
    ports: ReleasePorts, release: Release, route: Route | None, kind: PointerKind
) -> Pointer:
    return next_pointer(
        route.pointer if route else None,
        nonce=secrets.token_hex(NONCE_CHARS // 2),
        release=str(release.version),
        manifest_sha256=release.stored_sha256,
        kind=kind,
        updated_at=format_instant(ports.now()),
    )


def _swap(store: ObjectStore, dataset: DatasetId, pointer: Pointer, base: Route | None) -> Pointer:
    data = pointer.to_bytes()
    record = keys.commit_key(dataset, pointer.generation, pointer.commit_id)
    put_object_at(store, record, data, len(data), JSON)  # a commit's id names its content
    key = keys.pointer_key(dataset)
    try:
        if base is None:
            store.put_new(key, data, content_type=JSON)
        else:
            store.put_if_match(key, data, base.token, content_type=JSON)
    except (AlreadyExists, PreconditionFailed, Unavailable) as error:
        return _settle(store, dataset, pointer, error)
    return pointer


def _settle(
    store: ObjectStore, dataset: DatasetId, mine: Pointer, error: Conflict | Unavailable
) -> Pointer:
    """Find out whether a lost or unknown swap happened; return the commit that counts if it did.

    A refusal may be one's own earlier write whose answer was lost, and somebody may have built
    on it already, so the chain is walked and not just the pointer looked at. A late write of an
    earlier attempt at the same release counts as well: what was asked for has happened.

    Raises:
        Conflict: naming the commit that won this generation.
        Unavailable: if the swap has not happened so far, or nobody can tell.
    """
    what = f"{dataset}@{mine.release}"
    try:
        route = read_route(store, dataset)
        head = route.pointer if route else None
        winner = commit_at(store, dataset, mine.generation, head) if head else None
    except Unavailable as second:
        raise Unavailable(
            f"whether {what} was published is not known: {second.message}",
            code="outcome_unknown",
            hint="publishing again is safe and settles it",
        ) from error
    if winner is not None and winner.manifest_sha256 == mine.manifest_sha256:
        return winner
    if winner is None:
        raise Unavailable(
            f"{what} was not published so far: {error.message}",
            code="not_published",
            hint="publishing again is safe and settles it",
        ) from error
    raise Conflict(
        f"{what} was not published: {winner.release} was first "
        f"(generation {winner.generation}, commit {winner.commit_id}, {winner.updated_at})",
        code="lost_race",
        hint=f"od run {dataset} --publish compares with the winner and tries again",
        details={"winner": winner.to_json(), "commit_id": mine.commit_id},
    ) from error
