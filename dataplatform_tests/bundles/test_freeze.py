"""Freezing: one content, one revision; corrected inside the window, refused after it; signed."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from dataplatform.bundles.compare import have_same_files
from dataplatform.bundles.freeze import Order
from dataplatform.bundles.revisions import newest_revision
from dataplatform_tests.bundles.drafts import COMMIT, IN_ANY_ORDER, NOW, draft, freeze, signer
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.reading.file_index.lake import Row, locked, pictures, put_channel
from opendata.reading.bundle_signature import bundle_statement, signer_scope, verify_bundle
from opendata.reading.signature import Trusted
from opendata.reading.trust import KeyRules, Reason, Revocation, TrustRoot
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, DataRange, LockedChannel, read_lock
from opendata.wire.codec import replace
from opendata.wire.digest import prefixed
from opendata.wire.errors import Conflict, Corrupt, Denied, Unavailable

pytestmark = pytest.mark.requirement("S0-1", "S0-82", "S0-85")
WINDOW_CLOSED = NOW + timedelta(days=7, seconds=1)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def channel(store: MemoryStore, files: int = 10, name: str = "image_original") -> LockedChannel:
    return locked(put_channel(store, name, pictures(files)))


def test_the_first_revision_is_read_back_as_it_was_frozen(store: MemoryStore) -> None:
    frozen = freeze(store, draft([channel(store)]))
    lock = frozen.revision.lock
    assert frozen.changed
    assert (lock.revision, lock.previous, lock.freeze.mode) == (1, None, "soft")
    assert lock.freeze.observation_until == "2025-06-27T10:30:00Z"
    assert newest_revision(store, lock.ref) == frozen.revision


def test_the_same_content_is_the_same_revision_whoever_asks(store: MemoryStore) -> None:
    first = freeze(store, draft([channel(store)]))
    again = freeze(store, draft([channel(store)], commit="b" * 40), now=WINDOW_CLOSED)
    assert not again.changed
    assert again.revision == first.revision


def test_a_lock_without_commit_or_signature_is_followed_by_one_that_has_it(
    store: MemoryStore,
) -> None:
    tried = draft([channel(store)], commit=None)
    assert freeze(store, tried).changed
    assert not freeze(store, tried).changed
    committed = freeze(store, draft([channel(store)]))
    assert (committed.changed, committed.revision.number) == (True, 2)
    signed = freeze(store, draft([channel(store)]), by=signer())
    assert (signed.changed, signed.revision.number) == (True, 3)
    assert not freeze(store, tried).changed
    assert not freeze(store, draft([channel(store)]), by=signer(8)).changed
    assert newest_revision(store, tried.ref) == signed.revision


def test_what_nobody_committed_never_replaces_what_a_commit_asked_for(store: MemoryStore) -> None:
    freeze(store, draft([channel(store)]))
    with pytest.raises(Conflict, match=r"10 files .* become 11 files") as refused:
        freeze(store, draft([channel(store, 11)], commit=None))
    assert refused.value.code == "spec_not_committed"
    assert not freeze(store, draft([channel(store)], commit=None)).changed


def test_after_the_window_nothing_follows_not_even_a_signature(store: MemoryStore) -> None:
    first = freeze(store, draft([channel(store)]))
    late = freeze(store, draft([channel(store)]), by=signer(), now=WINDOW_CLOSED)
    assert (late.changed, late.revision) == (False, first.revision)


def test_other_content_inside_the_window_is_the_next_revision(store: MemoryStore) -> None:
    first = freeze(store, draft([channel(store)])).revision
    second = freeze(store, draft([channel(store, 11)]), now=NOW + timedelta(days=6))
    lock = second.revision.lock
    assert (second.changed, lock.revision) == (True, 2)
    assert lock.previous == prefixed(first.stored_sha256)
    # A correction does not lengthen the time for corrections.
    assert lock.freeze.observation_until == first.lock.freeze.observation_until


def test_other_content_after_the_window_needs_another_version(store: MemoryStore) -> None:
    freeze(store, draft([channel(store), channel(store, 3, "lidar")]))
    with pytest.raises(Conflict) as refused:
        freeze(store, draft([channel(store, 12)]), now=WINDOW_CLOSED)
    assert refused.value.code == "bundle_frozen"
    assert refused.value.hint == "give it a new bundle_version"
    assert refused.value.message == (
        "weekly/foundational_model-v1.0.0-2025.25 could be corrected until 2025-06-27T10:30:00Z, "
        "and this is other content: image_original: 10 files of 10.0 kB become 12 files of "
        "12.1 kB; lidar 1.2.0 goes"
    )
    other = freeze(store, draft([channel(store, 12)], version="v1.0.1-2025.25"), now=WINDOW_CLOSED)
    assert other.revision.number == 1


def test_a_window_of_nothing_is_hard_from_the_beginning(store: MemoryStore) -> None:
    frozen = freeze(store, draft([channel(store)]), observation=timedelta(0))
    assert frozen.revision.lock.freeze.mode == "hard"
    with pytest.raises(Conflict, match="was frozen hard"):
        freeze(store, draft([channel(store, 11)]))


@pytest.mark.requirement("B5")
def test_an_older_commit_that_comes_late_changes_nothing(store: MemoryStore) -> None:
    newer, older = "b" * 40, "a" * 40
    overtaken = Order(lambda commit: commit == newer, IN_ANY_ORDER.has_same_files)
    first = freeze(store, draft([channel(store)], commit=newer))
    late = freeze(store, draft([channel(store, 11)], commit=older), order=overtaken)
    assert (late.changed, late.superseded) == (False, True)
    assert late.revision == first.revision


def test_a_channel_that_grew_beyond_the_range_is_no_change(store: MemoryStore) -> None:
    ten_minutes = DataRange(start_time="2025-06-01T00:00:00Z", end_time="2025-06-01T00:09:00Z")
    order = Order(lambda commit: False, lambda old, new: have_same_files(store, old, new))

    def in_range(rows: list[Row]) -> LockedChannel:
        whole = locked(put_channel(store, "image_original", rows))
        return replace(whole, data_range=ten_minutes, file_count=10, total_bytes=10_045)

    first = freeze(store, draft([in_range(pictures(10))]), order=order)
    grown = freeze(store, draft([in_range(pictures(25))]), order=order, now=WINDOW_CLOSED)
    assert grown.revision == first.revision
    other = pictures(25)
    other[3] = dataclasses.replace(other[3], metadata='{"camera_id":"none"}')
    with pytest.raises(Conflict, match="other files, as many"):
        freeze(store, draft([in_range(other)]), order=order, now=WINDOW_CLOSED)


def test_of_many_that_freeze_at_once_each_content_gets_one_revision(store: MemoryStore) -> None:
    drafts = [draft([channel(store, 1 + number % 4)]) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        frozen = list(pool.map(lambda one: freeze(store, one), drafts))
    stored = list(store.list(keys.bundle_revision_prefix(drafts[0].ref)))
    assert len(stored) == sum(one.changed for one in frozen)
    chain: list[BundleLock] = []
    for stat in stored:
        lock = read_lock(store.get(stat.key).data, stat.key)
        assert lock.revision == len(chain) + 1
        if chain:
            assert lock.integrity.content_hash != chain[-1].integrity.content_hash
        chain.append(lock)


def test_a_lost_answer_is_no_second_revision(store: MemoryStore) -> None:
    lossy = FaultyStore(store, [Fault("put_new", "bundles/*", after=True)])
    what = draft([channel(store)])
    with pytest.raises(Unavailable):
        freeze(lossy, what)
    again = freeze(lossy, what)
    assert (again.changed, again.revision.number) == (False, 1)


def test_an_altered_lock_is_refused(store: MemoryStore) -> None:
    what = draft([channel(store)])
    frozen = freeze(store, what)
    key = keys.bundle_revision_key(what.ref, 1)
    altered = frozen.revision.stored_bytes.replace(b'"file_count":10', b'"file_count":99')
    store.put(key, altered)
    with pytest.raises(Corrupt, match="was altered"):
        freeze(store, what)


# --- signatures ----------------------------------------------------------------------


def signed(store: MemoryStore) -> BundleLock:
    return freeze(store, draft([channel(store)]), by=signer()).revision.lock


def test_a_signed_lock_is_verified_and_without_a_trust_root_that_is_said(
    store: MemoryStore,
) -> None:
    lock = signed(store)
    assert verify_bundle(lock, signer().trust()) is Trusted.SIGNATURE
    assert verify_bundle(lock, None) is Trusted.DIGESTS_ONLY


def test_the_statement_names_the_body_and_every_index(store: MemoryStore) -> None:
    lock = signed(store)
    integrity = lock.integrity
    statement = json.loads(
        bundle_statement(lock, lock.freeze, integrity.hash_sha256, integrity.signed_at)
    )
    [images] = lock.channels
    assert [(one["name"], one["digest"]["sha256"]) for one in statement["subject"]] == [
        ("bundles/weekly/foundational_model-v1.0.0-2025.25@1", integrity.hash_sha256),
        (images.index, images.checksum.removeprefix("sha256:")),
    ]
    assert statement["predicate"]["freeze"]["observation_until"] == "2025-06-27T10:30:00Z"


def test_what_nobody_trusted_signed_is_refused(store: MemoryStore) -> None:
    lock = signed(store)
    with pytest.raises(Denied, match="no trusted key signed the bundle weekly/"):
        verify_bundle(lock, signer(8).trust())
    unsigned = freeze(MemoryStore(), draft([channel(store)])).revision.lock
    with pytest.raises(Denied, match="is not signed"):
        verify_bundle(unsigned, signer().trust())


@pytest.mark.parametrize(
    "forge",
    [
        lambda lock: replace(lock, freeze=replace(lock.freeze, observation_until=None)),
        lambda lock: replace(lock, freeze=replace(lock.freeze, frozen_at="2020-01-01T00:00:00Z")),
        lambda lock: replace(lock, channels=()),
        lambda lock: replace(lock, revision=2),
        lambda lock: replace(lock, integrity=replace(lock.integrity, hash_sha256="0" * 64)),
        lambda lock: replace(lock, integrity=replace(lock.integrity, signed_by="someone else")),
        lambda lock: replace(lock, integrity=replace(lock.integrity, signed_at=None)),
    ],
)
def test_a_signature_is_of_one_lock_only(store: MemoryStore, forge) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Denied):
        verify_bundle(forge(signed(store)), signer().trust())


def test_the_rules_of_a_key_hold_for_bundles(store: MemoryStore) -> None:
    lock = signed(store)
    trust = signer().trust()
    [keyid] = trust.keys

    def under(rules: KeyRules, threshold: int = 1) -> TrustRoot:
        return TrustRoot(trust.keys, {keyid: rules}, threshold)

    assert signer_scope(lock) == "bundle:weekly/foundational_model"
    assert verify_bundle(lock, under(KeyRules(datasets=("bundle:weekly/*",))))
    for rules in (
        KeyRules(datasets=("ns/*",)),
        KeyRules(not_before=WINDOW_CLOSED),
        KeyRules(not_after=NOW - timedelta(days=1)),
        KeyRules(revoked=Revocation(WINDOW_CLOSED, Reason.COMPROMISED)),
    ):
        with pytest.raises(Denied) as refused:
            verify_bundle(lock, under(rules))
        assert refused.value.code == "key_not_accepted"
    rotated = KeyRules(revoked=Revocation(WINDOW_CLOSED, Reason.ROTATED))
    assert verify_bundle(lock, under(rotated)) is Trusted.SIGNATURE


def test_the_commit_of_a_lock_is_the_one_that_it_was_asked_for_at(store: MemoryStore) -> None:
    assert freeze(store, draft([channel(store)])).revision.lock.spec.commit == COMMIT
