"""Thresholds over what queries cost, judged on given measurements."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dataplatform.contracts.model import MetricThreshold
from dataplatform.contracts.performance import LookUps, Pruning, QueryCosts, Unmeasured
from dataplatform.contracts.profile import ColumnProfile, Profile
from dataplatform.contracts.quality import check_quality
from dataplatform.contracts.report import Finding, Report
from opendata.wire.digest import canonical_json

pytestmark = pytest.mark.requirement("S4-46")
NOW = datetime(2024, 1, 10, 12, tzinfo=UTC)
PROFILE = Profile(row_count=9, columns={"day": ColumnProfile(null_count=0)})
LATENCY = {"metric": "query_latency", "max_ratio": 1.5}
PRUNING = {"metric": "pruning", "field": "day", "min": 0.8, "min_ratio": 0.9}


def judged(rule: dict[str, Any], costs: QueryCosts | None) -> Finding:
    rules = [MetricThreshold.model_validate(rule)]
    report = check_quality(rules, PROFILE, None, NOW, costs)
    assert Report.from_json(report.to_json()) == report
    canonical_json(report.to_json())
    assert len(report.findings) == 1
    return report.findings[0]


def looked_up(ratio: float | None) -> QueryCosts:
    before = None if ratio is None else 0.002
    return QueryCosts(
        look_ups={(): LookUps(("day",), 5, 7, 0.003, before, ratio)}, is_first=ratio is None
    )


def pruned(read: int, previous: int | None = None, groups: int = 12) -> QueryCosts:
    def of(groups_read: int) -> Pruning:
        return Pruning(5, groups, groups_read, 3, 5)

    return QueryCosts(
        pruning={"day": of(read)},
        previous_pruning={} if previous is None else {"day": of(previous)},
        is_first=previous is None,
    )


@pytest.mark.parametrize(("ratio", "passes"), [(0.5, True), (1.5, True), (1.51, False)])
def test_look_ups_may_take_so_many_times_as_long(ratio: float, passes: bool) -> None:
    found = judged(LATENCY, looked_up(ratio))
    assert found.passed is passes
    assert (found.value, found.limit) == (ratio, 1.5)
    assert "5 look-ups by day took 3 ms" in found.message
    assert "the 2 ms in the current release; at most 1.5 asked" in found.message
    assert found.blocks is not passes


def test_a_slower_release_that_only_warns_does_not_block() -> None:
    found = judged({**LATENCY, "severity": "warn"}, looked_up(9.0))
    assert not found.passed
    assert not found.blocks


def test_the_first_release_is_told_and_not_compared() -> None:
    found = judged(LATENCY, looked_up(None))
    assert found.passed
    assert "3 ms (first release: nothing to compare with)" in found.message


def test_a_current_release_without_the_column_is_not_compared_with() -> None:
    costs = QueryCosts(look_ups={(): LookUps(("day",), 5, 7, 0.003)}, is_first=False)
    assert "the current release cannot be asked the same" in judged(LATENCY, costs).message


def test_the_same_files_are_as_fast_as_they_were() -> None:
    found = judged(LATENCY, QueryCosts(is_first=False, same_files=True))
    assert (found.passed, found.value) == (True, 1.0)


@pytest.mark.parametrize(
    ("read", "previous", "passes", "sentence"),
    [
        (5, None, True, "first release"),
        (5, 5, True, "100.0000% of the row groups unread"),
        (16, 5, True, "80.0000%"),  # 11 of 55 needless ones were read; 0.8 is 0.8 of 1
        (17, 17, False, "at least 80.0000% asked"),
        (15, 5, False, "times the 100.0000% of the current release"),
    ],
)
def test_pruning_has_a_floor_and_a_comparison(
    read: int, previous: int | None, passes: bool, sentence: str
) -> None:
    rule = {**PRUNING, "min_ratio": 0.8} if read == 16 else PRUNING
    found = judged(rule, pruned(read, previous))
    assert found.passed is passes, found.message
    assert sentence in found.message
    assert found.limit == 0.8


def test_a_release_of_one_row_group_passes_and_says_why() -> None:
    found = judged(PRUNING, pruned(5, None, groups=1))
    assert found.passed
    assert "1 row group: there is nothing to leave unread" in found.message


def test_a_look_up_that_statistics_rule_out_altogether_is_no_more_than_all() -> None:
    assert Pruning(5, 12, 0, 3, 0).rate == 1


@pytest.mark.requirement("M-10")
@pytest.mark.parametrize("rule", [LATENCY, PRUNING])
def test_what_was_not_measured_has_not_passed(rule: dict[str, Any]) -> None:
    assert not judged(rule, None).passed
    why = Unmeasured("day is a list; Arrow cannot filter that", "name another column")
    found = judged(rule, QueryCosts(look_ups={(): why}, pruning={"day": why}))
    assert not found.passed
    assert found.hint == "name another column"


def test_an_unknown_field_gets_the_nearest_name() -> None:
    found = judged({"metric": "pruning", "field": "dya", "min": 0.5}, QueryCosts())
    assert (found.passed, found.hint) == (False, "did you mean 'day'?")


def test_reports_without_figures_are_stored_as_they_always_were() -> None:
    rule = MetricThreshold.model_validate({"metric": "volume", "min": 1})
    report = check_quality([rule], PROFILE, None, NOW)
    assert "value" not in report.to_json()["findings"][0]
    assert report.figures == {}
