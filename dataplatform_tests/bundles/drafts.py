"""Drafts of locks for tests: channels pinned to indexes that lie in a store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform.bundles.freeze import (
    DEFAULT_OBSERVATION,
    UNSEALED_FREEZE,
    UNSEALED_INTEGRITY,
    Frozen,
    Order,
    freeze_bundle,
)
from opendata.stores.port import ObjectStore
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, BundlePointer, LockedChannel, SpecSource
from opendata.wire.digest import digest_of

NOW = datetime(2025, 6, 20, 10, 30, tzinfo=UTC)
COMMIT = "a" * 40
IN_ANY_ORDER = Order(lambda commit: False, lambda old, new: False)


def signer(seed: int = 7) -> Ed25519Signer:
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)))


def draft(
    channels: Sequence[LockedChannel],
    *,
    commit: str | None = COMMIT,
    version: str = "v1.0.0-2025.25",
) -> BundleLock:
    """What a spec resolved to, not frozen yet."""
    file = f"bundles/weekly/foundational_model-{version}.yaml"
    return BundleLock(
        type="weekly",
        name="foundational_model",
        version=version,
        revision=1,
        spec=SpecSource(repo="DataSpecHub", commit=commit, file=file, sha256="1" * 64),
        created_at="2025-06-20T10:30:00Z",
        channels=tuple(channels),
        left_out=(),
        total_files=sum(one.file_count for one in channels),
        total_bytes=sum(one.total_bytes for one in channels),
        integrity=UNSEALED_INTEGRITY,
        freeze=UNSEALED_FREEZE,
    )


def freeze(
    store: ObjectStore,
    what: BundleLock,
    *,
    order: Order = IN_ANY_ORDER,
    now: datetime = NOW,
    observation: timedelta = DEFAULT_OBSERVATION,
    by: Ed25519Signer | None = None,
) -> Frozen:
    return freeze_bundle(store, what, observation=observation, order=order, now=now, signer=by)


def signed_bundle(store: ObjectStore, what: BundleLock, by: Ed25519Signer) -> BundleLock:
    """A frozen lock, and the pointer by which it is found."""
    lock = freeze(store, what, by=by).revision.lock
    data = store.get(keys.bundle_revision_key(lock.ref, lock.revision)).data
    pointer = BundlePointer(
        revision=lock.revision,
        lock_sha256=digest_of(data),
        commit_id="0" * 16,
        updated_at=lock.created_at,
    )
    store.put(keys.bundle_pointer_key(lock.ref), pointer.to_bytes())
    return lock
