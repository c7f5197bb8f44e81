"""Freeze: what a bundle resolved to becomes an immutable, numbered, signed lock.

Freezing is one put-if-absent of `revisions/<n>.json`; readers see it once the pointer moves
(`publish`). The same content is the same revision, whoever asks and how often; only a lock that
names no commit, or that nobody signed, is followed by one that does. Other content is the next
revision as long as the observation window of the first one is open; after that a version
means what it means, and other content needs another `bundle_version`.

Requests overtake each other on their way here. One from an older commit than the frozen lock's
changes nothing, so that the order of commits decides and not that of arrival.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from dataplatform.bundles.changed import describe_changes
from dataplatform.bundles.revisions import Revision, newest_revision, read_revision
from dataplatform.releases.objects import JSON
from opendata.reading.bundle_signature import bundle_statement
from opendata.reading.file_index.bundles import read_bundle_pointer
from opendata.stores.port import AlreadyExists, ObjectStore
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, LockedChannel, locked_content
from opendata.wire.codec import replace
from opendata.wire.digest import digest_of, json_digest, prefixed
from opendata.wire.errors import Conflict
from opendata.wire.manifest import Freeze, Integrity
from opendata.wire.signed_body import signed_body
from opendata.wire.times import format_instant, parse_instant

if TYPE_CHECKING:
    # Loading this pulls in the engines of contracts, which bundles do not need.
    from dataplatform.releases.ports import Signer

DEFAULT_OBSERVATION: Final = timedelta(days=7)
FREEZE_TRIES: Final = 64
INDEX_MOVED: Final = "index_moved"
"""Code of a `Conflict`: a channel was indexed by somebody else since this draft was made."""
UNSEALED_INTEGRITY: Final = Integrity(hash_sha256="0" * 64, content_hash="0" * 64)
UNSEALED_FREEZE: Final = Freeze(tag="", mode="soft", frozen_at="")


@dataclass(frozen=True)
class Frozen:
    """The revision that counts after freezing. `changed` is False if it was there before,
    `superseded` is True if that is so because a newer commit's was."""

    revision: Revision
    changed: bool
    superseded: bool = False


@dataclass(frozen=True)
class Order:
    """How a draft stands to what was frozen before.

    `is_overtaken` says of the commit that a lock was asked for at whether it is newer than this
    draft's. `has_same_files` says of two entries of one channel, which pin different indexes,
    whether what they give a reader is the same all the same: a channel grows beyond a bundle's
    range, and that is no change of the bundle. `has_moved` says whether a channel has another index
    by now than the draft: then a lock that was frozen meanwhile may be of a later look at it.
    """

    is_overtaken: Callable[[str | None], bool]
    has_same_files: Callable[[LockedChannel, LockedChannel], bool]
    has_moved: Callable[[], bool] = lambda: False


def freeze_bundle(
    store: ObjectStore,
    draft: BundleLock,
    *,
    observation: timedelta,
    order: Order,
    now: datetime,
    signer: Signer | None,
) -> Frozen:
    """Freeze a draft, or find the revision that says the same.

    Args:
        observation: For how long from the first revision on others may follow.

    Raises:
        Conflict: `bundle_frozen`, with what differs, if the window has closed;
            `spec_not_committed`, if this is other content than a commit asked for, and in no commit
            itself; `index_moved`; also if others kept freezing revisions of this bundle.
        Corrupt: if the newest revision was altered.
    """
    for _ in range(FREEZE_TRIES):
        head = newest_revision(store, draft.ref)
        if head is not None:
            if order.is_overtaken(head.lock.spec.commit):
                return Frozen(head, changed=False, superseded=True)
            draft = replace(draft, channels=_carried(head.lock, draft, order))
            is_same = _content_hash(draft) == head.lock.integrity.content_hash
            if is_same and not _founds_it_better(head.lock, draft, signer, now):
                return Frozen(head, changed=False)
            if not is_same and (shown := _shown_instead(store, head, draft)) is not None:
                return Frozen(shown, changed=False)
            require_open(head.lock, draft, now)
            _require_commit(head.lock, draft)
            if order.has_moved():
                raise Conflict(
                    f"a channel of {draft.ref} was indexed by others meanwhile",
                    code=INDEX_MOVED,
                    hint="run the same command again",
                )
        sealed = Revision.of(_sealed(draft, head, observation, now, signer))
        key = keys.bundle_revision_key(draft.ref, sealed.number)
        try:
            store.put_new(key, sealed.stored_bytes, content_type=JSON)
        except AlreadyExists:
            continue  # somebody else, or one's own write whose answer was lost: look again
        return Frozen(sealed, changed=True)
    raise Conflict(
        f"{FREEZE_TRIES} revisions of {draft.ref} were frozen by others meanwhile",
        code="numbers_taken",
        hint="run the same command again",
    )


