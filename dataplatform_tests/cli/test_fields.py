"""`opendata.releases.register_field` and `normalize_field`: one column, whatever it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import opendata
from opendata import releases
from opendata.wire.errors import Conflict, InvalidInput, NotFound, Rejected

pytestmark = [
    pytest.mark.requirement("S4-61"),
    pytest.mark.filterwarnings("ignore:the release is unsigned:UserWarning"),
]
Y10 = {"name": "y10", "type": "float64", "unit": "percent", "aliases": ["10Y", "BC_10YEAR"]}


# --- registering -----------------------------------------------------------------------


def test_a_field_is_registered_with_the_names_it_answers_to() -> None:
    contract = releases.register_field({}, "date", "date32", nullable=False)
    contract = releases.register_field(contract, "y10", "double", aliases=["10Y"], unit="percent")
    assert contract["fields"] == [
        {"name": "date", "type": "date32", "nullable": False, "aliases": []},
        {"name": "y10", "type": "float64", "nullable": True, "unit": "percent", "aliases": ["10Y"]},
    ]


def test_what_was_there_stays_as_it_was() -> None:
    before = {"primary_key": ["id"], "fields": [{"name": "id", "type": "int64"}]}
    after = releases.register_field(before, "size", "int32", default=0, nullable=False)
    assert after["primary_key"] == ["id"]
    assert [field["name"] for field in after["fields"]] == ["id", "size"]
    assert after["fields"][1]["default"] == 0
    assert len(before["fields"]) == 1


@pytest.mark.parametrize(
    ("name", "aliases", "problem"),
    [
        ("y10", [], "'y10' is the name of a field already"),
        ("10Y", [], "'10Y' is an alias of 'y10' already"),
        ("ten", ["y10"], "the alias 'y10' of 'ten' is the name of a field"),
        ("ten", ["BC_10YEAR"], "the alias 'BC_10YEAR' of 'ten' is an alias of 'y10'"),
    ],
)
def test_a_name_means_one_field(name: str, aliases: list[str], problem: str) -> None:
    with pytest.raises(Conflict, match=problem):
        releases.register_field({"fields": [Y10]}, name, "float64", aliases=aliases)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"name": "x", "type": "number"}, "'x' is no field"),
        ({"name": "Y10", "type": "float64"}, "differ in case only"),
        ({"name": "x", "type": "int32", "default": "many"}, "no value of type int32"),
        ({"name": "x", "type": "int32", "aliases": ["a", "a"]}, "given twice"),
    ],
)
def test_what_makes_no_field_is_refused(asked: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        releases.register_field({"fields": [Y10]}, **asked)


@pytest.mark.parametrize("given", [None, 7, ["y10"], {"field": []}])
def test_what_is_no_contract_is_told_so(given: Any) -> None:
    with pytest.raises(InvalidInput, match="no contract"):
        releases.register_field(given, "x", "int32")


@pytest.mark.platform
@pytest.mark.usefixtures("project")
@pytest.mark.requirement("B39")
def test_a_registered_field_is_pushed_under_its_new_name() -> None:
    opendata.push(pd.DataFrame({"day": [1, 2], "size": [3, 4]}), "tests/sizes")
    contract = releases.register_field("tests/sizes", "weight", "float64", unit="kg")
    rows = pd.DataFrame({"day": [1, 2], "size": [3, 4], "weight": [0.5, None]})
    pushed = opendata.push(rows, "tests/sizes", contract=contract)
    assert pushed.release == "1.1.0"
    with pytest.raises(NotFound):
        releases.register_field("tests/nothing", "weight", "float64")


# --- normalising -----------------------------------------------------------------------


def test_a_column_under_an_alias_gets_its_name_unit_and_type() -> None:
    found = releases.normalize_field(pa.table({"10Y": [0.0425, None]}), Y10, unit="dimensionless")
    assert found.to_pydict() == {"y10": [4.25, None]}
    assert found.schema.field("y10").metadata == {b"unit": b"percent"}


def test_the_unit_in_a_columns_metadata_counts() -> None:
    height = {"name": "height", "type": "float64", "unit": "metre"}
    field = pa.field("height", pa.float64(), metadata={"unit": "foot"})
    table = pa.table([pa.array([100.0])], schema=pa.schema([field]))
    found = releases.normalize_field(table, height)
    assert found["height"].to_pylist() == pytest.approx([30.48])
    assert releases.normalize_field(found, height).equals(found)


def test_temperatures_are_moved_as_well_as_stretched() -> None:
    field = {"name": "t", "type": "float64", "unit": "degC"}
    found = releases.normalize_field(pa.table({"t": [212.0]}), field, unit="degF")
    assert found["t"].to_pylist() == pytest.approx([100.0])


@pytest.mark.parametrize(
    ("values", "data_type", "registered"),
    [
        ([1, None], pa.int16(), "int64"),
        ([1, 2], pa.int64(), "int8"),
        ([1, 2], pa.int64(), "float64"),
        ([0.5], pa.float32(), "float64"),
        (["a"], pa.large_string(), "string"),
    ],
)
def test_other_widths_are_cast_where_every_value_survives(
    values: list[Any], data_type: pa.DataType, registered: str
) -> None:
    table = pa.table({"x": pa.array(values, data_type)})
    found = releases.normalize_field(table, {"name": "x", "type": registered})
    assert found["x"].to_pylist() == values
    assert str(found["x"].type).startswith({"float64": "double"}.get(registered, registered))


def test_values_that_would_be_lost_are_named_by_their_rows() -> None:
    table = pa.table({"x": [1, 300, 2, -129, 127]})
    with pytest.raises(Rejected, match=r"row 1 \(300\), row 3 \(-129\)") as refused:
        releases.normalize_field(table, {"name": "x", "type": "int8"})
    assert refused.value.details["rows"] == [
        {"row": 1, "value": "300"},
        {"row": 3, "value": "-129"},
    ]


def test_of_many_only_the_first_are_named() -> None:
    table = pa.table({"x": list(range(120, 1000))})
    with pytest.raises(Rejected, match=r"row 12 \(132\) and more"):
        releases.normalize_field(table, {"name": "x", "type": "int8"})


def test_converted_numbers_that_are_not_whole_do_not_fit_whole_numbers() -> None:
    centimetres = {"name": "x", "type": "int32", "unit": "centimetre"}
    found = releases.normalize_field(pa.table({"x": [1, 2]}), centimetres, unit="metre")
    assert found["x"].to_pylist() == [100, 200]
    with pytest.raises(Rejected, match=r"row 0 \(2\.54\)"):
        releases.normalize_field(pa.table({"x": [1, 50]}), centimetres, unit="inch")


@given(st.lists(st.one_of(st.none(), st.integers(-200, 200)), max_size=40))
def test_a_cast_keeps_every_value_or_names_the_first_that_it_would_not(values: list[Any]) -> None:
    table = pa.table({"x": pa.array(values, pa.int64())})
    lost = [at for at, one in enumerate(values) if one is not None and not -128 <= one <= 127]
    if not lost:
        found = releases.normalize_field(table, {"name": "x", "type": "int8"})
        assert found["x"].to_pylist() == values
        return
    with pytest.raises(Rejected) as refused:
        releases.normalize_field(table, {"name": "x", "type": "int8"})
    assert [one["row"] for one in refused.value.details["rows"]] == lost[:5]


@pytest.mark.parametrize(
    ("table", "field", "problem"),
    [
        ({"10Y": [1.0], "y10": [1.0]}, Y10, "is there under 2 names: y10, 10Y"),
        ({"x": ["1"]}, {"name": "x", "type": "int32"}, "'x' is string, and int32 is registered"),
        ({"x": ["a"]}, {"name": "x", "type": "string", "unit": "metre"}, "only numbers can be"),
        ({"x": [1.0]}, {"name": "x", "type": "float64", "unit": "kilogram"}, "nothing converts"),
        ({"x": [1.0]}, {"name": "x", "type": "numeric"}, "'x' is no field"),
    ],
)
def test_what_does_not_lead_to_the_registered_field_is_refused(
    table: dict[str, Any], field: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        releases.normalize_field(pa.table(table), field, unit="foot")


def test_a_field_that_is_not_there_is_told_with_the_nearest_one() -> None:
    with pytest.raises(NotFound, match="no column 'y10' or '10Y' or 'BC_10YEAR'") as missing:
        releases.normalize_field(pa.table({"y_10": [1.0]}), Y10)
    assert "y_10" in (missing.value.hint or "")


def test_a_required_field_refuses_nulls() -> None:
    field = {"name": "x", "type": "int64", "nullable": False}
    with pytest.raises(Rejected, match="1 row of it are, the first is row 1"):
        releases.normalize_field(pa.table({"x": [1, None]}), field)


def test_older_rows_become_rows_of_the_whole_contract() -> None:
    contract = {
        "fields": [
            {"name": "day", "type": "int64"},
            Y10,
            {"name": "source", "type": "string", "nullable": False, "default": "archive"},
            {"name": "note", "type": "string"},
        ]
    }
    rows = pd.DataFrame({"day": [1, 2], "BC_10YEAR": [0.01, 0.02], "more": ["a", "b"]})
    found = releases.normalize_field(rows, contract, unit={"y10": "dimensionless"})
    assert isinstance(found, pd.DataFrame)
    assert list(found.columns) == ["day", "y10", "more", "source", "note"]
    assert found["y10"].tolist() == pytest.approx([1.0, 2.0])
    assert found["source"].tolist() == ["archive", "archive"]
    assert found["note"].isna().all()
    with pytest.raises(InvalidInput, match="says not of which column"):
        releases.normalize_field(rows, contract, unit="dimensionless")


def test_a_frame_of_polars_stays_one_and_a_file_becomes_a_table(tmp_path: Path) -> None:
    found = releases.normalize_field(pl.DataFrame({"10Y": [1.5]}), Y10)
    assert isinstance(found, pl.DataFrame)
    assert found.to_dict(as_series=False) == {"y10": [1.5]}
    path = tmp_path / "rates.parquet"
    pq.write_table(pa.table({"10Y": [1.5]}), path)
    assert releases.normalize_field(path, Y10).to_pydict() == {"y10": [1.5]}
