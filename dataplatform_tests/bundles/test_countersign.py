"""Further keys sign a frozen lock: after one was compromised, or as the second who must sign."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform.bundles.countersign import countersign_lock, frozen_locks, needs_signature
from dataplatform_tests.bundles.drafts import NOW, draft, freeze, signer
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.reading.file_index.lake import locked, pictures, put_channel
from opendata.reading.bundle_signature import verify_bundle
from opendata.reading.signature import Trusted
from opendata.reading.trust import KeyRules, Reason, Revocation, TrustRoot
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.bundle import BundleLock
from opendata.wire.codec import replace
from opendata.wire.errors import Denied, Unavailable

pytestmark = pytest.mark.requirement("S0-85", "S4-48", "S4-74")
FIRST, SECOND, STRANGER = signer(1), signer(2), signer(3)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def frozen(store: MemoryStore, files: int = 4, by: Ed25519Signer | None = FIRST) -> BundleLock:
    channel = locked(put_channel(store, "images", pictures(files)))
    return freeze(store, draft([channel]), by=by).revision.lock


def trusting(threshold: int = 1, **rules: KeyRules) -> TrustRoot:
    """Trust in both keys; `first` and `second` may have rules."""
    by_name = {"first": FIRST, "second": SECOND}
    both = FIRST.trust().with_key(SECOND.key_id, SECOND.trust().keys[SECOND.key_id])
    named = {by_name[name].key_id: rule for name, rule in rules.items()}
    return TrustRoot(both.keys, named, threshold)


def who_trusts(one: Ed25519Signer) -> Ed25519Signer:
    """The same key, in the hands of somebody who trusts both."""
    seed = {FIRST.key_id: 1, SECOND.key_id: 2}[one.key_id]
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)), trusting())


def test_two_keys_sign_where_two_are_asked_for(store: MemoryStore) -> None:
    lock = frozen(store)
    with pytest.raises(Denied) as refused:
        verify_bundle(lock, trusting(2), store)
    assert refused.value.code == "too_few_signatures"
    assert refused.value.hint == f"od key countersign {lock.ref}, with another trusted key"
    done = countersign_lock(store, lambda: NOW, who_trusts(SECOND), lock)
    assert (done.added, done.reference) == (True, f"{lock.ref}#1")
    assert verify_bundle(lock, trusting(2), store) is Trusted.SIGNATURE
    with pytest.raises(Denied):  # who cannot look beside the lock sees one signature
        verify_bundle(lock, trusting(2))
    assert not countersign_lock(store, lambda: NOW, who_trusts(SECOND), lock).added
    assert not countersign_lock(store, lambda: NOW, who_trusts(FIRST), lock).added


def test_a_bundle_outlives_the_key_that_signed_it_first(store: MemoryStore) -> None:
    lock = frozen(store)
    countersign_lock(store, lambda: NOW, who_trusts(SECOND), lock)
    compromised = KeyRules(revoked=Revocation(NOW, Reason.COMPROMISED))
    assert verify_bundle(lock, trusting(first=compromised), store) is Trusted.SIGNATURE
    with pytest.raises(Denied) as refused:
        verify_bundle(lock, trusting(first=compromised, second=compromised), store)
    assert refused.value.code == "key_not_accepted"


def test_nobody_signs_what_no_trusted_key_vouches_for_unless_they_say_so(
    store: MemoryStore,
) -> None:
    unsigned = frozen(store, by=None)
    with pytest.raises(Denied) as refused:
        countersign_lock(store, lambda: NOW, who_trusts(SECOND), unsigned)
    assert refused.value.code == "not_vouched_for"
    assert countersign_lock(store, lambda: NOW, SECOND, unsigned, vouch=True).added
    assert verify_bundle(unsigned, trusting(), store) is Trusted.SIGNATURE


def test_a_signature_of_another_lock_or_key_does_not_count(store: MemoryStore) -> None:
    first = frozen(store)
    second = frozen(store, 5)
    countersign_lock(store, lambda: NOW, who_trusts(SECOND), first)
    moved = store.get(keys.bundle_countersignature_key(first.ref, 1, SECOND.key_id)).data
    key = keys.bundle_countersignature_key(first.ref, 2, SECOND.key_id)
    store.put(key, moved)
    assert needs_signature(store, who_trusts(SECOND), second)
    with pytest.raises(Denied):
        verify_bundle(second, trusting(2), store)
    # What was no signature of this key is replaced by one.
    assert countersign_lock(store, lambda: NOW, who_trusts(SECOND), second).added
    assert verify_bundle(second, trusting(2), store) is Trusted.SIGNATURE
    countersign_lock(store, lambda: NOW, STRANGER, first, vouch=True)
    only_first = TrustRoot(FIRST.trust().keys, {}, 2)
    with pytest.raises(Denied):
        verify_bundle(first, only_first, store)


def test_altered_contents_are_no_matter_for_countersignatures(store: MemoryStore) -> None:
    lock = frozen(store)
    countersign_lock(store, lambda: NOW, who_trusts(SECOND), lock)
    forged = replace(lock, channels=())
    with pytest.raises(Denied) as refused:
        verify_bundle(forged, trusting(), store)
    assert refused.value.code == "signature_mismatch"


def test_a_store_that_does_not_answer_is_not_taken_for_a_no(store: MemoryStore) -> None:
    lock = frozen(store)
    silent = FaultyStore(store, [Fault("get", "*/signatures/*", times=9)])
    with pytest.raises(Unavailable):
        verify_bundle(lock, trusting(2), silent)


def test_every_revision_can_be_found_to_be_signed(store: MemoryStore) -> None:
    locks = [frozen(store, files) for files in (4, 5, 6)]
    assert list(frozen_locks(store)) == locks
