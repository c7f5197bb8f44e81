"""From results to batches, without a process: layouts, conversions and slices."""

from __future__ import annotations

import os
import tempfile
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.adapters.runner.producer_process.plain import plain_column, plain_type
from dataplatform.adapters.runner.producer_process.tables import TableWriter, batches_of
from dataplatform.adapters.runner.producer_process.unify import RefusedTable

UTC = pa.timestamp("us", "UTC")


def sent(*results: Any) -> pa.Table:
    """What arrives of several yielded results: the Arrow stream that they become."""
    with tempfile.TemporaryFile() as file:
        writer = TableWriter(os.dup(file.fileno()))
        for number, batch in batches_of(list(results)):
            writer.write(batch, number)
        writer.close()
        file.seek(0)
        return pa.ipc.open_stream(file).read_all()


def column(kind: pa.DataType, *values: Any) -> pa.Table:
    return pa.table({"x": pa.array(values, kind)})


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (pa.dictionary(pa.int8(), pa.string()), pa.string()),
        (pa.dictionary(pa.int16(), pa.large_string()), pa.string()),
        (pa.large_string(), pa.string()),
        (pa.string_view(), pa.string()),
        (pa.large_binary(), pa.binary()),
        (pa.binary_view(), pa.binary()),
        (pa.large_list(pa.int64()), pa.list_(pa.int64())),
        (pa.list_(pa.large_string()), pa.list_(pa.string())),
        (pa.list_view(pa.int64()), pa.list_(pa.int64())),
        (pa.list_(pa.string(), 2), pa.list_(pa.string(), 2)),
        (pa.map_(pa.string(), pa.large_string()), pa.map_(pa.string(), pa.string())),
        (pa.struct({"a": pa.large_string()}), pa.struct({"a": pa.string()})),
        (pa.run_end_encoded(pa.int32(), pa.int64()), pa.int64()),
        (pa.uuid(), pa.binary(16)),
        (pa.int32(), pa.int32()),
        (UTC, UTC),
        (pa.decimal128(10, 2), pa.decimal128(10, 2)),
    ],
)
def test_the_layout_does_not_change_what_a_type_says(kind: pa.DataType, plain: pa.DataType) -> None:
    assert plain_type(kind) == plain
    assert plain_type(plain) == plain


@pytest.mark.parametrize(
    ("given_column", "values"),
    [
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array([[1], None], pa.large_list(pa.int64())), [[1], None]),
        (pa.array([[1], None], pa.list_view(pa.int64())), [[1], None]),
        (pa.array([{"a": "x"}], pa.struct({"a": pa.large_string()})), [{"a": "x"}]),
        (pa.array([b"0" * 16], pa.uuid()), [b"0" * 16]),
        (pa.compute.run_end_encode(pa.array([1, 1, 2])), [1, 1, 2]),
        (pa.array(["a", "b"]).dictionary_encode().slice(1), ["b"]),
    ],
)
def test_a_plain_column_has_the_same_values(given_column: pa.Array, values: list[Any]) -> None:
    found = plain_column(given_column)

    assert found.type == plain_type(given_column.type)
    assert found.to_pylist() == values


@pytest.mark.parametrize(
    ("first", "later", "arrives"),
    [
        (column(pa.int64(), 1), column(pa.int8(), 2), [1, 2]),
        (column(pa.int8(), 1), column(pa.int64(), 2), [1, 2]),
        (column(pa.float64(), 1.5), column(pa.int64(), 2), [1.5, 2.0]),
        (column(pa.int64(), 1), column(pa.float64(), 2.0, None), [1, 2, None]),
        (column(pa.int64(), 1), column(pa.null(), None), [1, None]),
        (column(pa.string(), "a"), column(pa.large_string(), "b"), ["a", "b"]),
        (column(pa.string(), "a"), column(pa.null(), None), ["a", None]),
        (
            column(pa.decimal128(10, 2), Decimal("1.00")),
            column(pa.int64(), 2),
            [Decimal("1.00"), Decimal("2.00")],
        ),
        (
            column(pa.int64(), 1),
            column(pa.decimal128(10, 2), Decimal("2.00"), None),
            [1, 2, None],
        ),
        (column(pa.float32(), 1.5), column(pa.float64(), 2.5, None), [1.5, 2.5, None]),
        (pa.table({"x": [1], "y": [2]}), pa.table({"y": [4], "x": [3]}), [1, 3]),
    ],
)
def test_later_batches_take_the_first_ones_types(
    first: pa.Table, later: pa.Table, arrives: list[Any]
) -> None:
    assert sent(first, later)["x"].to_pylist() == arrives


