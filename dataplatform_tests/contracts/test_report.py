"""Reports: when they close the gate, how they are stored, how people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from dataplatform.contracts.model import Severity
from dataplatform.contracts.profile import ColumnProfile, FieldsFact, Profile
from dataplatform.contracts.report import (
    Finding,
    Report,
    explain,
    json_value,
    not_evaluated,
)
from opendata.wire.codec import read_json
from opendata.wire.errors import Corrupt


def finding(*, passed: bool = True, severity: Severity = Severity.ERROR, **more: Any) -> Finding:
    values: dict[str, Any] = {
        "rule": "range(y10)",
        "fields": ("y10",),
        "checked": 1_200,
        "failing": 0 if passed else 2,
        "message": "good" if passed else "2 of 1,200 values not at most 50",
    }
    return Finding(passed=passed, severity=severity, **{**values, **more})


def report(*findings: Finding) -> Report:
    return Report(gate="contract", row_count=1_200, findings=findings)


@pytest.mark.requirement("M-10", "S4-10")
@pytest.mark.parametrize(
    ("severity", "closes"),
    [("info", False), ("warn", False), ("error", True), ("critical", True)],
)
def test_only_failed_errors_and_worse_close_the_gate(severity: str, closes: bool) -> None:
    told = report(finding(), finding(passed=False, severity=Severity(severity)))
    assert told.passed is not closes
    assert bool(told.warnings) is not closes
    assert bool(told.failures) is closes


@pytest.mark.requirement("M-10")
def test_what_could_not_be_evaluated_has_not_passed() -> None:
    crashed = not_evaluated("custom(x)", (), Severity.CRITICAL, "it took too long")
    assert not report(crashed).passed


def test_pass_rate_is_the_share_of_rules() -> None:
    assert report(finding(), finding(passed=False)).pass_rate == 0.5
    assert report().pass_rate == 1.0


def test_a_report_survives_storage() -> None:
    told = report(finding(passed=False, samples=({"date": "2024-01-05", "y10": "NaN"},)))
    assert Report.from_json(read_json(told.to_bytes(), "report")) == told


def test_a_profile_survives_storage() -> None:
    profile = Profile(
        row_count=3,
        columns={
            "y10": ColumnProfile(null_count=1, distinct_estimate=2, min=0.5, max=2.5, mean=1.5)
        },
        time_max="2024-01-05",
        facts=(FieldsFact(fields=("y10",), complete_rows=2, distinct_rows=2),),
    )
    assert Profile.from_json(read_json(profile.to_bytes(), "profile")) == profile


@pytest.mark.parametrize("stored", [{}, {"gate": "taste", "row_count": 1, "findings": []}])
def test_what_is_no_report_is_told_as_corrupt(stored: dict[str, Any]) -> None:
    with pytest.raises(Corrupt, match="no stored report"):
        Report.from_json(stored)


def test_findings_of_another_engine_are_added() -> None:
    both = report(finding()).with_findings([finding(rule="expect_column_to_exist")])
    assert [f.rule for f in both.findings] == ["range(y10)", "expect_column_to_exist"]


@pytest.mark.requirement("M-10")
def test_people_read_which_rule_which_rows_and_what_to_do_worst_first() -> None:
    text = explain(
        report(
            finding(),
            finding(passed=False, severity=Severity.WARN, rule="regex(code)"),
            finding(
                passed=False,
                hint="widen the range",
                samples=tuple({"date": f"2024-01-{day:02d}", "y10": None} for day in range(1, 9)),
            ),
        )
    )
    lines = text.splitlines()
    assert lines[0] == "contract FAILED: 1 of 3 rules hold over 1,200 rows"
    assert lines[1] == "  error: range(y10): 2 of 1,200 values not at most 50"
    assert lines[2] == "      date=2024-01-01, y10=null"
    assert "the report holds 8 such rows" in text
    assert text.index("widen the range") < text.index("warn: regex(code)")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2**53, "9007199254740992"),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (Decimal("1.10"), "1.10"),
        (b"\x00\xff", "AP8="),
        (date(2024, 2, 29), "2024-02-29"),
        (time(6, 30), "06:30:00"),
        (datetime.fromisoformat("2024-01-01T12:00"), "2024-01-01T12:00:00"),
        (datetime(2024, 1, 1, 12, tzinfo=UTC), "2024-01-01T12:00:00Z"),
        (datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "2024-01-01T00:00:00Z"),
        ({"a": [1, float("nan")]}, {"a": [1, "NaN"]}),
        ("x" * 600, "x" * 500 + "…"),
    ],
)
def test_cells_become_json_that_canonical_writing_accepts(value: Any, shown: Any) -> None:
    assert json_value(value) == shown
    report(finding(passed=False, samples=({"cell": json_value(value)},))).to_bytes()
