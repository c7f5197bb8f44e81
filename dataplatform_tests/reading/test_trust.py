"""The trust file: which keys count, for what, and from when to when."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform.adapters.signing.trust_file import TrustFile
from opendata.reading.trust import KeyRules, Reason, Revocation, TrustRoot
from opendata.wire.errors import Denied

pytestmark = pytest.mark.requirement("S4-48", "S4-74")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(seconds=1), NOON + timedelta(seconds=1)
INSTANTS = st.integers(-(10**8), 10**8).map(lambda seconds: NOON + timedelta(seconds=seconds))


def signer(seed: int = 1) -> Ed25519Signer:
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)))


def entry(seed: int = 1, **rules: Any) -> dict[str, Any]:
    return {signer(seed).key_id: {**signer(seed).public_entry(), **rules}}


def revoked(reason: Reason) -> KeyRules:
    return KeyRules(revoked=Revocation(NOON, reason))


@pytest.mark.parametrize(
    ("rules", "at", "says"),
    [
        (KeyRules(), NOON, None),
        (KeyRules(not_before=NOON), BEFORE, "was not valid before 2026-03-01T12:00:00Z"),
        (KeyRules(not_before=NOON), NOON, None),
        (KeyRules(not_after=NOON), NOON, None),
        (KeyRules(not_after=NOON), AFTER, "was not valid after 2026-03-01T12:00:00Z"),
        (KeyRules(datasets=("me/*",)), NOON, None),
        (KeyRules(datasets=("you/rates", "me/rates")), NOON, None),
        (KeyRules(datasets=("you/*",)), NOON, "may sign you/* only"),
        (KeyRules(datasets=("me/rate",)), NOON, "may sign me/rate only"),
        (revoked(Reason.ROTATED), NOON, None),
        (revoked(Reason.ROTATED), AFTER, "was rotated out at 2026-03-01T12:00:00Z"),
        (revoked(Reason.COMPROMISED), BEFORE, "nothing that it signed counts"),
        (revoked(Reason.COMPROMISED), AFTER, "nothing that it signed counts"),
    ],
)
def test_what_a_key_may_sign(rules: KeyRules, at: datetime, says: str | None) -> None:
    objection = rules.objection("me/rates", at)
    assert objection is None if says is None else says in str(objection)


@given(signed_at=INSTANTS, revoked_at=INSTANTS)
def test_no_date_saves_what_a_compromised_key_signed(
    signed_at: datetime, revoked_at: datetime
) -> None:
    rules = KeyRules(revoked=Revocation(revoked_at, Reason.COMPROMISED))
    assert rules.objection("me/rates", signed_at) is not None


@given(signed_at=INSTANTS, revoked_at=INSTANTS)
def test_a_rotated_key_keeps_exactly_what_it_signed_until_then(
    signed_at: datetime, revoked_at: datetime
) -> None:
    rules = KeyRules(revoked=Revocation(revoked_at, Reason.ROTATED))
    assert (rules.objection("me/rates", signed_at) is None) == (signed_at <= revoked_at)


def test_a_trust_file_with_bare_keys_is_read_as_ever() -> None:
    root = TrustRoot.from_json(signer().trust_file(), "trust.json")
    assert set(root.keys) == {signer().key_id}
    assert root.rules_of(signer().key_id) == KeyRules()
    assert root.threshold == 1


def test_rules_stand_beside_the_keys_that_they_are_about() -> None:
    rules = {
        "not_before": "2026-01-01T00:00:00Z",
        "datasets": ["me/*"],
        "revoked": {"at": "2026-03-01T12:00:00Z", "reason": "rotated", "note": "yearly"},
    }
    text = json.dumps({"keys": {**entry(1, **rules), **entry(2)}, "threshold": 2})
    root = TrustRoot.from_json(text, "trust.json")
    assert root.rules_of(signer(1).key_id).revoked == Revocation(NOON, Reason.ROTATED, "yearly")
    assert root.rules_of(signer(2).key_id) == KeyRules()
    assert root.threshold == 2


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"keys": []},
        {"keys": {"a": {}}},
        {"keys": entry(not_after="tomorrow")},
        {"keys": entry(not_after="2026-01-01T00:00:00")},
        {"keys": entry(datasets="me/*")},
        {"keys": entry(revoked={"reason": "rotated"})},
        {"keys": entry(revoked={"at": "2026-01-01T00:00:00Z", "reason": "bored"})},
        {"keys": entry(), "threshold": 0},
        {"keys": entry(), "threshold": True},
        {"keys": entry(), "threshold": 2},
        {"keys": entry(datasets=[])},
        {"keys": entry(datasets=None)},
        {"keys": entry(datasets={"me/*": True})},
    ],
)
def test_a_file_that_says_something_else_trusts_nobody(document: object) -> None:
    with pytest.raises(Denied) as refused:
        TrustRoot.from_json(json.dumps(document), "trust.json")
    assert refused.value.code == "bad_trust_root"
    assert "trust.json" in refused.value.message


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"keys": entry(not_afer="2026-01-01T00:00:00Z")}, "did you mean 'not_after'"),
        ({"keys": entry(dataset=["me/*"])}, "did you mean 'datasets'"),
        ({"keys": entry(Revoked={"at": "", "reason": ""})}, "did you mean 'revoked'"),
        ({"keys": entry(wibble=1)}, "'wibble' in the key"),
        ({"keys": entry(), "treshold": 1}, "did you mean 'threshold'"),
        ({"keys": entry(), "wibble": 1}, "'wibble' beside the keys means nothing; known are keys"),
    ],
)
def test_a_rule_with_a_typo_in_its_name_is_refused_and_not_passed_over(
    document: object, says: str
) -> None:
    with pytest.raises(Denied) as refused:
        TrustRoot.from_json(json.dumps(document), "trust.json")
    assert refused.value.code == "bad_trust_root"
    assert says in refused.value.message


@pytest.mark.parametrize("stored", [b"\xff\xfe\x00", b"[" * 200_000, b'{"keys":' * 200_000])
def test_bytes_that_are_no_document_trust_nobody(tmp_path: Path, stored: bytes) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(stored)
    reads: tuple[Callable[[], TrustRoot], ...] = (
        lambda: TrustRoot.from_file(str(path)),
        TrustFile(path).root,
    )
    for read in reads:
        with pytest.raises(Denied) as refused:
            read()
        assert refused.value.code == "bad_trust_root"
        assert "trust.json" in refused.value.message


def test_one_key_under_two_ids_is_one_signer() -> None:
    public = signer().public_entry()
    twice = {"keys": {"a" * 64: public, "b" * 64: public}}
    root = TrustRoot.from_json(json.dumps(twice), "trust.json")
    assert len(root.distinct(["a" * 64, "b" * 64])) == 1
    with pytest.raises(Denied):  # and can never be the two who must sign
        TrustRoot.from_json(json.dumps({**twice, "threshold": 2}), "trust.json")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (KeyRules(), True),
        (KeyRules(not_before=AFTER), True),
        (KeyRules(not_after=BEFORE), False),
        (KeyRules(not_after=NOON), True),
        (KeyRules(datasets=("you/*",)), False),
        (revoked(Reason.ROTATED), True),
        (revoked(Reason.COMPROMISED), False),
        (KeyRules(revoked=Revocation(BEFORE, Reason.ROTATED)), False),
        (KeyRules(not_before=AFTER, not_after=BEFORE), False),
    ],
)
def test_which_keys_could_have_signed_since_a_release_was_frozen(
    rules: KeyRules, expected: bool
) -> None:
    assert rules.may_still_sign("me/rates", NOON) is expected