@pytest.mark.parametrize(
    ("first", "later", "message"),
    [
        (column(pa.int64(), 1), column(pa.string(), "2"), "'x' of batch 2 is string, in the first"),
        (column(pa.string(), "1"), column(pa.int64(), 2), "'x' of batch 2 is int64, in the first"),
        (column(pa.int64(), 1), column(pa.float64(), 1.5), "'x' of batch 2 is double and does not"),
        (column(pa.int8(), 1), column(pa.int64(), 300), "'x' of batch 2 is int64 and does not"),
        (column(pa.float32(), 1), column(pa.float64(), 0.1), "is double and does not fit float"),
        (column(pa.int64(), 1), column(pa.decimal128(4, 2), Decimal("2.5")), "does not fit int64"),
        (column(pa.decimal128(4, 2), Decimal(1)), column(pa.int64(), 100), "does not fit decimal"),
        (column(pa.decimal128(4, 2), Decimal(1)), column(pa.float64(), 0.1), "first batch it was"),
        (column(UTC, 0), column(pa.timestamp("us"), 0), "'x' of batch 2 is timestamp"),
        (column(pa.date32(), 0), column(UTC, 0), "'x' of batch 2 is timestamp"),
        (column(pa.bool_(), True), column(pa.int64(), 1), "'x' of batch 2 is int64"),
        (column(pa.int64(), 1), pa.table({"y": [1]}), "batch 2 lacks the column 'x'"),
        (column(pa.int64(), 1), pa.table({"x": [1], "y": [1]}), "batch 2 adds the column 'y'"),
        (column(pa.null(), None), column(pa.int64(), 1), "in the first batch it was only nulls"),
    ],
)
def test_what_would_lose_meaning_is_refused_by_column_and_batch(
    first: pa.Table, later: pa.Table, message: str
) -> None:
    with pytest.raises(RefusedTable, match=message):
        sent(first, later)


def test_a_schema_that_says_not_null_is_believed() -> None:
    schema = pa.schema([pa.field("x", pa.int64(), nullable=False)])
    whole = pa.Table.from_arrays([pa.array([1])], schema=schema)
    holed = pa.Table.from_arrays([pa.array([1, None])], schema=schema)

    assert sent(whole).schema == schema
    with pytest.raises(RefusedTable, match="'x' of batch 2 has 1 nulls"):
        sent(whole, holed)


def test_wide_rows_travel_in_smaller_slices() -> None:
    table = pa.table({"x": ["y" * 20_000_000] * 5})
    reading = sent(table)

    assert reading == table
    assert [len(chunk) for chunk in reading["x"].chunks] == [1] * 5


@pytest.mark.requirement("S1-89")
def test_a_text_that_a_dictionary_holds_once_counts_in_every_row_that_has_it() -> None:
    codes = pa.array([0] * 8, pa.int8())
    table = pa.table({"x": pa.DictionaryArray.from_arrays(codes, ["y" * 10_000_000])})
    assert [len(chunk) for chunk in sent(table)["x"].chunks] == [2] * 4


@given(
    st.lists(st.one_of(st.none(), st.integers(-1000, 1000)), min_size=1, max_size=50).filter(
        lambda numbers: any(number is not None for number in numbers)
    ),
    st.data(),
)
def test_however_a_table_is_cut_the_same_rows_arrive(
    numbers: list[int | None], data: st.DataObject
) -> None:
    table = column(pa.int64(), *numbers)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(numbers)), max_size=5)))
    bounds = zip([0, *cuts], [*cuts, len(numbers)], strict=True)

    assert sent(*(table.slice(a, b - a) for a, b in bounds)) == table