def _shown_instead(store: ObjectStore, head: Revision, draft: BundleLock) -> Revision | None:
    """The revision that readers have, if it says what the draft does and the newest one, which
    says something else, was never pointed at."""
    pointer = read_bundle_pointer(store, draft.ref)
    if pointer is None or pointer.revision >= head.number:
        return None
    key = keys.bundle_revision_key(draft.ref, pointer.revision)
    shown = read_revision(store, draft.ref, key)
    is_same = shown.lock.integrity.content_hash == _content_hash(draft)
    return shown if is_same else None


def require_open(head: BundleLock, draft: BundleLock, now: datetime) -> None:
    """See that a bundle may still be corrected under the same version.

    Raises:
        Conflict: `bundle_frozen`, with what differs.
    """
    if _is_open(head, now):
        return
    until = head.freeze.observation_until
    changes = describe_changes(head.channels, draft.channels)
    closed = f"could be corrected until {until}" if until else "was frozen hard"
    raise Conflict(
        f"{head.ref} {closed}, and this is other content: {'; '.join(changes)}",
        code="bundle_frozen",
        hint="give it a new bundle_version",
        details={"bundle": str(head.ref), "revision": head.revision, "changes": changes},
    )


def _require_commit(head: BundleLock, draft: BundleLock) -> None:
    """See that what a commit asked for is not replaced by what nobody committed.

    Raises:
        Conflict: `spec_not_committed`, with what differs.
    """
    if head.spec.commit is None or draft.spec.commit is not None:
        return
    changes = describe_changes(head.channels, draft.channels)
    raise Conflict(
        f"{head.ref} is what {head.spec.repo} asked for at {head.spec.commit[:12]}, and nobody "
        f"committed this other content: {'; '.join(changes)}",
        code="spec_not_committed",
        hint="commit the spec first; --dry-run shows what it would lock",
        details={"bundle": str(head.ref), "commit": head.spec.commit, "changes": changes},
    )


def _is_open(head: BundleLock, now: datetime) -> bool:
    until = head.freeze.observation_until
    return until is not None and now <= parse_instant(until)


def _founds_it_better(
    head: BundleLock, draft: BundleLock, signer: Signer | None, now: datetime
) -> bool:
    """Whether the same content is worth another revision: the one there is names no commit, or
    nobody signed it, and this one would. That, too, is a correction and has its time."""
    names_commit = head.spec.commit is None and draft.spec.commit is not None
    signs = head.integrity.signature is None and signer is not None
    return (names_commit or signs) and _is_open(head, now)


def _carried(head: BundleLock, draft: BundleLock, order: Order) -> tuple[LockedChannel, ...]:
    """The draft's channels; one that gives a reader what the frozen one gives stays as it is."""
    before = {one.channel: one for one in head.channels}

    def entry(one: LockedChannel) -> LockedChannel:
        old = before.get(one.channel)
        if old is None or (old.version, old.data_range) != (one.version, one.data_range):
            return one
        counts = (old.file_count, old.total_bytes) == (one.file_count, one.total_bytes)
        if old.checksum == one.checksum or not counts or not order.has_same_files(old, one):
            return one
        return replace(one, index=old.index, index_bytes=old.index_bytes, checksum=old.checksum)

    return tuple(entry(one) for one in draft.channels)


def _content_hash(lock: BundleLock) -> str:
    return prefixed(json_digest(locked_content(lock.channels)))


def _sealed(
    draft: BundleLock,
    head: Revision | None,
    observation: timedelta,
    now: datetime,
    signer: Signer | None,
) -> BundleLock:
    """Number, hash, freeze and sign; the hash covers all but the two blocks that hold it."""
    numbered = replace(
        draft,
        revision=head.number + 1 if head else 1,
        previous=prefixed(head.stored_sha256) if head else None,
    )
    freeze = _freeze(draft, head, observation, now)
    hashed = digest_of(signed_body(numbered.to_json()))
    integrity = Integrity(hash_sha256=hashed, content_hash=_content_hash(draft))
    if signer is not None:
        signed_at = format_instant(now)
        statement = bundle_statement(numbered, freeze, hashed, signed_at)
        integrity = replace(
            integrity,
            signature=signer.sign(statement),
            signed_by=signer.key_id,
            signed_at=signed_at,
        )
    return replace(numbered, integrity=integrity, freeze=freeze)


def _freeze(
    draft: BundleLock, head: Revision | None, observation: timedelta, now: datetime
) -> Freeze:
    """The window is the first revision's: a correction does not lengthen it."""
    if head is not None:
        mode, until = head.lock.freeze.mode, head.lock.freeze.observation_until
    else:
        mode = "soft" if observation else "hard"
        until = format_instant(now + observation) if observation else None
    return Freeze(
        tag=draft.version, mode=mode, frozen_at=format_instant(now), observation_until=until
    )
