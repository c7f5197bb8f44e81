"""What the engine leaves out of its pass changes its cost, and never what it finds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplatform.adapters.contract_engine import duckdb, scan
from dataplatform.adapters.contract_engine import judge as judging
from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.adapters.duckdb.dictionaries import few_valued_columns
from dataplatform.contracts.model import Contract
from dataplatform_tests.adapters.contract_engine.judging import judge, judged_by

pytestmark = pytest.mark.requirement("S4-42")
NAN, INFINITE = float("nan"), float("inf")
EXPRESSIONS = [
    "a > b",
    "a + 1 <= b * 2",
    "a IS NULL OR b IS NOT NULL",
    "NOT (a = 2 AND b = 3)",
    "a BETWEEN 0 AND 3",
    "a IN (1, 2, 3)",
    "t NOT IN ('x', 'y')",
    "coalesce(a, 0) - b // 2 < 4 -- a remark",
    "a % 2 = 0",
    "a IS DISTINCT FROM b",
    "A >= 0",
]
NOT_PLAIN = [
    "abs(a) < 3",
    "t || t = 'xx'",
    "t LIKE 'x%'",
    "len(range(a)) < 3",
    "CASE WHEN a > 0 THEN b > 0 END",
    "CAST(a AS VARCHAR) = '1'",
    "data.a > 0",
    "a",
    "c > 0",
    '"#row" > 0',
    "a > 0) OR (true",
    "(SELECT true)",
]
ROWS = {"a": [1, 2, None, 4], "b": [3, 3, 1, None], "t": ["x", "z", None, "y"]}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_plain_expression_finds_what_the_guarded_process_finds(
    tmp_path: Path, expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"kind": "cross_field", "expr": expression}
    with monkeypatch.context() as patch:
        patch.setattr(judging, "user_findings", _no_process)
        [plain] = judged_by(tmp_path, ROWS, rule)
    monkeypatch.setattr(duckdb, "plain_rules", lambda *_: {})
    [guarded] = judged_by(tmp_path, ROWS, rule)
    assert plain == guarded


@pytest.mark.parametrize("expression", NOT_PLAIN)
def test_whatever_else_an_expression_holds_goes_to_the_guarded_process(
    tmp_path: Path, expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "user_findings", _no_process)
    with pytest.raises(AssertionError, match="a process was asked"):
        judged_by(tmp_path, ROWS, {"kind": "cross_field", "expr": expression})


def test_an_expression_that_overflows_is_no_pass_and_spoils_no_other(tmp_path: Path) -> None:
    rows = {"a": [2**62, 1], "b": [1, 2]}
    rules = (
        {"kind": "cross_field", "expr": "a * a > 0"},
        {"kind": "range", "field": "b", "min": 2},
    )
    overflowing, ranged = judged_by(tmp_path, rows, *rules)
    assert not overflowing.passed
    assert "not evaluated" in overflowing.message
    assert (ranged.checked, ranged.failing) == (2, 1)


floats = st.one_of(
    st.none(), st.floats(-9, 9), st.sampled_from([NAN, INFINITE, -INFINITE, 0.0, -0.0])
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(floats, max_size=8), st.floats(-9, 0), st.floats(0, 9))
def test_a_range_and_a_profile_of_floats_are_exact(
    tmp_path: Path, values: list[float | None], low: float, high: float
) -> None:
    rows = pa.table({"x": pa.array(values, pa.float64())})
    rules = (
        {"kind": "range", "field": "x", "min": low, "max": high},
        {"kind": "range", "field": "x", "max": high},
        {"kind": "not_null", "field": "x"},
    )
    report, profile = judge(tmp_path, rows, *rules)
    present = [value for value in values if value is not None]
    finite = [value for value in present if math.isfinite(value)]
    failing = [finding.failing for finding in report.findings[-3:]]
    assert failing == [
        sum(not low <= value <= high for value in present),
        sum(not value <= high for value in present),
        values.count(None),
    ]
    column = profile.columns["x"]
    assert column.nan_count == sum(map(math.isnan, present))
    assert (column.min, column.max) == (min(finite, default=None), max(finite, default=None))
    assert column.mean == (pytest.approx(sum(finite) / len(finite)) if finite else None)


@pytest.mark.parametrize(
    ("values", "distinct"),
    [
        ([True, False, None, True], 2),
        ([True, True], 1),
        (pa.array([None, None], pa.bool_()), 0),
        (["a", "b", None, "a"], 2),
        ([1, 1, 2, 3], 3),
        ([1.5, None, 1.5], 1),
    ],
)
def test_few_values_are_counted_exactly(tmp_path: Path, values: Any, distinct: int) -> None:
    _, profile = judge(tmp_path, {"x": values})
    assert profile.columns["x"].distinct_estimate == distinct


@pytest.mark.parametrize(
    "more",
    [
        {"primary_key": ["x"]},
        {"rules": [{"kind": "unique", "field": "x"}]},
        {"rules": [{"kind": "monotonic", "field": "x"}]},
    ],
    ids=["key", "unique", "monotonic"],
)
def test_a_pass_that_a_rule_takes_anyway_tells_the_different_values(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    values = [at // 2 if "monotonic" in str(more) else at for at in range(50_000)]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"x": values}), path, use_dictionary=False)
    _, profile = DuckDBContractEngine().check([str(path)], Contract.model_validate(more), time=None)
    assert profile.columns["x"].distinct_estimate == len(set(values))


def test_a_small_dictionary_that_lies_costs_time_and_no_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = pa.array(range(30_000))
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"x": values}), path, dictionary_pagesize_limit=1_000)
    assert few_valued_columns([str(path)]) == {"x"}
    _, profile = DuckDBContractEngine().check([str(path)], Contract(), time=None)
    assert profile.columns["x"].distinct_estimate == 30_000
    monkeypatch.setattr(scan, "few_valued_columns", lambda files: frozenset())
    _, estimated = DuckDBContractEngine().check([str(path)], Contract(), time=None)
    assert estimated.columns["x"].distinct_estimate == pytest.approx(30_000, rel=0.2)


def test_a_long_text_is_judged_whole_and_shown_short(tmp_path: Path) -> None:
    texts = ["m" * 150 + "a", "m" * 150 + "c"]
    rule = {"kind": "range", "field": "t", "max": "m" * 150 + "b"}
    report, profile = judge(tmp_path, {"t": texts}, rule)
    assert report.findings[-1].failing == 1
    assert profile.columns["t"].max == "m" * 100
    assert pc.max(pa.array(texts)).as_py() == texts[1]


def _no_process(table: Any, rules: list[Any], *_: Any) -> list[Any]:
    assert not rules, "a process was asked"
    return []
