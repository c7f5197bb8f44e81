"""One comparison of a column: as an Arrow expression, and as bounds compare it.

Both come from the same ordinals, so that what statistics rule out is never what the expression
would have kept. Nulls behave as in Arrow: they satisfy no comparison, and `not in` unless listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from opendata.reading.bounds import (
    Ordinal,
    is_counted_type,
    ordinal_range,
    ordinal_scalar,
    ordinals_around,
)
from opendata.reading.suggest import did_you_mean
from opendata.reading.type_names import type_name
from opendata.wire.errors import InvalidInput

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
MEMBERSHIPS = ("in", "not in")
NULL_TESTS = ("is null", "is not null")
OPERATORS = (*COMPARISONS, "=", *MEMBERSHIPS, *NULL_TESTS)
_UNCOMPARABLE = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


@dataclass(frozen=True)
class Predicate:
    """One comparison of a column.

    `ordinals` are its values as bounds compare them, or None where bounds cannot tell;
    `matches_null` says whether rows without a value satisfy it.
    """

    column: str
    operator: str
    ordinals: tuple[Ordinal, ...] | None
    expression: pc.Expression
    matches_null: bool = False


def compare(column: str, kind: pa.DataType, operator: str, value: Any) -> Predicate:
    """`column operator value` for a column of type `kind`.

    A value that the column cannot hold (half a day, 1.5 among integers) is compared all the same.
    `is null` and `is not null` take no value (None).

    Raises:
        InvalidInput: for an unknown operator, or a value that cannot be compared.
    """
    if operator not in OPERATORS:
        raise InvalidInput(
            f"{operator!r} is no filter operator: use one of {', '.join(OPERATORS)}",
            code="invalid_filter",
            hint=did_you_mean(str(operator), OPERATORS),
        )
    predicate = _compare(column, kind, "==" if operator == "=" else operator, value)
    try:
        pa.table({column: pa.array([], kind)}).filter(predicate.expression)
    except pa.ArrowNotImplementedError as error:
        raise InvalidInput(
            f"{column} is {type_name(kind)}; Arrow cannot filter that by {operator!r}",
            code="invalid_filter",
        ) from error
    return predicate


def _compare(column: str, kind: pa.DataType, operator: str, value: Any) -> Predicate:
    if operator in NULL_TESTS:
        return _null_test(column, operator, value)
    if value is None:
        raise _compared_with_nothing(column, operator)
    if operator in MEMBERSHIPS:
        return _membership(column, kind, operator, _listed(column, operator, value))
    if is_counted_type(kind):
        return compare_ordinal(column, kind, operator, _around(column, kind, value))
    scalar = _scalar(column, kind, value)
    expression = _expression(column, operator, scalar)
    return Predicate(column, operator, _ordinals(kind, [scalar]), expression)


def _null_test(column: str, operator: str, value: Any) -> Predicate:
    if value is not None:
        raise InvalidInput(
            f"{column} {operator} {value!r}: nothing follows {operator!r}",
            code="invalid_filter",
            hint=f"write ({column!r}, {operator!r})",
        )
    valid = pc.field(column).is_valid()
    wants_null = operator == "is null"
    return Predicate(column, operator, None, ~valid if wants_null else valid, wants_null)


def _compared_with_nothing(column: str, operator: str) -> InvalidInput:
    meant = "is not null" if operator in ("!=", "not in") else "is null"
    return InvalidInput(
        f"{column} {operator} None: no value equals a null, so nothing would ever be found",
        code="invalid_filter",
        hint=f"write ({column!r}, {meant!r})",
    )


def compare_ordinal(
    column: str, kind: pa.DataType, operator: str, around: tuple[int, int]
) -> Predicate:
    """A comparison with what lies between two neighbouring ordinals of a counted type, or on one.

    `around` is the last ordinal not after it and the first one not before it.
    """
    last_not_after, first_not_before = around
    low, high = ordinal_range(kind)
    field = pc.field(column)
    if operator in ("==", "!="):
        found = [last_not_after] if last_not_after == first_not_before else []
        return _equality(column, kind, operator, [one for one in found if low <= one <= high])
    # x < 1.5 and x >= 1.5 change between 1 and 2 at the later one, the others at the earlier.
    ordinal = first_not_before if operator in ("<", ">=") else last_not_after
    if low <= ordinal <= high:
        expression = _expression(column, operator, ordinal_scalar(kind, ordinal))
    elif (ordinal > high) == (operator in ("<", "<=")):
        expression = field.is_valid()
    else:
        expression = field.isin(pa.array([], kind))
    return Predicate(column, operator, (ordinal,), expression)


def _equality(column: str, kind: pa.DataType, operator: str, ordinals: Sequence[int]) -> Predicate:
    field = pc.field(column)
    if ordinals:
        expression = _expression(column, operator, ordinal_scalar(kind, ordinals[0]))
    else:
        expression = field.isin(pa.array([], kind)) if operator == "==" else field.is_valid()
    return Predicate(column, operator, tuple(ordinals), expression)


def _membership(column: str, kind: pa.DataType, operator: str, values: Sequence[Any]) -> Predicate:
    present = [value for value in values if value is not None]
    scalars = _members(column, kind, present)
    listed = pa.array([None] if len(values) > len(present) else [], kind)
    if scalars:
        listed = pa.concat_arrays([listed, *(pa.repeat(one, 1) for one in scalars)])
    expression = _field(column, kind).isin(_comparable(listed))
    return Predicate(
        column,
        operator,
        _ordinals(kind, scalars),
        expression if operator == "in" else ~expression,
        matches_null=(operator == "in") == (listed.null_count > 0),
    )


def _members(column: str, kind: pa.DataType, values: Sequence[Any]) -> list[pa.Scalar]:
    if not is_counted_type(kind):
        return [_scalar(column, kind, value) for value in values]
    low, high = ordinal_range(kind)
    pairs = [_around(column, kind, value) for value in values]
    exact = [one for one, other in pairs if one == other and low <= one <= high]
    return [ordinal_scalar(kind, ordinal) for ordinal in exact]


def _listed(column: str, operator: str, value: Any) -> list[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise InvalidInput(
            f"{column} {operator} {value!r}: what follows {operator!r} is a list of values",
            code="invalid_filter",
            hint=f"write ({column!r}, {operator!r}, [{value!r}])",
        )
    return list(value)


def _around(column: str, kind: pa.DataType, value: Any) -> tuple[int, int]:
    around = ordinals_around(kind, value)
    if around is None:
        raise _uncomparable(column, kind, value)
    return around


def _scalar(column: str, kind: pa.DataType, value: Any) -> pa.Scalar:
    try:
        return pa.scalar(value, kind)
    except _UNCOMPARABLE as error:
        raise _uncomparable(column, kind, value) from error


def _uncomparable(column: str, kind: pa.DataType, value: Any) -> InvalidInput:
    return InvalidInput(
        f"{column} is {type_name(kind)}; it cannot be compared with {value!r}",
        code="invalid_filter",
    )


def _ordinals(kind: pa.DataType, scalars: Sequence[pa.Scalar]) -> tuple[Ordinal, ...] | None:
    """The values as bounds compare them; None where they have no order that is ours to know."""
    if not scalars or all(scalar.is_valid for scalar in scalars):
        if is_counted_type(kind):
            return tuple(_count(kind, scalar) for scalar in scalars)
        if pa.types.is_floating(kind) or _is_text(kind):
            values = tuple(scalar.as_py() for scalar in scalars)
            return None if any(value != value for value in values) else values
    return None


def _count(kind: pa.DataType, scalar: pa.Scalar) -> int:
    if not pa.types.is_integer(kind):
        scalar = scalar.cast(pa.int64() if kind.bit_width == 64 else pa.int32())
    ordinal: int = scalar.as_py()
    return ordinal


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _expression(column: str, operator: str, scalar: pa.Scalar) -> pc.Expression:
    field, value = _field(column, scalar.type), _comparable(scalar)
    comparisons = {
        "==": field == value,
        "!=": field != value,
        "<": field < value,
        "<=": field <= value,
        ">": field > value,
        ">=": field >= value,
    }
    return comparisons[operator]


def _field(column: str, kind: pa.DataType) -> pc.Expression:
    """The column in a type that Arrow can compare: for half floats it has no kernels."""
    field = pc.field(column)
    return field.cast(pa.float32()) if pa.types.is_float16(kind) else field


def _comparable(value: Any) -> Any:
    """The scalar or array that goes with :func:`_field`."""
    return value.cast(pa.float32()) if pa.types.is_float16(value.type) else value
