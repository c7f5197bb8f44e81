"""Each kind of rule over a few rows: what passes, what fails, and which rows are named."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.contracts.model import Contract
from dataplatform_tests.adapters.contract_engine.judging import judge, judged_by, rule_finding
from dataplatform_tests.adapters.parquet import written

pytestmark = pytest.mark.requirement("S4-43", "B44")
NAN = float("nan")

ROW_RULES: list[tuple[str, list[Any] | pa.Array, dict[str, Any], list[int]]] = [
    ("range keeps both bounds", [0, 5, 10], {"kind": "range", "min": 0, "max": 10}, []),
    ("range below", [-1, 5], {"kind": "range", "min": 0}, [1]),
    ("range above", [5, 11, 12], {"kind": "range", "max": 10}, [2, 3]),
    ("null is in every range", [None, 5], {"kind": "range", "min": 0, "max": 10}, []),
    ("NaN is in no range", [NAN, 5.0], {"kind": "range", "min": 0}, [1]),
    ("infinity is beyond", [float("inf"), 5.0], {"kind": "range", "max": 10}, [1]),
    ("half bounds on whole numbers", [0, 1], {"kind": "range", "min": 0.5}, [1]),
    (
        "a float32 of 0.1 is at most 0.1",
        pa.array([0.1, 0.2], pa.float32()),
        {"kind": "range", "max": 0.1},
        [2],
    ),
    (
        "bounds of dates",
        [date(2024, 1, 1), date(2024, 1, 2)],
        {"kind": "range", "min": "2024-01-02"},
        [1],
    ),
    (
        "bounds of times with a zone are instants",
        pa.array([0, 7200_000_000], pa.timestamp("us", "Asia/Tokyo")),
        {"kind": "range", "min": "1970-01-01T02:00:00+01:00"},
        [1],
    ),
    (
        "bounds of times without a zone",
        [datetime.fromisoformat(f"2024-01-01T0{hour}:00") for hour in (1, 2)],
        {"kind": "range", "max": "2024-01-01T01:00:00"},
        [2],
    ),
    (
        "bounds of decimals are exact",
        [Decimal("0.10"), Decimal("0.11")],
        {"kind": "range", "max": "0.10"},
        [2],
    ),
    (
        "bounds beyond what a float holds",
        [2**53, 2**53 + 1],
        {"kind": "range", "max": str(2**53)},
        [2],
    ),
    (
        "regex looks at the whole text",
        ["US", "USA", "U"],
        {"kind": "regex", "pattern": "[A-Z]{2}"},
        [2, 3],
    ),
    ("regex is not fooled by lines", ["US\nUS"], {"kind": "regex", "pattern": "[A-Z]{2}"}, [1]),
    ("regex heeds case", ["us"], {"kind": "regex", "pattern": "[A-Z]{2}"}, [1]),
    ("regex with quotes", ["it's", "its"], {"kind": "regex", "pattern": ".*'.*"}, [2]),
    ("null matches", [None, "US"], {"kind": "regex", "pattern": "[A-Z]{2}"}, []),
    ("members", ["a", "b", None], {"kind": "enum_set", "values": ["a"]}, [2]),
    ("members with quotes", ["o'x", "x"], {"kind": "enum_set", "values": ["o'x"]}, [2]),
    ("numbers as members", [1, 2], {"kind": "enum_set", "values": [1, 3]}, [2]),
    ("floats as members", [1.0, 2.5, NAN], {"kind": "enum_set", "values": [1, 2.5]}, [3]),
    ("truth as a member", [True, False], {"kind": "enum_set", "values": [True]}, [2]),
    (
        "dates as members",
        [date(2024, 1, 1), date(2024, 1, 2)],
        {"kind": "enum_set", "values": ["2024-01-01"]},
        [2],
    ),
    (
        "many members",
        ["7", "x", None],
        {"kind": "enum_set", "values": [str(n) for n in range(2_000)]},
        [2],
    ),
    ("not null", [1, None], {"kind": "not_null"}, [2]),
    ("NaN is a value", [NAN], {"kind": "not_null"}, []),
]


@pytest.mark.parametrize(
    ("values", "rule", "offending"), [case[1:] for case in ROW_RULES], ids=[c[0] for c in ROW_RULES]
)
def test_rules_of_one_row(
    tmp_path: Path, values: Any, rule: dict[str, Any], offending: list[int]
) -> None:
    found = rule_finding(tmp_path, {"v": values}, {"field": "v", **rule})
    assert [sample["#row"] for sample in found.samples] == offending, found.message
    assert found.failing == len(offending)
    assert found.passed is (not offending)


def test_offending_rows_are_named_by_their_key(tmp_path: Path) -> None:
    rows = {"date": [date(2024, 1, 4), date(2024, 1, 5)], "y10": [4.0, 120.5]}
    rule = {"kind": "range", "field": "y10", "max": 50}
    found = rule_finding(tmp_path, rows, rule, primary_key=["date"])
    assert found.rule == "range(y10)"
    assert found.message == "1 of 2 values not at most 50"
    assert found.samples == ({"date": "2024-01-05", "y10": 120.5},)


def test_at_most_twenty_rows_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    found = rule_finding(
        tmp_path, {"v": list(range(1_000))}, {"kind": "range", "field": "v", "max": -1}
    )
    assert (found.failing, len(found.samples)) == (1_000, 20)


def test_rows_of_several_files_are_named_by_file(tmp_path: Path) -> None:
    files = [written(tmp_path, {"v": [1, 2]}, f"2024-0{at}.parquet") for at in (1, 2)]
    contract = Contract.model_validate({"rules": [{"kind": "range", "field": "v", "max": 1}]})
    report, _ = DuckDBContractEngine().check(files, contract, time=None)
    assert report.findings[-1].samples == (
        {"#file": "2024-01.parquet", "#row": 2, "v": 2},
        {"#file": "2024-02.parquet", "#row": 2, "v": 2},
    )


def test_nullability_is_checked_where_it_is_declared(tmp_path: Path) -> None:
    fields = [{"name": "v", "type": "int64", "nullable": False}]
    report, _ = judge(tmp_path, {"v": [1, None, None]}, fields=fields)
    [failed] = report.failures
    assert (failed.rule, failed.failing) == ("not_null(v)", 2)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([1, 2, 3], None),
        ([3, 1, 2], None),
        ([1, 2, 2], "1 key in more than one row (2 rows)"),
        ([1, None, 2], "1 row with a null in the key"),
        (
            [2, None, 2, None, 2],
            "2 rows with a null in the key; 1 key in more than one row (3 rows)",
        ),
        ([0.0, -0.0], "1 key in more than one row (2 rows)"),
        ([NAN, NAN], "1 key in more than one row (2 rows)"),
    ],
)
def test_the_primary_key_identifies_every_row(
    tmp_path: Path, keys: list[Any], message: str | None
) -> None:
    report, _ = judge(tmp_path, {"k": keys, "v": [str(k) for k in keys]}, primary_key=["k"])
    [finding] = [f for f in report.findings if f.rule == "primary_key"]
    assert finding.passed is (message is None)
    assert finding.message == (message or "k identifies every row")


def test_repeated_and_null_keys_are_shown(tmp_path: Path) -> None:
    rows = {"a": ["x", "x", "y", None], "b": [1, 1, 1, 1]}
    report, _ = judge(tmp_path, rows, primary_key=["a", "b"])
    [finding] = report.failures
    assert finding.samples == (
        {"a": None, "b": 1, "#row": 4},
        {"a": "x", "b": 1, "#rows": 2},
    )


@pytest.mark.parametrize(
    ("rows", "fields", "failing"),
    [
        ({"a": [1, 2, 2, 2]}, ["a"], 3),
        ({"a": [None, None]}, ["a"], 0),
        ({"a": [1, 1], "b": [1, 2]}, ["a", "b"], 0),
        ({"a": [1, 1], "b": [None, None]}, ["a", "b"], 0),
        ({"a": ["x", "X"]}, ["a"], 0),
        ({"a": []}, ["a"], 0),
    ],
)
def test_unique_values(
    tmp_path: Path, rows: dict[str, Any], fields: list[str], failing: int
) -> None:
    found = rule_finding(tmp_path, rows, {"kind": "unique", "fields": fields})
    assert (found.failing, found.passed) == (failing, failing == 0)


@pytest.mark.parametrize(
    ("values", "rule", "offending"),
    [
        ([1, 1, 2], {}, []),
        ([1, 1, 2], {"strict": True}, [2]),
        ([1, 3, 2, 4], {}, [3]),
        ([3, None, 2], {}, [3]),
        ([3, 2, 2], {"order": "decreasing"}, []),
        ([3, 2, 2], {"order": "decreasing", "strict": True}, [3]),
        ([1.0, NAN, 2.0], {}, [2, 3]),
        ([7], {"strict": True}, []),
        ([None, None], {"strict": True}, []),
    ],
)
def test_order_from_row_to_row(
    tmp_path: Path, values: list[Any], rule: dict[str, Any], offending: list[int]
) -> None:
    found = rule_finding(tmp_path, {"v": values}, {"kind": "monotonic", "field": "v", **rule})
    assert [sample["#row"] for sample in found.samples] == offending


def test_order_within_groups(tmp_path: Path) -> None:
    rows = {"g": ["a", "b", "a", "b"], "v": [1, 9, 2, 8]}
    found = rule_finding(tmp_path, rows, {"kind": "monotonic", "field": "v", "by": ["g"]})
    assert found.samples == ({"#row": 4, "g": "b", "v": 8, "#before": 9},)


def test_rules_of_the_same_kind_and_field_are_told_apart(tmp_path: Path) -> None:
    rules = [
        {"kind": "range", "field": "v", "max": 50, "severity": "warn"},
        {"kind": "range", "field": "v", "max": 99, "name": "plausible"},
    ]
    findings = judged_by(tmp_path, {"v": [60]}, *rules)
    assert [(f.rule, str(f.severity), f.passed) for f in findings] == [
        ("range(v)", "warn", False),
        ("plausible", "error", True),
    ]


@pytest.mark.requirement("M-10")
def test_a_warning_does_not_close_the_gate(tmp_path: Path) -> None:
    rule = {"kind": "range", "field": "v", "max": 50, "severity": "warn"}
    report, _ = judge(tmp_path, {"v": [60]}, rule)
    assert report.passed
    assert [f.rule for f in report.warnings] == ["range(v)"]
