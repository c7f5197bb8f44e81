"""Great Expectations for real, and every way in which it can fail to answer."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.adapters.quality.great_expectations import GreatExpectations
from dataplatform.contracts.model import ExpectationSpec
from dataplatform.contracts.report import Finding, Report
from dataplatform_tests.adapters.parquet import written

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B44", "S4-45", "M-6")]

ROWS = pa.table(
    {
        "n": pa.array([1, 2, None, 100], pa.int64()),
        "big": pa.array([2**60 + 1, None, 3, 4], pa.int64()),
        "day": [date(2024, 1, 1), date(2024, 1, 2), None, date(2024, 1, 2)],
        "at": pa.array([0, 1_000_000, None, 2_000_000], pa.timestamp("us", "UTC")),
        "code": ["x", "y", None, "zz"],
        "price": pa.array([1, 2, 3, 4], pa.decimal128(5, 2)),
    }
)


def findings(
    folder: Path, *expectations: dict[str, Any], runner: GreatExpectations | None = None
) -> list[Finding]:
    specs = [ExpectationSpec.model_validate(expectation) for expectation in expectations]
    found = (runner or GreatExpectations()).run([written(folder, ROWS)], specs)
    Report(gate="quality", row_count=4, findings=tuple(found)).to_bytes()
    return found


def test_expectations_hold_or_fail_with_the_values_that_fail_them(tmp_path: Path) -> None:
    mean, between, lengths, unique, newest = findings(
        tmp_path,
        {"expectation": "expect_column_mean_to_be_between", "column": "price", "max_value": 25},
        {"expectation": "expect_column_values_to_be_between", "column": "n", "max_value": 10},
        {"expectation": "expect_column_value_lengths_to_equal", "column": "code", "value": 1},
        {"expectation": "expect_column_values_to_be_unique", "column": "day"},
        {
            "expectation": "expect_column_max_to_be_between",
            "column": "at",
            "min_value": "2024-01-01",
        },
    )
    assert (mean.passed, mean.message.split(";")[0]) == (True, "observed 2.5")
    assert not between.passed
    assert (between.rule, between.fields) == ("expect_column_values_to_be_between(n)", ("n",))
    assert (between.checked, between.failing) == (4, 1)
    assert between.samples == ({"#row": 4, "n": 100.0},)
    assert lengths.samples == ({"#row": 4, "code": "zz"},)
    assert unique.samples == ({"#row": 2, "day": "2024-01-02"}, {"#row": 4, "day": "2024-01-02"})
    assert newest.message.startswith("observed 1970-01-01T00:00:02Z")


def test_dates_are_compared_as_dates_and_whole_numbers_stay_whole(tmp_path: Path) -> None:
    since, members, exact = findings(
        tmp_path,
        {
            "expectation": "expect_column_values_to_be_between",
            "column": "day",
            "min_value": "2024-01-02",
        },
        {
            "expectation": "expect_column_values_to_be_in_set",
            "column": "day",
            "value_set": ["2024-01-01", "2024-01-02"],
        },
        {"expectation": "expect_column_values_to_be_in_set", "column": "big", "value_set": [3, 4]},
    )
    assert since.samples == ({"#row": 1, "day": "2024-01-01"},)
    assert members.passed
    assert exact.samples == ({"#row": 1, "big": str(2**60 + 1)},)


def test_expectations_of_the_table_itself(tmp_path: Path) -> None:
    rows, exists, missing, columns = findings(
        tmp_path,
        {"expectation": "expect_table_row_count_to_be_between", "min_value": 1, "max_value": 3},
        {"expectation": "expect_column_to_exist", "column": "n"},
        {"expectation": "expect_column_to_exist", "column": "m"},
        {"expectation": "expect_table_column_count_to_equal", "value": 6},
    )
    assert (rows.passed, rows.message.split(";")[0]) == (False, "observed 4")
    assert exists.passed
    assert not missing.passed
    assert columns.passed


def test_several_files_are_one_table(tmp_path: Path) -> None:
    files = [written(tmp_path, ROWS, f"{at}.parquet") for at in range(3)]
    spec = {"expectation": "expect_table_row_count_to_equal", "value": 12}
    [found] = GreatExpectations().run(files, [ExpectationSpec.model_validate(spec)])
    assert found.passed


@pytest.mark.requirement("M-10")
def test_what_cannot_be_asked_has_not_passed_and_says_why(tmp_path: Path) -> None:
    mean = "expect_column_mean_to_be_between"
    cases: list[tuple[dict[str, Any], str, str | None]] = [
        (
            {"expectation": "expect_column_maen_to_be_between", "column": "n"},
            "has no",
            f"did you mean '{mean}'?",
        ),
        (
            {"expectation": mean, "column": "n", "min_valeu": 0},
            "no argument",
            "did you mean 'min_value'?",
        ),
        (
            {"expectation": mean, "column": "nn", "min_value": 0},
            "no column 'nn'",
            "did you mean 'n'?",
        ),
        ({"expectation": mean, "column": "n", "min_value": "low"}, "do not fit", None),
        ({"expectation": mean, "min_value": 0}, "do not fit", None),
        ({"expectation": mean, "column": "code", "min_value": 0}, "it raised", None),
        (
            {"expectation": "expect_column_values_to_match_regex", "column": "code", "regex": "("},
            "it raised",
            None,
        ),
        ({"expectation": mean, "column": "n", "row_condition": "@pd.io"}, "not available", None),
        (
            {"expectation": mean, "column": "n", "min_value": {"$PARAMETER": "x"}},
            "it crashed",
            None,
        ),
        (
            {
                "expectation": "expect_column_max_to_be_between",
                "column": "day",
                "min_value": "soon",
            },
            "no date",
            None,
        ),
    ]
    for found, (spec, reason, hint) in zip(
        findings(tmp_path, *(spec for spec, _, _ in cases)), cases, strict=True
    ):
        assert not found.passed, spec
        assert found.blocks, spec
        assert found.message.startswith("not evaluated: "), spec
        assert reason in found.message, found.message
        assert hint is None or found.hint == hint


@pytest.mark.requirement("M-10")
def test_more_data_than_fits_is_refused_and_never_sampled(tmp_path: Path) -> None:
    runner = GreatExpectations(memory_bytes=256, setting="SOME_LIMIT")
    large, small, counted = findings(
        tmp_path,
        {"expectation": "expect_column_values_to_be_unique", "column": "code"},
        {"expectation": "expect_column_values_to_be_unique", "column": "n"},
        {"expectation": "expect_table_row_count_to_equal", "value": 4},
        runner=runner,
    )
    assert "the limit is 0.0002441 MiB" in large.message
    assert "SOME_LIMIT" in str(large.hint)
    assert not small.message.startswith("not evaluated")
    assert counted.passed


@pytest.mark.requirement("M-10")
@pytest.mark.parametrize(
    "stand_in", ["raise SystemExit(0)", "raise ImportError('gone')", "raise RuntimeError('broken')"]
)
def test_a_library_that_cannot_be_imported_is_no_pass(tmp_path: Path, stand_in: str) -> None:
    (tmp_path / "great_expectations.py").write_text(stand_in)
    file = written(tmp_path, ROWS)
    program = f"""
