"""`opendata.releases`: the release flow in Python, one verb after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import opendata
from dataplatform.adapters.signing.ed25519 import create_key
from opendata import releases
from opendata.reading.signature import verify_envelope
from opendata.wire.errors import InvalidInput, Rejected

pytestmark = [
    pytest.mark.platform,
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
    pytest.mark.usefixtures("project"),
]

RATES = pa.table({"day": ["2024-01-01", "2024-01-02"], "rate": [1.5, None]})
CONTRACT = {
    "primary_key": ["day"],
    "fields": [{"name": "day", "type": "string"}, {"name": "rate", "type": "float64"}],
    "rules": [{"kind": "range", "field": "rate", "min": 2, "severity": "warn"}],
}


@pytest.mark.requirement("S4-39", "S4-40", "S4-41", "S4-42", "S4-43", "S4-45", "S4-48", "S4-49")
def test_a_release_is_made_step_by_step(project: Path) -> None:
    draft = releases.draft(RATES, "me/rates", license="CC0-1.0", contract=CONTRACT)
    source = {"url": "https://example.org/rates.csv", "sha256": "ab" * 32, "size_bytes": 10}
    releases.attach_provenance(draft, {"source": [source], "method": {"tool": "by hand"}})
    releases.assert_contract(draft)
    metrics = releases.quality_metrics(draft)
    assert metrics["passed"]
    assert metrics["completeness"] == {"day": 1.0, "rate": 0.5}
    key = project / "key.pem"
    trust = create_key(key).trust()
    releases.sign_data(draft, f"file:{key}")
    frozen = releases.freeze_release(draft, "1.0.0")
    assert frozen.manifest["trace"]["source"] == [source]
    assert frozen.manifest["trace"]["method"]["code"]["tool"] == "by hand"
    assert frozen.manifest["integrity"]["signed_by"] in trust.keys
    with pytest.raises(opendata.NotFound):
        opendata.load("me/rates")
    assert releases.publish_release(frozen)["release"] == "1.0.0"
    assert opendata.load("me/rates", format="arrow").num_rows == 2


@pytest.mark.requirement("S4-48")
def test_signed_data_is_signed_as_exactly_this_candidate(project: Path) -> None:
    from opendata.reading.signature import verdict_statement

    draft = releases.draft(RATES, "me/rates", license="CC0-1.0")
    key = project / "key.pem"
    trust = create_key(key).trust()
    envelope = releases.sign_data(draft, f"file:{key}")
    content = {"content_hash": draft.built.candidate.content_hash}
    verify_envelope(envelope, verdict_statement(content, draft.digest), trust, "the draft")


@pytest.mark.requirement("S4-10", "S4-43")
def test_a_draft_that_breaks_its_contract_is_never_frozen() -> None:
    twice = pa.concat_tables([RATES, RATES])
    draft = releases.draft(twice, "me/rates", license="CC0-1.0", contract=CONTRACT)
    assert not releases.validate_dataset(draft).passed
    with pytest.raises(Rejected, match="primary_key"):
        releases.assert_contract(draft)
    with pytest.raises(Rejected, match="contract gate"):
        releases.freeze_release(draft)


@pytest.mark.parametrize("given", ["me/rates", RATES, None])
def test_a_verb_that_works_on_a_draft_says_so(given: Any) -> None:
    for verb in (
        lambda: releases.quality_metrics(given),
        lambda: releases.bump_version(given, "1.1.0"),
        lambda: releases.attach_provenance(given, {}),
        lambda: releases.sign_data(given, "file:key.pem"),
    ):
        with pytest.raises(InvalidInput, match="works on a draft"):
            verb()


@pytest.mark.requirement("S4-42")
def test_a_strict_look_lets_no_warning_pass() -> None:
    draft = releases.draft(RATES, "me/rates", license="CC0-1.0", contract=CONTRACT)
    assert releases.validate_dataset(draft).passed
    assert not releases.validate_dataset(draft, strict=True).passed


@pytest.mark.requirement("S4-39", "S4-49")
def test_a_tag_that_the_change_does_not_ask_for_is_refused_with_the_right_one() -> None:
    draft = releases.draft(RATES, "me/rates", license="CC0-1.0")
    with pytest.raises(Rejected, match=r"makes me/rates@1\.0\.0, not 3\.0\.0"):
        releases.freeze_release(draft, "3.0.0")
    releases.publish_release(releases.freeze_release(draft, "1.0.0"))
    more = pa.table({"day": ["2024-01-01"], "rate": [1.75]})
    second = releases.draft(more, "me/rates")
    releases.bump_version(second, "1.1.0")
    assert releases.freeze_release(second, "1.1.0").version == "1.1.0"


@pytest.mark.requirement("S4-39", "S4-85")
def test_a_declared_version_and_the_schemas_stand_in_the_manifest() -> None:
    draft = releases.draft(RATES, "me/rates", license="CC0-1.0")
    releases.publish_release(releases.freeze_release(draft, "1.0.0"))
    more = pa.table({"day": ["2024-01-01"], "rate": [1.75]})
    second = releases.draft(more, "me/rates")
    assert releases.bump_version(second, "v1.1.0") is None
    versioning = releases.freeze_release(second).manifest["versioning"]
    assert (versioning["data_release"], versioning["schema_version"]) == ("1.1.0", "1.0.0")
    assert versioning["prev_release"] == "1.0.0"
    assert versioning["reader_min"] == "1.0.0"


@pytest.mark.requirement("S4-85")
@pytest.mark.parametrize(
    ("semver", "problem"),
    [
        ("1.0.0", "not ahead of the current release 1.0.0"),
        ("0.9.0", "not ahead of the current release 1.0.0"),
        ("1.0.2", "the next release is 1.0.1"),
        ("3.0.0", "the next release is 1.0.1"),
        ("1.1", "is no version"),
    ],
)
def test_a_version_that_does_not_follow_is_refused(semver: str, problem: str) -> None:
    draft = releases.draft(RATES, "me/rates", license="CC0-1.0")
    releases.publish_release(releases.freeze_release(draft, "1.0.0"))
    more = pa.table({"day": ["2024-01-01"], "rate": [1.75]})
    second = releases.draft(more, "me/rates")

    def declare_and_freeze() -> None:
        releases.bump_version(second, semver)
        releases.freeze_release(second)

    with pytest.raises((Rejected, InvalidInput), match=problem):
        declare_and_freeze()


def test_the_same_rows_again_are_no_release() -> None:
    draft = releases.draft(RATES, "me/rates", license="CC0-1.0")
    releases.publish_release(releases.freeze_release(draft))
    with pytest.raises(Rejected, match="no change, no release"):
        releases.freeze_release(releases.draft(RATES, "me/rates"))
    assert releases.validate_dataset("me/rates").passed


@pytest.mark.requirement("S4-90")
@pytest.mark.parametrize("trace", [{"artifact": {}}, {"source": [{"url": "https://x.org"}]}])
def test_a_trace_that_tells_half_is_refused(trace: dict[str, object]) -> None:
    draft = releases.draft(RATES, "me/rates", license="CC0-1.0")
    with pytest.raises(InvalidInput):
        releases.attach_provenance(draft, trace)
