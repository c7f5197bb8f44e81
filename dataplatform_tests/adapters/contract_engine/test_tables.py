"""What the engine reads: columns, profiles, exact counts, and what it cannot read."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.contracts.model import Contract, MetricThreshold
from dataplatform.contracts.profile import Profile
from dataplatform.contracts.report import Report
from dataplatform_tests.adapters.contract_engine.judging import judge, judged_by, rule_finding
from dataplatform_tests.adapters.parquet import written
from opendata.wire.errors import Corrupt, InvalidInput, NotFound

NAN = float("nan")


def failures(report: Report) -> dict[str, str]:
    return {finding.rule: finding.message for finding in report.failures}


@pytest.mark.requirement("S4-42", "S4-43", "S4-10")
def test_columns_are_held_to_the_contract(tmp_path: Path) -> None:
    fields = [{"name": "date", "type": "date32"}, {"name": "y10", "type": "float64"}]
    rows = {"date": ["2024-01-01"], "extra": [1]}
    report, _ = judge(tmp_path, rows, {"kind": "range", "field": "y10", "max": 5}, fields=fields)
    assert failures(report) == {
        "field(date)": "column 'date' is string, declared as date32",
        "field(y10)": "column 'y10' (float64) is missing",
        "field(extra)": "column 'extra' is not in the contract",
        "range(y10)": "not evaluated: the table has no column 'y10'",
    }


def test_a_rule_over_a_mistyped_column_is_not_evaluated(tmp_path: Path) -> None:
    fields = [{"name": "y10", "type": "float64"}]
    rule = {"kind": "range", "field": "y10", "max": 5}
    found = rule_finding(tmp_path, {"y10": ["4.1"]}, rule, fields=fields)
    assert found.message == "not evaluated: column 'y10' has another type than float64"


@pytest.mark.requirement("S4-47")
def test_a_profile_tells_what_stands_in_each_column(tmp_path: Path) -> None:
    rows = pa.table(
        {
            "date": [date(2024, 1, 3), date(2024, 1, 1), None],
            "y10": [1.0, 4.0, NAN],
            "code": ["b", "a", "b"],
            "n": pa.array([2**60, None, 1], pa.int64()),
            "price": pa.array([Decimal("1.50"), Decimal("2.50"), None], pa.decimal128(5, 2)),
            "at": pa.array([0, 1_500_000, None], pa.timestamp("us", "UTC")),
            "tags": [["a"], None, []],
            "nothing": pa.nulls(3),
        }
    )
    _, profile = judge(tmp_path, rows, time="date")
    shown = {
        name: (c.null_count, c.nan_count, c.distinct_estimate, c.min, c.max, c.mean)
        for name, c in profile.columns.items()
    }
    assert shown == {
        "date": (1, 0, 2, "2024-01-01", "2024-01-03", None),
        "y10": (0, 1, 3, 1.0, 4.0, 2.5),
        "code": (0, 0, 2, "a", "b", None),
        "n": (1, 0, 2, 1, str(2**60), (2**60 + 1) / 2),
        "price": (1, 0, 2, "1.50", "2.50", 2.0),
        "at": (1, 0, 2, "1970-01-01T00:00:00Z", "1970-01-01T00:00:01.500000Z", None),
        "tags": (1, 0, None, None, None, None),
        "nothing": (3, 0, None, None, None, None),
    }
    assert (profile.time_min, profile.time_max) == ("2024-01-01", "2024-01-03")
    assert profile.row_count == 3
    profile.to_bytes()


def test_a_table_without_rows_keeps_every_rule(tmp_path: Path) -> None:
    rows = pa.table({"k": pa.array([], pa.int64()), "v": pa.array([], pa.float64())})
    rules: list[dict[str, Any]] = [
        {"kind": "range", "field": "v", "max": 1},
        {"kind": "monotonic", "field": "v"},
        {"kind": "cross_field", "expr": "v > k"},
    ]
    report, profile = judge(tmp_path, rows, *rules, primary_key=["k"], time="k")
    assert report.passed
    assert profile == Profile(row_count=0, columns=profile.columns)


def measured(folder: Path, rows: Any, *thresholds: dict[str, Any]) -> Profile:
    asked = [MetricThreshold.model_validate(threshold) for threshold in thresholds]
    return DuckDBContractEngine().profile([written(folder, rows)], Contract(), asked, time=None)


@pytest.mark.requirement("S4-45")
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [3, 0, 4, 2, 1]])
def test_thresholds_get_exact_counts(tmp_path: Path, order: list[int]) -> None:
    rows = pa.table({"a": [1, 2, 2, 3, None], "b": ["x", "x", "y", None, None]}).take(order)
    profile = measured(
        tmp_path,
        rows,
        {"metric": "uniqueness", "field": "a", "min": 1},
        {"metric": "uniqueness", "fields": ["a", "b"], "min": 1},
        {"metric": "completeness", "min": 1},
        {"metric": "completeness", "field": "gone", "min": 1},
    )
    counts = {fact.fields: (fact.complete_rows, fact.distinct_rows) for fact in profile.facts}
    assert counts == {("a",): (4, 3), ("a", "b"): (3, 3), (): (3, None)}


def test_times_finer_than_microseconds_are_told_apart(tmp_path: Path) -> None:
    ticks = pa.array([1, 2, 1_000_000_000], pa.timestamp("ns", "UTC"))
    rules: list[dict[str, Any]] = [
        {"kind": "unique", "field": "at"},
        {"kind": "monotonic", "field": "at", "strict": True},
        {"kind": "range", "field": "at", "max": "1970-01-01T00:00:00.5Z"},
        {"kind": "not_null", "field": "at"},
    ]
    rows = {"at": ticks, "v": [1.0, NAN, 3.0]}
    unique, monotonic, within, present = judged_by(tmp_path, rows, *rules)
    assert unique.passed
    assert monotonic.passed
    assert present.passed
    assert within.samples == ({"#row": 3, "at": "1970-01-01T00:00:01.000000000Z"},)
    report, profile = judge(tmp_path, rows, primary_key=["at"], time="at")
    assert report.passed
    assert profile.time_min == "1970-01-01T00:00:00.000000001Z"


def test_times_beyond_the_calendar_are_shown_as_text(tmp_path: Path) -> None:
    rows = {"day": pa.array([4_000_000, 1], pa.date32())}
    found = rule_finding(tmp_path, rows, {"kind": "range", "field": "day", "max": "2000-01-01"})
    assert found.samples == ({"#row": 1, "day": "12921-08-18"},)
    _, profile = judge(tmp_path, rows, time="day")
    assert (profile.time_min, profile.time_max) == ("1970-01-02", "12921-08-18")


def test_what_cannot_be_compared_exactly_is_not_evaluated(tmp_path: Path) -> None:
    rows = {
        "wide": pa.array([Decimal(1)], pa.decimal256(60, 2)),
        "tick": pa.array([1], pa.time64("ns")),
    }
    rules = [
        {"kind": "unique", "field": "wide"},
        {"kind": "monotonic", "field": "tick"},
        {"kind": "not_null", "fields": ["wide", "tick"]},
    ]
    unique, monotonic, present = judged_by(tmp_path, rows, *rules)
    assert "more than 38 digits" in unique.message
    assert "compared in microseconds" in monotonic.message
    assert present.passed


def test_whole_microseconds_in_a_finer_type_are_exact(tmp_path: Path) -> None:
    rows = {"tick": pa.array([1_000, 2_000], pa.time64("ns"))}
    assert rule_finding(tmp_path, rows, {"kind": "unique", "field": "tick"}).passed


def test_columns_that_differ_in_case_only_cannot_be_judged(tmp_path: Path) -> None:
    rows = {"a": [1], "A": [2], "b": [3]}
    report, profile = judge(tmp_path, rows, {"kind": "range", "field": "A", "max": 1})
    assert set(failures(report)) == {"field(A)", "range(A)"}
    assert list(profile.columns) == ["b"]


def test_names_are_never_taken_for_sql(tmp_path: Path) -> None:
    odd = 'a"; DROP TABLE data; --'
    rows = {odd: [1, 2], "select": [1, 1], "file_row_number": [7, 8], "x.y": ["'", '"']}
    report, profile = judge(
        tmp_path,
        rows,
        {"kind": "range", "field": odd, "max": 1},
        {"kind": "unique", "fields": ["select"]},
        {"kind": "enum_set", "field": "x.y", "values": ["'", '"']},
        {"kind": "monotonic", "field": odd, "by": ["select"]},
    )
    assert set(failures(report)) == {f"range({odd})", "unique(select)"}
    assert set(profile.columns) == set(rows)
    samples = next(f.samples for f in report.failures if f.rule.startswith("range"))
    assert samples == ({"#row": 2, odd: 2},)


def test_a_column_whose_name_reports_need_is_refused(tmp_path: Path) -> None:
    report, _ = judge(tmp_path, {"#row": [1], "v": [1]})
    assert "is taken" in failures(report)["field(#row)"]


def test_files_with_other_columns_or_types_are_named(tmp_path: Path) -> None:
    files = [
        written(tmp_path, {"v": [1]}, "a.parquet"),
        written(tmp_path, {"v": [2.5]}, "b.parquet"),
        written(tmp_path, {"v": [3], "w": [1]}, "c.parquet"),
    ]
    report, profile = DuckDBContractEngine().check(files, Contract(), time=None)
    assert [f.message for f in report.failures] == [
        "b.parquet has other columns or types than a.parquet: v",
        "c.parquet has other columns or types than a.parquet: w",
    ]
    assert profile.row_count == 3


def test_text_that_is_no_text_is_a_failed_column_and_stops_nothing_else(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff\xfe", b"ok"]).buffers())
    rules = [{"kind": "range", "field": "v", "max": 1}, {"kind": "unique", "field": "s"}]
    report, profile = judge(tmp_path, {"s": broken, "v": [1, 2]}, *rules)
    assert set(failures(report)) == {"field(s)", "range(v)", "unique(s)"}
    assert failures(report)["unique(s)"].startswith("not evaluated")
    assert list(profile.columns) == ["v"]


@pytest.mark.parametrize(("files", "error"), [([], InvalidInput), (["nowhere.parquet"], NotFound)])
def test_nothing_to_read_is_an_error(files: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        DuckDBContractEngine().check(files, Contract(), time=None)


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense PAR1", b"a,b\n1,2\n"])
def test_a_damaged_file_is_told_as_corrupt(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)
    with pytest.raises(Corrupt, match=r"rows\.parquet is no readable Parquet"):
        DuckDBContractEngine().check([str(path)], Contract(), time=None)
