"""The quality gate's thresholds over given profiles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dataplatform.contracts.model import MetricThreshold
from dataplatform.contracts.profile import ColumnProfile, FieldsFact, Profile
from dataplatform.contracts.quality import check_quality
from dataplatform.contracts.report import Finding, Report
from opendata.wire.errors import InvalidInput

NOW = datetime(2024, 1, 10, 12, tzinfo=UTC)


def profile(rows: int = 100, *, time_max: str | None = "2024-01-10", **columns: Any) -> Profile:
    facts = columns.pop("facts", ())
    given = columns or {"y10": {}}
    return Profile(
        row_count=rows,
        columns={
            name: ColumnProfile(**{"null_count": 0, "distinct_estimate": rows, **facts_of})
            for name, facts_of in given.items()
        },
        time_max=time_max,
        facts=tuple(facts),
    )


def judged(rule: dict[str, Any], measured: Profile, previous: Profile | None = None) -> Report:
    return check_quality([MetricThreshold.model_validate(rule)], measured, previous, NOW)


def only(report: Report) -> Finding:
    assert len(report.findings) == 1
    return report.findings[0]


@pytest.mark.requirement("S4-45")
@pytest.mark.parametrize(
    ("rule", "measured", "passes"),
    [
        (
            {"metric": "completeness", "field": "y10", "min": 0.99},
            profile(y10={"null_count": 1}),
            True,
        ),
        (
            {"metric": "completeness", "field": "y10", "min": 0.99},
            profile(y10={"null_count": 2}),
            False,
        ),
        ({"metric": "completeness", "min": 0.9}, profile(a={"null_count": 5}, b={}), True),
        ({"metric": "completeness", "field": "y10", "min": 1}, profile(0), True),
        ({"metric": "freshness", "max_age": "1d"}, profile(time_max="2024-01-10"), True),
        ({"metric": "freshness", "max_age": "1d"}, profile(time_max="2024-01-09"), False),
        ({"metric": "freshness", "max_age": "1h"}, profile(time_max="2024-01-10T11:30:00Z"), True),
        (
            {"metric": "freshness", "max_age": "1h"},
            profile(time_max="2024-01-10T11:30:00.000000001"),
            True,
        ),
        ({"metric": "freshness", "max_age": "1h"}, profile(time_max="2024-01-10T10:30:00Z"), False),
        ({"metric": "freshness", "max_age": "7d"}, profile(time_max=None), False),
        ({"metric": "freshness", "max_age": "7d"}, profile(time_max="12921-08-18"), False),
        ({"metric": "volume", "min": 100}, profile(100), True),
        ({"metric": "volume", "min": 101}, profile(100), False),
        ({"metric": "volume", "max": 99}, profile(100), False),
    ],
)
def test_thresholds_of_one_release(rule: dict[str, Any], measured: Profile, passes: bool) -> None:
    assert judged(rule, measured).passed is passes


@pytest.mark.requirement("S4-45")
@pytest.mark.parametrize(
    ("rule", "before", "now", "passes"),
    [
        ({"metric": "volume", "min_ratio": 0.9}, profile(100), profile(90), True),
        ({"metric": "volume", "min_ratio": 0.9}, profile(100), profile(89), False),
        ({"metric": "volume", "max_ratio": 2}, profile(100), profile(201), False),
        ({"metric": "volume", "max_ratio": 2}, profile(0), profile(1), False),
        (
            {"metric": "drift", "field": "y10", "max": 0.1},
            profile(y10={"mean": 4}),
            profile(y10={"mean": 4.4}),
            True,
        ),
        (
            {"metric": "drift", "field": "y10", "max": 0.1},
            profile(y10={"mean": 4}),
            profile(y10={"mean": 3.5}),
            False,
        ),
        (
            {"metric": "drift", "field": "y10", "max": 9},
            profile(y10={"mean": 0}),
            profile(y10={"mean": 1}),
            False,
        ),
        (
            {"metric": "drift", "field": "y10", "max": 0},
            profile(y10={"mean": 0}),
            profile(y10={"mean": 0}),
            True,
        ),
        (
            {"metric": "drift", "field": "y10", "max": 1},
            profile(y10={"mean": None}),
            profile(y10={"mean": 1}),
            False,
        ),
        (
            {"metric": "drift", "field": "y10", "of": "null_share", "max": 0.5},
            profile(100, y10={"null_count": 10}),
            profile(200, y10={"null_count": 20}),
            True,
        ),
        (
            {"metric": "drift", "field": "y10", "of": "distinct", "max": 0.5},
            profile(y10={"distinct_estimate": 10}),
            profile(y10={"distinct_estimate": 100}),
            False,
        ),
    ],
)
def test_thresholds_against_the_current_release(
    rule: dict[str, Any], before: Profile, now: Profile, passes: bool
) -> None:
    assert judged(rule, now, before).passed is passes


@pytest.mark.requirement("S4-45")
@pytest.mark.parametrize(
    "rule",
    [{"metric": "volume", "min_ratio": 0.9}, {"metric": "drift", "field": "y10", "max": 0.1}],
)
def test_the_first_release_has_nothing_to_drift_from_and_says_so(rule: dict[str, Any]) -> None:
    told = only(judged(rule, profile()))
    assert told.passed
    assert "first release" in told.message


def test_drift_of_a_new_column_says_that_it_is_new() -> None:
    told = only(judged({"metric": "drift", "field": "y2", "max": 0}, profile(y2={}), profile()))
    assert told.passed
    assert "new in this release" in told.message


@pytest.mark.requirement("S4-45")
@pytest.mark.parametrize(
    ("newest", "skew", "passes", "sentence"),
    [
        ("2024-01-10T11:00:00Z", timedelta(0), True, "1h ago (it is 2024-01-10T12:00Z)"),
        ("2024-01-10T11:00:00Z", timedelta(days=2), False, "2d1h ago (it is 2024-01-12T12:00Z)"),
        ("2024-01-10T11:00:00Z", timedelta(days=-2), False, "1d23h in the future"),
        ("2024-01-11", timedelta(0), True, "0s ago"),  # tomorrow has begun in the east
        ("2024-01-12", timedelta(0), False, "1d12h in the future (it is 2024-01-10T12:00Z)"),
    ],
)
def test_a_clock_that_is_two_days_off_shows_and_never_makes_rows_fresh(
    newest: str, skew: timedelta, passes: bool, sentence: str
) -> None:
    rule = MetricThreshold.model_validate({"metric": "freshness", "max_age": "1d"})
    told = only(check_quality([rule], profile(time_max=newest), None, NOW + skew))
    assert told.passed is passes
    assert sentence in told.message
    assert "clock" in str(told.hint)


@pytest.mark.requirement("S4-45")
def test_uniqueness_and_joint_completeness_use_exact_counts() -> None:
    facts = (
        FieldsFact(fields=("a",), complete_rows=100, distinct_rows=99),
        FieldsFact(fields=("a", "b"), complete_rows=97),
    )
    measured = profile(a={"null_count": 2}, b={"null_count": 2}, facts=facts)
    unique = only(judged({"metric": "uniqueness", "field": "a", "min": 1}, measured))
    assert (unique.passed, unique.failing) == (False, 1)
    complete = only(judged({"metric": "completeness", "fields": ["a", "b"], "min": 0.97}, measured))
    assert (complete.passed, complete.failing) == (True, 3)


@pytest.mark.requirement("M-10")
def test_a_missing_count_is_no_pass() -> None:
    told = only(judged({"metric": "uniqueness", "field": "y10", "min": 0.1}, profile()))
    assert not told.passed
    assert "exact count is missing" in told.message


def test_an_unknown_field_gets_the_nearest_name() -> None:
    told = only(judged({"metric": "completeness", "field": "y01", "min": 1}, profile()))
    assert not told.passed
    assert told.hint == "did you mean 'y10'?"


def test_severity_and_name_are_the_rules_own() -> None:
    rule = {"metric": "volume", "min": 101, "severity": "warn", "name": "enough rows"}
    told = judged(rule, profile(100))
    assert told.passed
    assert [f.rule for f in told.warnings] == ["enough rows"]


def test_the_time_of_judging_needs_a_zone() -> None:
    with pytest.raises(InvalidInput, match="no time zone"):
        check_quality([], profile(), None, datetime(2024, 1, 1))  # noqa: DTZ001 - refused
