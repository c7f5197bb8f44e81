"""Thresholds of metrics and named expectations: shapes, limits and names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from dataplatform.contracts.model import ExpectationSpec, MetricThreshold, QualityRule

RULE: TypeAdapter[MetricThreshold | ExpectationSpec] = TypeAdapter(QualityRule)


@pytest.mark.requirement("S4-45")
@pytest.mark.parametrize(
    ("rule", "label"),
    [
        ({"metric": "completeness", "field": "y10", "min": 0.99}, "completeness(y10)"),
        ({"metric": "completeness", "min": 0.5}, "completeness"),
        ({"metric": "uniqueness", "fields": ["a", "b"], "min": 1}, "uniqueness(a, b)"),
        ({"metric": "freshness", "max_age": "3d"}, "freshness"),
        ({"metric": "volume", "min": 10, "max_ratio": 1.5}, "volume"),
        ({"metric": "drift", "field": "y10", "of": "distinct", "max": 0.1}, "drift(y10)"),
        ({"metric": "volume", "min": 1, "name": "enough rows"}, "enough rows"),
        ({"metric": "query_latency", "max_ratio": 1.5}, "query_latency"),
        ({"metric": "query_latency", "fields": ["a", "b"], "max_ratio": 2}, "query_latency(a, b)"),
        ({"metric": "pruning", "field": "day", "min": 0.8, "min_ratio": 0.9}, "pruning(day)"),
        (
            {"expectation": "expect_column_mean_to_be_between", "column": "y10", "max_value": 25},
            "expect_column_mean_to_be_between(y10)",
        ),
        (
            {"expectation": "expect_compound_columns_to_be_unique", "column_list": ["a", "b"]},
            "expect_compound_columns_to_be_unique(a, b)",
        ),
        ({"expectation": "expect_table_row_count_to_equal", "value": 3},
         "expect_table_row_count_to_equal"),
    ],
)  # fmt: skip
def test_a_quality_rule_survives_being_stored_and_has_a_name(
    rule: dict[str, Any], label: str
) -> None:
    made = RULE.validate_python(rule)
    assert made.label == label
    assert RULE.validate_python(RULE.dump_python(made, mode="json", exclude_none=True)) == made


def test_freshness_is_a_length_of_time() -> None:
    made = RULE.validate_python({"metric": "freshness", "max_age": "36h"})
    assert isinstance(made, MetricThreshold)
    assert made.max_age == timedelta(hours=36)


def test_all_other_keys_are_arguments_of_the_expectation() -> None:
    made = RULE.validate_python(
        {"expectation": "expect_x", "column": "y", "mostly": 0.9, "severity": "warn"}
    )
    assert isinstance(made, ExpectationSpec)
    assert made.arguments == {"column": "y", "mostly": 0.9}
    assert made.severity == "warn"


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"metric": "volume"}, "needs `min` or `max`"),
        ({"metric": "freshness", "min": 3}, "freshness has no `min`; it takes max_age"),
        ({"metric": "drift", "field": "a", "min": 3}, "drift has no `min`; it takes max"),
        ({"metric": "drift", "max": 3}, "needs `field` or `fields`"),
        ({"metric": "uniqueness", "min": 1}, "needs `field` or `fields`"),
        ({"metric": "volume", "field": "a", "min": 1}, "of the whole table"),
        ({"metric": "completeness", "field": "a", "min": 99}, "between 0 and 1"),
        ({"metric": "completeness", "min": 1, "of": "distinct"}, "belongs to drift"),
        ({"metric": "completeness", "min": -1}, "0 or more"),
        ({"metric": "completeness", "min": float("nan")}, "0 or more"),
        ({"metric": "completeness", "min": True}, "0 or more"),
        ({"metric": "freshness", "max_age": 3}, "no duration"),
        ({"metric": "likes", "min": 3}, "completeness"),
        ({"metric": "query_latency", "min_ratio": 1}, "has no `min_ratio`; it takes max_ratio"),
        ({"metric": "query_latency"}, "needs `max_ratio`"),
        ({"metric": "pruning", "min": 0.5}, "needs `field` or `fields`"),
        ({"metric": "pruning", "field": "a", "min": 80}, "between 0 and 1"),
        ({"min": 3}, "Field required"),
        ({"expectation": "mean_between"}, "begin with expect_"),
        ({"expectation": "expect_x; import os"}, "begin with expect_"),
        ({"expectation": "expect_x", "value": {1, 2}}, "valid"),
        (3, "union_tag_not_found"),
    ],
)
def test_a_limit_that_measures_nothing_is_refused(rule: object, sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RULE.validate_python(rule)
    told = [f"{error['msg']} {error['type']}" for error in refused.value.errors()]
    assert any(sentence in one for one in told), told
