"""Columns meet the contract's types where nothing is lost, and are left alone where it would be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.contracts.model import Contract
from dataplatform.errors import FailureClass, ProducerFailed
from dataplatform.releases.conform import conform_batch, conformed_schema

MIDNIGHT, NOON = datetime(2024, 1, 1), datetime(2024, 1, 1, 12)  # noqa: DTZ001


def contract(**types: str) -> Contract:
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    return Contract.model_validate({"fields": fields})


def conformed(values: list[Any], kind: pa.DataType, declared: str | None) -> pa.Array:
    batch = pa.record_batch({"a": pa.array(values, kind)})
    promised = contract(a=declared) if declared else None
    schema = conformed_schema(batch.schema, promised)
    return conform_batch(batch, schema, 1).column(0)


@pytest.mark.requirement("S4-23")
@pytest.mark.parametrize(
    ("values", "kind", "declared"),
    [
        ([1, None], pa.int64(), "int8"),
        ([1, None], pa.int64(), "float64"),
        ([0.1, None], pa.float64(), "float32"),
        ([float("inf"), float("nan")], pa.float64(), "float32"),
        ([MIDNIGHT, None], pa.timestamp("ns"), "timestamp[s]"),
        ([MIDNIGHT, None], pa.timestamp("ns"), "date32"),
        ([MIDNIGHT, None], pa.timestamp("ns", tz="Europe/Paris"), "timestamp[us, tz=UTC]"),
        ([MIDNIGHT, None], pa.date64(), "date32"),
        ([None, None], pa.null(), "string"),
        ([None, None], pa.null(), "date32"),
    ],
)
def test_a_width_is_conformed(values: list[Any], kind: pa.DataType, declared: str) -> None:
    column = conformed(values, kind, declared)
    assert column.type == contract(a=declared).fields[0].arrow_type
    assert column.null_count == values.count(None)


@pytest.mark.requirement("S1-86", "S4-23")
@pytest.mark.parametrize(
    ("values", "kind", "declared"),
    [
        ([300], pa.int64(), "int8"),
        ([2**53 + 1], pa.int64(), "float64"),
        ([1e300], pa.float64(), "float32"),
        ([NOON], pa.timestamp("ns"), "date32"),
        ([datetime(2024, 1, 1, 0, 0, 0, 1)], pa.timestamp("us"), "timestamp[s]"),  # noqa: DTZ001
    ],
)
def test_a_value_that_would_be_lost_is_named(
    values: list[Any], kind: pa.DataType, declared: str
) -> None:
    with pytest.raises(ProducerFailed, match="column 'a' of batch 1 does not fit") as failed:
        conformed(values, kind, declared)
    assert failed.value.failure_class is FailureClass.PARSE


@pytest.mark.parametrize(
    ("values", "kind", "declared"),
    [
        (["1"], pa.string(), "int64"),
        ([1], pa.int64(), "string"),
        ([1.0], pa.float64(), "int64"),
        ([True], pa.bool_(), "int64"),
        ([MIDNIGHT], pa.timestamp("us"), "timestamp[us, tz=UTC]"),
        ([MIDNIGHT], pa.timestamp("us", tz="UTC"), "date32"),
    ],
)
def test_another_kind_is_left_for_the_contract_to_judge(
    values: list[Any], kind: pa.DataType, declared: str
) -> None:
    assert conformed(values, kind, declared).type == kind


ENCODED = [
    (pa.array(["a", None]).dictionary_encode(), pa.string()),
    (pa.array(["a", None], pa.large_string()), pa.string()),
    (pa.array(["a", None], pa.string_view()), pa.string()),
    (pa.array([b"a", None], pa.binary_view()), pa.binary()),
    (pa.RunEndEncodedArray.from_arrays([1, 2], pa.array(["a", None])), pa.string()),
    (pa.array([b"0" * 16, None], pa.uuid()), pa.binary(16)),
]


@pytest.mark.parametrize(("column", "plain"), ENCODED, ids=lambda value: str(value)[:20])
def test_an_encoding_is_no_type(column: pa.Array, plain: pa.DataType) -> None:
    batch = pa.record_batch([column], names=["a"])
    result = conform_batch(batch, conformed_schema(batch.schema, None), 1).column(0)
    assert result.type == plain
    assert [value is None for value in result.to_pylist()] == [False, True]


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    "kind",
    [
        pa.month_day_nano_interval(),
        pa.sparse_union([pa.field("a", pa.int8())]),
        pa.struct([]),
        pa.list_(pa.month_day_nano_interval()),
        pa.map_(pa.string(), pa.struct([])),
    ],
    ids=str,
)
def test_what_parquet_cannot_hold_is_named(kind: pa.DataType) -> None:
    with pytest.raises(ProducerFailed, match=r"column 'a' is .* which Parquet cannot hold"):
        conformed_schema(pa.schema([("a", kind)]), None)


def test_columns_come_in_the_contract_s_order_and_unknown_ones_last() -> None:
    actual = pa.schema([("x", pa.int8()), ("b", pa.int8()), ("a", pa.int8())])
    assert conformed_schema(actual, contract(a="int8", b="int8", c="int8")).names == ["a", "b", "x"]


def test_a_later_batch_without_a_column_is_named() -> None:
    schema = pa.schema([("a", pa.int8()), ("b", pa.int8())])
    with pytest.raises(ProducerFailed, match="column 'b' of batch 7"):
        conform_batch(pa.record_batch({"a": [1]}), schema, 7)
