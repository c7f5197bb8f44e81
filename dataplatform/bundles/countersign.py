"""Countersign: a further key signs a lock that is frozen already.

It keeps a bundle valid after the key that signed it first was found compromised, and is how a
second person signs where the trust file asks for more than one key. The lock is never rewritten:
the signature is an object beside it, put if absent. For releases see `releases.countersign`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataplatform.bundles.revisions import read_revision
from dataplatform.releases.objects import JSON
from opendata.reading.bundle_signature import (
    countersigned_statement,
    is_countersigned,
    verify_bundle,
)
from opendata.reading.signature import Countersignature
from opendata.stores.port import AlreadyExists, ObjectStore
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, parse_bundle_ref
from opendata.wire.errors import Denied
from opendata.wire.times import format_instant

if TYPE_CHECKING:
    from dataplatform.ports import Clock
    from dataplatform.releases.ports import Signer


@dataclass(frozen=True)
class SignedLock:
    """What was done for one revision (`<bundle>#<n>`); `added` is False where this key had signed
    it before."""

    reference: str
    key_id: str
    added: bool


def countersign_lock(
    store: ObjectStore, now: Clock, signer: Signer, lock: BundleLock, *, vouch: bool = False
) -> SignedLock:
    """Sign a frozen lock with one more key.

    Args:
        vouch: Sign although no trusted key vouches for it yet: whoever asks for that has compared
            it with a copy they trust.

    Raises:
        Denied: if no trusted key vouches for it and `vouch` is not said.
    """
    added = needs_signature(store, signer, lock)
    if added:
        if not vouch:
            _require_trusted(store, signer, lock)
        _add(store, now, signer, lock)
    return SignedLock(reference_of(lock), signer.key_id, added)


def needs_signature(store: ObjectStore, signer: Signer, lock: BundleLock) -> bool:
    """Whether this key has not signed that lock yet, neither first nor afterwards."""
    return lock.integrity.signed_by != signer.key_id and not is_countersigned(
        lock, signer.trust(), store, signer.key_id
    )


def frozen_locks(store: ObjectStore) -> Iterator[BundleLock]:
    """Every revision of every bundle, by a listing.

    Raises:
        Corrupt: naming one that was altered.
    """
    for stat in store.list(keys.BUNDLES):
        named = keys.bundle_of_revision_key(stat.key)
        if named is not None:
            yield read_revision(store, parse_bundle_ref(named), stat.key).lock


def reference_of(lock: BundleLock) -> str:
    """`<type>/<name>-<version>#<revision>`."""
    return f"{lock.ref}#{lock.revision}"


def _require_trusted(store: ObjectStore, signer: Signer, lock: BundleLock) -> None:
    try:
        verify_bundle(lock, signer.trust(), store, threshold=1)
    except Denied as denied:
        raise Denied(
            f"{denied.message}; signing it would say that it is genuine",
            code="not_vouched_for",
            hint="compare it with a copy that you trust, then say --vouch",
            details=denied.details,
        ) from denied


def _add(store: ObjectStore, now: Clock, signer: Signer, lock: BundleLock) -> None:
    signed_at = format_instant(now())
    document = Countersignature(
        signature=signer.sign(countersigned_statement(lock, signed_at)),
        signed_by=signer.key_id,
        signed_at=signed_at,
    ).to_bytes()
    key = keys.bundle_countersignature_key(lock.ref, lock.revision, signer.key_id)
    try:
        store.put_new(key, document, content_type=JSON)
    except AlreadyExists:
        # Either our own of a moment ago, or bytes that were seen to be no signature of this key.
        if needs_signature(store, signer, lock):
            store.put(key, document, content_type=JSON)
