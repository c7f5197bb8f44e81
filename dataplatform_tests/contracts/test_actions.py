"""What a failing rule does: its action, apart from its severity, and how much quarantine takes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dataplatform.contracts.explain import explain
from dataplatform.contracts.model import Contract, RangeRule
from dataplatform.contracts.report import Finding, Report, read_stored
from dataplatform.contracts.rules import RULE_MODELS, Severity

WHOLE_TABLE = ("monotonic", "dim_check", "arrivaltime_dualform", "custom")
SINGLE_ROWS = (
    "unique", "not_null", "range", "regex", "enum_set", "cross_field", "referential",
)  # fmt: skip


def rule(**stated: Any) -> RangeRule:
    return RangeRule.model_validate({"field": "a", "min": 0, **stated})


def failed(by: RangeRule, failing: int = 1) -> Finding:
    found = Finding(
        rule=by.label,
        fields=by.concerned,
        severity=by.severity,
        passed=failing == 0,
        checked=10,
        failing=failing,
        message="as the test said",
        hint="look at them",
    )
    return found.of_rule(by)


@pytest.mark.requirement("S4-10", "S4-43")
@pytest.mark.parametrize(
    ("stated", "blocks"),
    [
        ({}, True),
        ({"severity": "critical"}, True),
        ({"severity": "warn"}, False),
        ({"action": "fail_release"}, True),
        ({"severity": "warn", "action": "fail_release"}, True),
        ({"action": "annotate_only"}, False),
        ({"severity": "critical", "action": "annotate_only"}, False),
        ({"action": "quarantine"}, True),  # what was within the limit is not in the table any more
        ({"severity": "info", "action": "quarantine"}, True),
    ],
)
def test_an_action_decides_and_without_one_the_severity(
    stated: dict[str, Any], blocks: bool
) -> None:
    finding = failed(rule(**stated))
    assert finding.blocks is blocks
    assert not failed(rule(**stated), failing=0).blocks
    report = Report(gate="contract", row_count=10, findings=(finding,))
    assert report.passed is not blocks
    assert (len(report.failures), len(report.warnings)) == ((1, 0) if blocks else (0, 1))
    assert str(finding.severity) == stated.get("severity", "error")


def test_a_finding_keeps_its_action_when_it_is_stored_and_old_ones_are_read_as_they_were() -> None:
    finding = failed(rule(action="annotate_only"))
    assert read_stored(Finding, finding.to_json()) == finding
    assert "action" not in failed(rule()).to_json()
    assert "quarantined" not in finding.to_json()


def test_rows_beyond_the_limit_say_how_many_would_have_been_taken() -> None:
    hint = failed(rule(action="quarantine", quarantine_max="2%")).hint
    assert hint == "they were not taken out: quarantine takes at most 2%; look at them"


def test_a_passed_report_tells_what_was_taken_out() -> None:
    passed = failed(rule(action="quarantine"), failing=0)
    taken = Finding(**{name: getattr(passed, name) for name in passed.__struct_fields__})
    report = Report(gate="contract", row_count=1, findings=(taken,))
    assert "quarantine" not in explain(report)
    told = read_stored(Finding, {**taken.to_json(), "quarantined": 3})
    assert "range(a): 3 rows in quarantine" in explain(
        Report(gate="contract", row_count=1, findings=(told,))
    )


@pytest.mark.parametrize(
    ("limit", "of", "taken"),
    [
        (None, 100, 5),
        ("1%", 1_000, 10),
        ("1%", 99, 0),
        ("0%", 1_000, 0),
        ("100%", 7, 7),
        ("0.5%", 1_000, 5),
        (3, 1_000_000, 3),
        (0, 10, 0),
    ],
)
def test_a_limit_is_a_share_or_a_number_of_rows(
    limit: int | str | None, of: int, taken: int
) -> None:
    stated = {} if limit is None else {"quarantine_max": limit}
    assert rule(action="quarantine", **stated).may_take_out(of) == taken


@pytest.mark.parametrize("limit", ["5", "x%", "101%", "-1%", "nan%", -1, 0.05, True, None])
def test_anything_else_is_no_limit(limit: Any) -> None:
    if limit is None:  # left out, in effect
        assert rule(action="quarantine", quarantine_max=None).quarantine_limit == "5%"
        return
    with pytest.raises(ValidationError, match="write a share such as 1%"):
        rule(action="quarantine", quarantine_max=limit)


def test_a_limit_without_quarantine_is_a_mistake() -> None:
    for stated in ({}, {"action": "annotate_only"}):
        with pytest.raises(ValidationError, match="goes with `action: quarantine`"):
            rule(quarantine_max="1%", **stated)


def test_every_kind_says_whether_single_rows_are_to_blame() -> None:
    takes = {kind for kind, model in RULE_MODELS.items() if vars(model).get("takes_out_rows")}
    assert takes == set(SINGLE_ROWS)
    assert set(RULE_MODELS) == {*SINGLE_ROWS, *WHOLE_TABLE}


@pytest.mark.parametrize("kind", WHOLE_TABLE)
def test_a_rule_about_the_whole_table_has_no_rows_for_quarantine(kind: str) -> None:
    stated = {
        "monotonic": {"field": "a"},
        "dim_check": {"field": "a", "equals": "m"},
        "arrivaltime_dualform": {"tol_Tarr": 1e-6},
        "custom": {"sql": "SELECT 1"},
    }[kind]
    with pytest.raises(ValidationError) as refused:
        Contract.model_validate({"rules": [{"kind": kind, "action": "quarantine", **stated}]})
    [problem] = refused.value.errors()
    assert problem["loc"] == ("rules", 0, kind, "action")
    assert "no rows to put in quarantine" in problem["msg"]
    for action in ("fail_release", "annotate_only"):
        Contract.model_validate({"rules": [{"kind": kind, "action": action, **stated}]})


def test_a_contract_with_actions_is_stored_and_read_as_it_was() -> None:
    stated = {"kind": "range", "field": "a", "min": 0, "action": "quarantine", "quarantine_max": 3}
    made = Contract.model_validate({"rules": [stated]})
    document = made.model_dump(mode="json", exclude_none=True)
    assert document["rules"] == [{**stated, "severity": "error"}]
    assert Contract.model_validate(document) == made
    without = Contract.model_validate({"rules": [{"kind": "range", "field": "a", "min": 0}]})
    assert without.digest != made.digest
    assert without.rules[0].severity is Severity.ERROR
    assert "action" not in without.model_dump(mode="json", exclude_none=True)["rules"][0]
