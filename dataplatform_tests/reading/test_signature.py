"""Signatures of releases: what holds, what is refused, and by which key it was vouched for."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace as with_changes
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope

from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform.releases.countersign import countersign, needs_signature
from dataplatform.releases.publish import publish_release
from dataplatform_tests.golden.examples import golden, golden_signer
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata.reading.signature import (
    PAYLOAD_TYPE,
    Trusted,
    release_statement,
    release_statement_v1,
    verify_release,
)
from opendata.reading.trust import KeyRules, Reason, Revocation, TrustRoot
from opendata.stores.memory import MemoryStore
from opendata.stores.port import Blob
from opendata.wire import keys
from opendata.wire.codec import replace
from opendata.wire.errors import Denied, Unavailable
from opendata.wire.manifest import Manifest, named_objects, read_manifest

pytestmark = pytest.mark.requirement("S4-2", "S4-48", "S4-73", "S4-74", "S4-75", "S4-94")
OLD, NEW, THIRD = 1, 2, 3


def signer(seed: int, trusted: TrustRoot | None = None) -> Ed25519Signer:
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)), trusted)


def trusting(*seeds: int, threshold: int = 1, **rules: KeyRules) -> TrustRoot:
    """These keys, with rules for some of them: `old=KeyRules(…)`."""
    names = {"old": OLD, "new": NEW, "third": THIRD}
    root = TrustRoot({}, {signer(names[n]).key_id: rule for n, rule in rules.items()}, threshold)
    for seed in seeds:
        root = root.with_key(signer(seed).key_id, signer(seed).trust().keys[signer(seed).key_id])
    return root


def revoked(reason: Reason, at: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> KeyRules:
    return KeyRules(revoked=Revocation(at, reason))


def signing(bench: Bench, seed: int, trusted: TrustRoot | None = None) -> Bench:
    return with_changes(bench, ports=with_changes(bench.ports, signer=signer(seed, trusted)))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(MemoryStore(), tmp_path, signer=signer(OLD))


@pytest.fixture
def manifest(bench: Bench) -> Manifest:
    return bench.publish(rates(1, 2)).release.manifest


# --- what is signed -------------------------------------------------------------------


def test_the_subjects_are_the_manifest_and_every_object(manifest: Manifest) -> None:
    assert manifest.integrity.signature is not None
    payload = json.loads(base64.b64decode(manifest.integrity.signature["payload"]))
    subjects = {each["name"]: each["digest"]["sha256"] for each in payload["subject"]}
    assert subjects.pop("tests/rates@1.0.0") == manifest.integrity.hash_sha256
    expected = {entry.path for entry in manifest.files} | {entry.chunks for entry in manifest.files}
    assert set(subjects) == expected | set(named_objects(manifest))
    assert all(keys.object_key(digest) == key for key, digest in subjects.items())
    assert payload["predicate"]["freeze"] == manifest.freeze.to_json()
    assert payload["predicate"]["signed_at"] == manifest.integrity.signed_at


def test_a_release_of_the_former_statement_still_verifies() -> None:
    former = read_manifest(golden("manifest-signed.json"), "manifest-signed.json")
    assert verify_release(former, golden_signer().trust()) is Trusted.SIGNATURE


def test_the_former_statement_does_not_do_for_what_came_after_it(manifest: Manifest) -> None:
    newer = replace(manifest, kept=(manifest.files[0].path,))
    statement = release_statement_v1(newer, newer.freeze.to_json(), newer.integrity.hash_sha256)
    integrity = replace(newer.integrity, signature=signer(OLD).sign(statement))
    with pytest.raises(Denied, match="over other contents"):
        verify_release(replace(newer, integrity=integrity), signer(OLD).trust())


# --- what is refused ------------------------------------------------------------------


def statement_of(manifest: Manifest) -> bytes:
    integrity = manifest.integrity
    freeze = manifest.freeze.to_json()
    return release_statement(manifest, freeze, integrity.hash_sha256, integrity.signed_at)


def signed_as(payload: bytes, payload_type: str, seed: int = OLD) -> dict[str, Any]:
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(signer(seed)._signer)
    document: dict[str, Any] = envelope.to_dict()
    return document


def _altered(envelope: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    altered = copy.deepcopy(envelope)
    change(altered)
    return altered


FORGERIES: dict[str, Callable[[Manifest], dict[str, Any] | None]] = {
    "none at all": lambda m: None,
    "another payload type, signed": lambda m: signed_as(statement_of(m), "application/json"),
    "another payload type, not signed": lambda m: _altered(
        signed_as(statement_of(m), PAYLOAD_TYPE), lambda e: e.update(payloadType="text/plain")
    ),
    "one byte more, signed": lambda m: signed_as(statement_of(m) + b"\n", PAYLOAD_TYPE),
    "one byte more, not signed": lambda m: _altered(
        signed_as(statement_of(m), PAYLOAD_TYPE),
        lambda e: e.update(payload=base64.b64encode(statement_of(m) + b" ").decode()),
    ),
    "another key": lambda m: signed_as(statement_of(m), PAYLOAD_TYPE, NEW),
    "another key under this one's id": lambda m: _altered(
        signed_as(statement_of(m), PAYLOAD_TYPE, NEW),
        lambda e: e["signatures"][0].update(keyid=signer(OLD).key_id),
    ),
    "no signature in the envelope": lambda m: _altered(
        signed_as(statement_of(m), PAYLOAD_TYPE), lambda e: e.update(signatures=[])
    ),
    "an empty signature": lambda m: _altered(
        signed_as(statement_of(m), PAYLOAD_TYPE), lambda e: e["signatures"][0].update(sig="")
    ),
    "the same signature twice": lambda m: _altered(
        signed_as(statement_of(m), PAYLOAD_TYPE),
        lambda e: e["signatures"].append(e["signatures"][0]),
    ),
    "an envelope that is none": lambda m: {"signatures": 1},
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_other_envelope_will_do(manifest: Manifest, forgery: str) -> None:
    envelope = FORGERIES[forgery](manifest)
    forged = replace(manifest, integrity=replace(manifest.integrity, signature=envelope))
    with pytest.raises(Denied):
        verify_release(forged, signer(OLD).trust())


def test_the_genuine_envelope_is_what_the_forgeries_are_made_of(manifest: Manifest) -> None:
    envelope = signed_as(statement_of(manifest), PAYLOAD_TYPE)
    assert envelope == manifest.integrity.signature
    assert verify_release(manifest, signer(OLD).trust()) is Trusted.SIGNATURE


def test_the_envelope_of_another_release_will_not_do(bench: Bench, manifest: Manifest) -> None:
    other = bench.publish(rates(1, 2, 3)).release.manifest
    swapped = replace(
        manifest, integrity=replace(manifest.integrity, signature=other.integrity.signature)
    )
    with pytest.raises(Denied, match="over other contents"):
        verify_release(swapped, signer(OLD).trust())


def test_the_time_and_the_freeze_block_are_signed_too(manifest: Manifest) -> None:
    later = replace(
        manifest, integrity=replace(manifest.integrity, signed_at="2020-01-01T00:00:00Z")
    )
    harder = replace(manifest, freeze=replace(manifest.freeze, mode="hard"))
    for altered in (later, harder):
        with pytest.raises(Denied):
            verify_release(altered, signer(OLD).trust())


# --- keys that come and go ------------------------------------------------------------


def test_a_rotated_key_keeps_its_releases_and_gets_no_more(bench: Bench) -> None:
    before = bench.publish(rates(1)).release.manifest
    frozen_at = datetime.fromisoformat(before.freeze.frozen_at)
    trust = trusting(OLD, NEW, old=revoked(Reason.ROTATED, frozen_at + timedelta(seconds=1)))
    after = bench.publish(rates(1, 2)).release.manifest
    assert verify_release(before, trust) is Trusted.SIGNATURE
    with pytest.raises(Denied, match="rotated out") as refused:
        verify_release(after, trust)
    assert refused.value.code == "key_not_accepted"


def test_a_key_is_for_its_data_sets_alone(manifest: Manifest) -> None:
    with pytest.raises(Denied, match=r"may sign you/\* only"):
        verify_release(manifest, trusting(OLD, old=KeyRules(datasets=("you/*",))))


def test_a_compromised_key_vouches_for_nothing_until_another_signs(bench: Bench) -> None:
    release = bench.publish(rates(1)).release
    trust = trusting(OLD, NEW, old=revoked(Reason.COMPROMISED))
    new = signing(bench, NEW, trust)
    with pytest.raises(Denied, match="compromised"):
        verify_release(release.manifest, trust, bench.store)
    assert new.ports.signer is not None
    with pytest.raises(Denied, match="compare it") as refused:
        countersign(new.ports, new.ports.signer, release)
    assert "compare it" in str(refused.value.hint)
    assert countersign(new.ports, new.ports.signer, release, vouch=True).added
    assert verify_release(release.manifest, trust, bench.store) is Trusted.SIGNATURE
    assert not countersign(new.ports, new.ports.signer, release).added


def test_countersigning_leaves_what_is_frozen_as_it_is(bench: Bench) -> None:
    release = bench.publish(rates(1)).release
    new = signer(NEW, trusting(OLD))
    assert countersign(bench.ports, new, release).added
    key = keys.release_key(bench.dataset, release.version)
    assert bench.store.get(key).data == release.stored_bytes
    marks = keys.countersignature_key(bench.dataset, release.version, new.key_id)
    first = bench.store.get(marks).data
    assert not countersign(bench.ports, new, release).added
    assert bench.store.get(marks).data == first


def test_a_countersignature_is_for_one_release_by_one_key(bench: Bench) -> None:
    first = bench.publish(rates(1)).release
    second = bench.publish(rates(1, 2)).release
    new = signer(NEW, trusting(OLD))
    countersign(bench.ports, new, first)
    genuine = bench.store.get(keys.countersignature_key(bench.dataset, first.version, new.key_id))
    for version, keyid in ((second.version, new.key_id), (second.version, signer(THIRD).key_id)):
        bench.store.put(keys.countersignature_key(bench.dataset, version, keyid), genuine.data)
    with pytest.raises(Denied):
        verify_release(second.manifest, trusting(NEW, THIRD), bench.store)
    # Whoever put other bytes in its place does not keep the key from signing.
    assert needs_signature(bench.store, new, second)
    assert countersign(bench.ports, new, second).added
    assert verify_release(second.manifest, trusting(NEW), bench.store) is Trusted.SIGNATURE


def test_a_store_that_does_not_answer_is_no_missing_signature(bench: Bench) -> None:
    release = bench.publish(rates(1)).release
    countersign(bench.ports, signer(NEW, trusting(OLD)), release)

    class Silent(MemoryStore):
        def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
            if signer(THIRD).key_id in key:
                raise Unavailable("no answer", code="store_unreachable")
            return bench.store.get(key, max_bytes=max_bytes)

    trust = trusting(OLD, NEW, THIRD, old=revoked(Reason.COMPROMISED))
    assert verify_release(release.manifest, trust, Silent()) is Trusted.SIGNATURE
    with pytest.raises(Unavailable):
        verify_release(release.manifest, with_changes(trust, threshold=2), Silent())
    nobody_else = trusting(OLD, THIRD, old=revoked(Reason.COMPROMISED))
    with pytest.raises(Unavailable):
        verify_release(release.manifest, nobody_else, Silent())


def test_the_usual_read_asks_for_no_countersignature(bench: Bench) -> None:
    class Untouched(MemoryStore):
        def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
            raise AssertionError(f"{key} was asked for")

    manifest = bench.publish(rates(1)).release.manifest
    assert verify_release(manifest, trusting(OLD, NEW), Untouched()) is Trusted.SIGNATURE
    lost = trusting(OLD, NEW, old=revoked(Reason.COMPROMISED), new=revoked(Reason.COMPROMISED))
    with pytest.raises(Denied):  # nor for that of a key that could not count
        verify_release(manifest, lost, Untouched())


def test_two_must_sign_where_the_trust_file_asks_for_two(bench: Bench) -> None:
    trust = trusting(OLD, NEW, threshold=2)
    both = signing(bench, OLD, trust)
    frozen = both.freeze(both.stage(rates(1)))
    with pytest.raises(Denied, match="2 trusted keys must have signed") as refused:
        publish_release(both.ports, both.dataset, frozen.release.version)
    assert refused.value.code == "too_few_signatures"
    assert both.freeze(both.stage(rates(1))).resumed
    countersign(both.ports, signer(NEW, trust), frozen.release)
    published = publish_release(both.ports, both.dataset, frozen.release.version)
    assert verify_release(published.release.manifest, trust, both.store) is Trusted.SIGNATURE


# --- the platform across a rotation ---------------------------------------------------


def test_publishing_goes_on_after_a_rotation(bench: Bench) -> None:
    bench.publish(rates(1))
    waiting = bench.freeze(bench.stage(rates(1, 2))).release
    rotated_at = datetime.fromisoformat(waiting.manifest.freeze.frozen_at) + timedelta(seconds=1)
    trust = trusting(OLD, NEW, old=revoked(Reason.ROTATED, rotated_at))
    after = signing(bench, NEW, trust)
    # What the old key froze is resumed and published, and the new one's follows it.
    assert after.freeze(after.stage(rates(1, 2))).resumed
    publish_release(after.ports, after.dataset, waiting.version)
    assert after.current.stored_bytes == waiting.stored_bytes
    third = after.publish(rates(1, 2, 3)).release.manifest
    assert third.integrity.signed_by == signer(NEW).key_id
    assert third.versioning.prev_release == str(waiting.version)


def test_a_verdict_of_a_rotated_key_counts_if_it_came_before(bench: Bench) -> None:
    digest = bench.stage(rates(1))
    now = bench.ports.now()
    later = trusting(OLD, NEW, old=revoked(Reason.ROTATED, now))
    earlier = trusting(OLD, NEW, old=revoked(Reason.ROTATED, now - timedelta(hours=1)))
    with pytest.raises(Denied, match="rotated out"):
        signing(bench, NEW, earlier).freeze(digest)
    assert signing(bench, NEW, later).freeze(digest).release.version
