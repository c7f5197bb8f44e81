"""One comparison of a column: as an Arrow expression, and as bounds compare it.

Both come from the same ordinals, so that what statistics rule out is never what the expression
would have kept. Nulls behave as in Arrow: they satisfy no comparison, and `not in` unless listed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

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

if TYPE_CHECKING:
    import pyarrow.compute as pc

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
MEMBERSHIPS = ("in", "not in")
NULL_TESTS = ("is null", "is not null")
OPERATORS = (*COMPARISONS, "=", *MEMBERSHIPS, *NULL_TESTS)
_UNCOMPARABLE = (
    pa.ArrowInvalid,
    pa.ArrowTypeError,
    pa.ArrowNotImplementedError,
    OverflowError,
    UnicodeEncodeError,
)


@dataclass(frozen=True)
class Predicate:
    """One comparison of a column.

    `ordinals` are its values as bounds compare them, or None where bounds cannot tell;
    `matches_null` says whether rows without a value satisfy it. `build` makes the expression,
    which is only asked for where rows have to be looked at: its library is slow to load.
    """

    column: str
    operator: str
    ordinals: tuple[Ordinal, ...] | None
    build: Callable[[], pc.Expression]
    matches_null: bool = False

    @cached_property
    def expression(self) -> pc.Expression:
        """The comparison as Arrow runs it."""
        return self.build()


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
        pa.schema([pa.field(column, kind)]).empty_table().filter(predicate.expression)
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
    ordinals = _ordinals(kind, [scalar])
    return Predicate(column, operator, ordinals, lambda: _expression(column, operator, scalar))


def _null_test(column: str, operator: str, value: Any) -> Predicate:
    if value is not None:
        raise InvalidInput(
            f"{column} {operator} {value!r}: nothing follows {operator!r}",
            code="invalid_filter",
            hint=f"write ({column!r}, {operator!r})",
        )
    if operator == "is null":
        return Predicate(column, operator, None, lambda: ~_field(column).is_valid(), True)
    return Predicate(column, operator, None, lambda: _field(column).is_valid())


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
    if operator in ("==", "!="):
        found = [last_not_after] if last_not_after == first_not_before else []
        return _equality(column, kind, operator, [one for one in found if low <= one <= high])
    # x < 1.5 and x >= 1.5 change between 1 and 2 at the later one, the others at the earlier.
    ordinal = first_not_before if operator in ("<", ">=") else last_not_after

    def build() -> pc.Expression:
        if low <= ordinal <= high:
            return _expression(column, operator, ordinal_scalar(kind, ordinal))
        is_beyond = (ordinal > high) == (operator in ("<", "<="))
        return _field(column).is_valid() if is_beyond else _field(column).isin(pa.nulls(0, kind))

    return Predicate(column, operator, (ordinal,), build)


def _equality(column: str, kind: pa.DataType, operator: str, ordinals: Sequence[int]) -> Predicate:
    def build() -> pc.Expression:
        if ordinals:
            return _expression(column, operator, ordinal_scalar(kind, ordinals[0]))
        field = _field(column)
        return field.isin(pa.nulls(0, kind)) if operator == "==" else field.is_valid()

    return Predicate(column, operator, tuple(ordinals), build)


def _membership(column: str, kind: pa.DataType, operator: str, values: Sequence[Any]) -> Predicate:
    present = [value for value in values if value is not None]
    scalars = _members(column, kind, present)
    listed = pa.nulls(1 if len(values) > len(present) else 0, kind)
    if scalars:
        listed = pa.concat_arrays([listed, *(pa.repeat(one, 1) for one in scalars)])

    def build() -> pc.Expression:
        expression = _field(column, kind).isin(_comparable(listed))
        return expression if operator == "in" else ~expression

    return Predicate(
        column,
        operator,
        _ordinals(kind, scalars),
        build,
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
    """The value in the column's type; usual ones are made of their bytes.

    From a Python value Arrow would import pandas, which takes longer than many a read.
    """
    try:
        if type(value) is float and pa.types.is_float64(kind):
            return _of_bytes(kind, struct.pack("<d", value))
        if type(value) is str and pa.types.is_string(kind):
            data = value.encode("utf-8", "strict")
            return _of_bytes(kind, struct.pack("<ii", 0, len(data)), data)
        return pa.scalar(value, kind)
    except _UNCOMPARABLE as error:
        raise _uncomparable(column, kind, value) from error


def _of_bytes(kind: pa.DataType, *buffers: bytes) -> pa.Scalar:
    return pa.Array.from_buffers(kind, 1, [None, *map(pa.py_buffer, buffers)])[0]


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


def _field(column: str, kind: pa.DataType | None = None) -> pc.Expression:
    """The column in a type that Arrow can compare: for half floats it has no kernels."""
    import pyarrow.compute as pc

    field = pc.field(column)
    return field.cast(pa.float32()) if kind is not None and pa.types.is_float16(kind) else field


def _comparable(value: Any) -> Any:
    """The scalar or array that goes with :func:`_field`."""
    return value.cast(pa.float32()) if pa.types.is_float16(value.type) else value
