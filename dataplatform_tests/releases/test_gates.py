"""The gates are enforced by what is stored: no verdict on exactly this candidate, no release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform.contracts.report import Report
from dataplatform.errors import BreakingChange, GateClosed
from dataplatform.releases.chain import NothingNew, Released, release_candidate
from dataplatform.releases.freeze import freeze_candidate
from dataplatform.releases.gate import gate_candidate
from dataplatform.releases.publish import publish_release
from dataplatform.releases.validate import validate_candidate
from dataplatform.releases.verdict import Gate, record_verdict
from dataplatform_tests.fakes.gates import FakeContractEngine
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from opendata.reading.resolve import read_current
from opendata.reading.signature import Trusted, verify_release
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.errors import Corrupt, Denied, NotFound, Rejected
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("S4-10", "S4-42", "S4-43", "S4-45", "M-6", "M-10", "B46")
V1 = parse_version("1.0.0")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def bench(store: MemoryStore, tmp_path: Path) -> Bench:
    return make_bench(store, tmp_path, contract={"primary_key": ["day"]})


def signer(seed: int = 1) -> Ed25519Signer:
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)))


def with_signer(bench: Bench, key: Ed25519Signer | None) -> Bench:
    return replace(bench, ports=replace(bench.ports, signer=key))


def refusing(bench: Bench) -> Bench:
    return replace(bench, ports=replace(bench.ports, engine=FakeContractEngine(passes=False)))


def refusal_of(bench: Bench, digest: str) -> Rejected:
    with pytest.raises(GateClosed) as refused:
        freeze_candidate(bench.ports, bench.dataset, digest, RUN)
    assert list(bench.store.list(keys.release_prefix(bench.dataset))) == []
    return refused.value


def test_a_candidate_that_no_gate_looked_at_is_not_frozen(bench: Bench) -> None:
    digest = bench.build(rates(1)).digest
    assert refusal_of(bench, digest).code == "gate_missing"


@pytest.mark.parametrize("look", [validate_candidate, gate_candidate])
def test_one_gate_is_not_enough(bench: Bench, look: object) -> None:
    digest = bench.build(rates(1)).digest
    look(bench.ports, bench.dataset, digest)  # type: ignore[operator]
    assert refusal_of(bench, digest).code == "gate_missing"


def test_a_closed_gate_stays_closed(bench: Bench) -> None:
    digest = refusing(bench).stage(rates(1))
    refusal = refusal_of(bench, digest)
    assert refusal.code == "contract_failed"
    assert bench.store.stat(refusal.details["report"]) is not None


def test_the_last_look_counts(bench: Bench) -> None:
    digest = refusing(bench).stage(rates(1))
    validate_candidate(bench.ports, bench.dataset, digest)
    assert bench.freeze(digest).release.version == V1
    validate_candidate(refusing(bench).ports, bench.dataset, digest)
    with pytest.raises(GateClosed):
        freeze_candidate(bench.ports, bench.dataset, digest, RUN)


@pytest.mark.parametrize("gate", ["contract", "quality"])
def test_a_verdict_counts_for_its_own_candidate_only(bench: Bench, gate: Gate) -> None:
    passed, other = bench.stage(rates(1)), bench.build(rates(2)).digest
    for name in ("contract", "quality"):
        stolen = bench.store.get(keys.verdict_key(bench.dataset, passed, name)).data
        bench.store.put(keys.verdict_key(bench.dataset, other, name), stolen)
    assert refusal_of(bench, other).code == "gate_mismatch"


def test_a_verdict_counts_for_its_own_gate_only(bench: Bench) -> None:
    digest = bench.build(rates(1)).digest
    validate_candidate(bench.ports, bench.dataset, digest)
    contract = bench.store.get(keys.verdict_key(bench.dataset, digest, "contract")).data
    bench.store.put(keys.verdict_key(bench.dataset, digest, "quality"), contract)
    assert refusal_of(bench, digest).code == "gate_mismatch"


def test_a_damaged_verdict_is_no_verdict(bench: Bench) -> None:
    digest = bench.stage(rates(1))
    bench.store.put(keys.verdict_key(bench.dataset, digest, "contract"), b'{"passed": true}')
    with pytest.raises(Corrupt, match="verdict-contract"):
        freeze_candidate(bench.ports, bench.dataset, digest, RUN)


def test_a_candidate_that_was_changed_behind_its_name_is_refused(bench: Bench) -> None:
    digest, other = bench.stage(rates(1)), bench.stage(rates(2))
    key = keys.candidate_key(bench.dataset, digest)
    bench.store.put(key, bench.store.get(keys.candidate_key(bench.dataset, other)).data)
    with pytest.raises(Corrupt, match=r"candidate\.json"):
        freeze_candidate(bench.ports, bench.dataset, digest, RUN)


def test_a_candidate_that_was_never_staged_is_refused(bench: Bench) -> None:
    with pytest.raises(GateClosed):
        freeze_candidate(bench.ports, bench.dataset, "a" * 64, RUN)
    with pytest.raises(NotFound, match="no candidate"):
        validate_candidate(bench.ports, bench.dataset, "a" * 64)


def test_the_profile_of_the_check_is_part_of_the_release(bench: Bench) -> None:
    reports = bench.publish(rates(1, 2)).release.manifest.reports
    assert {"contract", "quality", "profile", "decided_at"} == set(reports)


# --- signatures ----------------------------------------------------------------------


@pytest.mark.requirement("S4-48", "S4-73", "S4-74", "S4-75", "S4-94")
def test_with_a_key_release_and_verdicts_are_signed(bench: Bench) -> None:
    signed = with_signer(bench, signer())
    manifest = signed.publish(rates(1)).release.manifest
    assert verify_release(manifest, signer().trust()) is Trusted.SIGNATURE
    assert manifest.integrity.signed_by == signer().key_id
    assert manifest.integrity.signed_at == manifest.freeze.frozen_at
    with pytest.raises(Denied):
        verify_release(manifest, signer(2).trust())


@pytest.mark.requirement("S4-48")
@pytest.mark.parametrize("earlier", [None, signer(2)])
def test_a_verdict_without_this_key_s_signature_is_none(
    bench: Bench, earlier: Ed25519Signer | None
) -> None:
    digest = with_signer(bench, earlier).stage(rates(1))
    with pytest.raises(Denied, match="verdict-contract"):
        freeze_candidate(with_signer(bench, signer()).ports, bench.dataset, digest, RUN)


def test_a_signed_no_cannot_be_turned_into_a_yes(bench: Bench) -> None:
    signed = with_signer(bench, signer())
    digest = refusing(signed).stage(rates(1))
    key = keys.verdict_key(bench.dataset, digest, "contract")
    forged = bench.store.get(key).data.replace(b'"passed":false', b'"passed":true')
    bench.store.put(key, forged)
    with pytest.raises(Denied, match="over other contents"):
        freeze_candidate(signed.ports, bench.dataset, digest, RUN)


@pytest.mark.requirement("S4-48")
def test_an_unsigned_release_is_not_published_once_there_is_a_key(bench: Bench) -> None:
    bench.freeze(bench.stage(rates(1)))
    signed = with_signer(bench, signer())
    with pytest.raises(Denied, match="not signed"):
        publish_release(signed.ports, bench.dataset, V1)
    again = signed.freeze(signed.stage(rates(1)))  # the unsigned one is not resumed
    assert (again.resumed, str(again.release.version)) == (False, "1.0.1")
    assert publish_release(signed.ports, bench.dataset, again.release.version).moved


# --- the whole way -------------------------------------------------------------------


def test_the_chain_stops_at_a_closed_gate_and_says_why(bench: Bench) -> None:
    bench.release(rates(1))
    said: list[str] = []
    closed = refusing(bench)
    with pytest.raises(GateClosed, match="the published release stays as it is") as refused:
        release_candidate(closed.ports, bench.dataset, closed.build(rates(2)), RUN, said.append)
    assert refused.value.details["report"]["findings"][0]["rule"] == "scripted"
    assert said == ["checking the contract", "checking quality"]
    assert bench.current.version == V1


def test_the_chain_releases_what_is_new_and_nothing_else(bench: Bench) -> None:
    for table, expected in ((rates(1), Released), (rates(1), NothingNew), (rates(2), Released)):
        built = bench.build(table)
        result = release_candidate(bench.ports, bench.dataset, built, RUN, lambda text: None)
        assert isinstance(result, expected)
    assert str(bench.current.version) == "1.0.1"


@pytest.mark.requirement("S4-15", "S4-24")
def test_a_breaking_change_needs_the_next_major_declared(bench: Bench) -> None:
    bench.release(rates(1))
    dropped = rates(1).drop_columns(["rate"])
    with pytest.raises(BreakingChange) as refused:
        bench.freeze(bench.declared(contract=days_only()).stage(dropped))
    assert '"2.0.0"' in (refused.value.hint or "")
    declared = bench.declared(contract=days_only(), release={"version": "2.0.0"})
    released = declared.freeze(declared.stage(dropped)).release
    assert str(released.version) == released.manifest.versioning.schema_version == "2.0.0"
    assert released.manifest.changelog.breaking


def days_only() -> dict[str, object]:
    return {"primary_key": ["day"], "fields": [{"name": "day", "type": "date32"}]}


def test_a_report_decides_by_its_findings_alone(bench: Bench) -> None:
    digest = bench.build(rates(1)).digest
    empty = Report(gate="contract", row_count=1, findings=())
    now = bench.ports.now()
    verdict = record_verdict(bench.store, bench.dataset, digest, empty, decided_at=now, signer=None)
    assert verdict.decision.passed
    assert read_current(bench.store, bench.dataset) is None