import sys
from dataplatform.adapters.quality.great_expectations import GreatExpectations
from dataplatform.contracts.model import ExpectationSpec
sys.path.insert(0, {str(tmp_path)!r})
spec = ExpectationSpec(expectation="expect_column_to_exist", column="n")
[found] = GreatExpectations().run([{file!r}], [spec])
print(found.passed, found.message)
"""
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.startswith("False not evaluated: Great Expectations cannot be imported")


def test_a_program_without_a_file_of_its_own_gets_a_real_answer(tmp_path: Path) -> None:
    file = written(tmp_path, ROWS)
    program = f"""
from dataplatform.adapters.quality.great_expectations import GreatExpectations
from dataplatform.contracts.model import ExpectationSpec
spec = ExpectationSpec(expectation="expect_column_to_exist", column="n")
[found] = GreatExpectations().run([{file!r}], [spec])
print(found.passed, found.message)
"""
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.splitlines()[-1].startswith("True ")


def test_nothing_asked_costs_no_import(tmp_path: Path) -> None:
    program = """
import sys
from dataplatform.adapters.quality.great_expectations import GreatExpectations
assert GreatExpectations().run(["nowhere.parquet"], []) == []
assert "great_expectations" not in sys.modules and "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.requirement("B44")
def test_values_that_a_column_lacks_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, {"country": ["BR", "CN"]})
    spec = ExpectationSpec.model_validate(
        {
            "expectation": "expect_column_distinct_values_to_contain_set",
            "column": "country",
            "value_set": ["BR", "ZA"],
        }
    )
    (finding,) = GreatExpectations().run([path], [spec])
    assert not finding.passed
    assert finding.message.startswith("1 value missing: 'ZA'")
