"""Values written in a contract (bounds, members, defaults) as values of a column type.

Here belongs the step from a YAML or JSON scalar to an Arrow scalar and the order between two of
them. Where such values may stand is the model's matter.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

# JSON numbers are exact up to here; beyond, a value is written as text.
EXACT_INTEGER_MAX: Final = 2**53 - 1

Literal = bool | int | float | str


def scalar_of(value: Literal, data_type: pa.DataType) -> pa.Scalar:
    """`value` as a scalar of `data_type`; dates, times and decimals are written as text.

    Raises:
        ValueError: one sentence, when the value is not exactly one of that type.
    """
    refusal = f"{value!r} is no value of type {data_type}"
    if isinstance(value, bool) != pa.types.is_boolean(data_type):
        raise ValueError(refusal)
    if is_text(data_type) and not isinstance(value, str):
        raise ValueError(f"{refusal}; put it in quotes")
    try:
        if pa.types.is_temporal(data_type):
            return _temporal(value, data_type)
        if pa.types.is_decimal(data_type):
            return pa.scalar(Decimal(str(value)), data_type)
        if is_text(data_type) or pa.types.is_boolean(data_type):
            return pa.scalar(value, data_type)
        if pa.types.is_integer(data_type):
            return pa.scalar(_whole(value), data_type)
        if pa.types.is_floating(data_type):
            return pa.scalar(float(value), pa.float64()).cast(data_type)
    except (ValueError, OverflowError, ArithmeticError, pa.ArrowException) as error:
        raise ValueError(refusal) from error
    raise ValueError(f"values of type {data_type} cannot be written in a contract")


def one_line(text: str) -> str:
    """`text`, when it stays on its line.

    Raises:
        ValueError: for line breaks and other control characters.
    """
    if any(ch < " " or "\x7f" <= ch <= "\x9f" or ch in "\u2028\u2029" for ch in text):
        raise ValueError("line breaks and control characters are not allowed here")
    return text


def checked_scalar(value: Any) -> Literal:
    """A scalar that JSON holds exactly.

    Raises:
        ValueError: for anything else: lists, nulls, infinities, whole numbers beyond 2**53.
    """
    if not isinstance(value, Literal):
        raise ValueError("text, a number or true/false is expected here")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r} is no bound; leave it out instead")
    if isinstance(value, int) and abs(value) > EXACT_INTEGER_MAX:
        raise ValueError(f'{value} is not exact in JSON; write it in quotes: "{value}"')
    return value


def checked_bound(value: Any) -> int | float | str:
    """A scalar that can be the end of a range.

    Raises:
        ValueError: as `checked_scalar`, and for booleans.
    """
    if isinstance(value, bool):
        raise ValueError("a number, or a date or time as text, is expected here")
    return checked_scalar(value)


def is_text(data_type: pa.DataType) -> bool:
    """Whether values of the type are text."""
    return bool(
        pa.types.is_string(data_type)
        or pa.types.is_large_string(data_type)
        or pa.types.is_string_view(data_type)
    )


def is_number(data_type: pa.DataType) -> bool:
    """Whether values of the type can be added and averaged."""
    return bool(
        pa.types.is_integer(data_type)
        or pa.types.is_floating(data_type)
        or pa.types.is_decimal(data_type)
    )


def is_ordered(data_type: pa.DataType) -> bool:
    """Whether one value of the type can be smaller than another."""
    if pa.types.is_interval(data_type):
        return False
    return is_text(data_type) or is_number(data_type) or bool(pa.types.is_temporal(data_type))


def can_be_looked_up(data_type: pa.DataType) -> bool:
    """Whether an index can hold the type: its values are equal exactly or not at all."""
    return (
        is_text(data_type)
        or bool(pa.types.is_integer(data_type))
        or bool(pa.types.is_boolean(data_type))
        or bool(pa.types.is_decimal(data_type))
        or bool(pa.types.is_temporal(data_type) and not pa.types.is_interval(data_type))
    )


def _whole(value: Literal) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("not a whole number")
    return int(value)


def _temporal(value: Literal, data_type: pa.DataType) -> pa.Scalar:
    if not isinstance(value, str):
        raise ValueError("times are written as text")
    if pa.types.is_timestamp(data_type):
        moment = datetime.fromisoformat(value)
        if data_type.tz is None:
            if moment.tzinfo is not None:
                raise ValueError("a zone does not fit a column without one")
            return pa.scalar(moment, data_type)
        return pa.scalar(moment if moment.tzinfo else moment.replace(tzinfo=UTC), data_type)
    if pa.types.is_date(data_type):
        return pa.scalar(date.fromisoformat(value), data_type)
    return pa.scalar(value).cast(data_type)
