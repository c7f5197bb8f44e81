"""Bounds, members and defaults as values of a column's type: exact, or refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.contracts.values import checked_scalar, scalar_of
from opendata.reading.type_names import parse_arrow_type


@pytest.mark.parametrize(
    ("value", "data_type", "meant"),
    [
        (3, "int8", 3),
        (3.0, "int64", 3),
        ("9007199254740993", "int64", 9007199254740993),
        (3, "float64", 3.0),
        ("0.1", "float64", 0.1),
        ("0.10", "decimal128(10, 2)", Decimal("0.10")),
        (7, "decimal128(10, 2)", Decimal("7.00")),
        ("x", "string", "x"),
        ("x", "large_string", "x"),
        (True, "bool", True),
        ("2024-02-29", "date32", date(2024, 2, 29)),
        ("2024-02-29", "timestamp[us]", datetime(2024, 2, 29)),  # noqa: DTZ001 -- has no zone
        ("2024-02-29", "timestamp[us, tz=UTC]", datetime(2024, 2, 29, tzinfo=UTC)),
        (
            "2024-02-29T12:00:00+02:00",
            "timestamp[us, tz=UTC]",
            datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=2))),
        ),
    ],
)
def test_a_written_value_is_one_of_the_type(value: Any, data_type: str, meant: Any) -> None:
    assert scalar_of(value, parse_arrow_type(data_type)).as_py() == meant


@pytest.mark.parametrize(
    ("value", "data_type"),
    [
        (300, "int8"), (-1, "uint8"), (1.5, "int64"), ("x", "int64"), ("", "float64"),
        (True, "int64"), (1, "bool"), ("true", "bool"), (1, "string"), (True, "string"),
        ("0.123", "decimal128(10, 2)"), ("1e20", "decimal128(10, 2)"), ("x", "decimal128(10, 2)"),
        ("2023-02-29", "date32"), (2024, "date32"), ("2024-13-01", "timestamp[us]"),
        ("2024-01-01T00:00:00Z", "timestamp[us]"), ("x", "binary"), ("x", "list<item: string>"),
        ("1h", "duration[s]"),
    ],
)  # fmt: skip
def test_what_is_not_exactly_one_is_refused(value: Any, data_type: str) -> None:
    with pytest.raises(ValueError, match="type"):
        scalar_of(value, parse_arrow_type(data_type))


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_can_be_written_as_text(value: int) -> None:
    assert scalar_of(str(value), pa.int64()).as_py() == value


@given(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    st.sampled_from(["int8", "float32", "decimal128(5, 2)", "date32", "timestamp[ns, tz=UTC]",
                     "string", "bool", "time64[us]", "float16"]),
)  # fmt: skip
def test_a_value_is_taken_or_refused_and_nothing_else(value: Any, data_type: str) -> None:
    try:
        scalar = scalar_of(value, parse_arrow_type(data_type))
    except ValueError:
        return
    assert scalar.is_valid
    assert scalar.type == parse_arrow_type(data_type)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 2**53, -(2**53), None, [], b"x"])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        checked_scalar(value)
