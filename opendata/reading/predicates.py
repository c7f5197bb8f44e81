"""One comparison of a column: as a mask over its values, and as bounds compare it.

Both come from the same ordinals, so that what statistics rule out is never what the mask would
have kept. Nulls behave as in Arrow: they satisfy no comparison, and `not in` unless listed.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, partial
from typing import Any, Protocol

import pyarrow as pa

from opendata.reading.bounds import (
    Decode,
    Ordinal,
    bound_decoder,
    is_counted_type,
    ordinal_range,
    ordinal_scalar,
    ordinals_around,
)
from opendata.reading.masks import (
    Mask,
    compared,
    is_listed,
    is_none_of_them,
    is_null,
    is_valid,
)
from opendata.reading.suggest import did_you_mean
from opendata.reading.type_names import type_name
from opendata.wire.errors import InvalidInput

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


class Lens(Protocol):
    """How stored columns look to who asks, where that is not as they are stored."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The stored columns that it looks at."""
        ...

    def values(self, table: pa.Table) -> pa.ChunkedArray:
        """The values as the asker knows them."""
        ...

    def bound(self, text: str) -> Ordinal:
        """A stored bound's ordinal among them; asked only where their order is the stored one."""
        ...


@dataclass(frozen=True)
class Predicate:
    """One comparison of a column of type `kind`.

    `ordinals` are its values as bounds compare them, or None where bounds cannot tell;
    `matches_null` says whether rows without a value satisfy it, `mask` which values do. Seen
    through a `lens`, `kind` and all values are the asker's; `column` stays the stored one.
    """

    column: str
    kind: pa.DataType
    operator: str
    ordinals: tuple[Ordinal, ...] | None
    mask: Mask
    matches_null: bool = False
    lens: Lens | None = None

    @cached_property
    def decode(self) -> Decode:
        """From a stored bound of the column to its ordinal."""
        return bound_decoder(self.kind) if self.lens is None else self.lens.bound

    @property
    def columns(self) -> tuple[str, ...]:
        """The stored columns that it takes."""
        return (self.column,) if self.lens is None else self.lens.columns

    def keeps(self, table: pa.Table) -> Any:
        """Which rows of a table satisfy it, as a mask."""
        if self.lens is None:
            return self.mask(table.column(self.column))
        return self.mask(self.lens.values(table))


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
        predicate.mask(pa.chunked_array([], kind))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise InvalidInput(
            f"{column} is {type_name(kind)}; Arrow cannot filter that by {operator!r}",
            code="invalid_filter",
        ) from error
    return predicate


def _compare(column: str, kind: pa.DataType, operator: str, value: Any) -> Predicate:
    if operator in NULL_TESTS:
        return _null_test(column, kind, operator, value)
    if value is None:
        raise _compared_with_nothing(column, operator)
    if operator in MEMBERSHIPS:
        return _membership(column, kind, operator, _listed(column, operator, value))
    if is_counted_type(kind):
        return compare_ordinal(column, kind, operator, _around(column, kind, value))
    scalar = _scalar(column, _finer(kind, value), value)
    ordinals = _ordinals(kind, [scalar])
    return Predicate(column, kind, operator, ordinals, compared(operator, lambda: scalar))


def _null_test(column: str, kind: pa.DataType, operator: str, value: Any) -> Predicate:
    if value is not None:
        raise InvalidInput(
            f"{column} {operator} {value!r}: nothing follows {operator!r}",
            code="invalid_filter",
            hint=f"write ({column!r}, {operator!r})",
        )
    if operator == "is null":
        return Predicate(column, kind, operator, None, is_null, True)
    return Predicate(column, kind, operator, None, is_valid)


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

    if low <= ordinal <= high:
        mask = compared(operator, partial(ordinal_scalar, kind, ordinal))
    else:
        mask = is_valid if (ordinal > high) == (operator in ("<", "<=")) else is_none_of_them
    return Predicate(column, kind, operator, (ordinal,), mask)


def _equality(column: str, kind: pa.DataType, operator: str, ordinals: Sequence[int]) -> Predicate:
    if ordinals:
        mask = compared(operator, partial(ordinal_scalar, kind, ordinals[0]))
    else:
        mask = is_none_of_them if operator == "==" else is_valid
    return Predicate(column, kind, operator, tuple(ordinals), mask)


def _membership(column: str, kind: pa.DataType, operator: str, values: Sequence[Any]) -> Predicate:
    present = [value for value in values if value is not None]
    scalars = _members(column, kind, present)
    listed = pa.nulls(1 if len(values) > len(present) else 0, kind)
    if scalars:
        listed = pa.concat_arrays([listed, *(pa.repeat(one, 1) for one in scalars)])
    return Predicate(
        column,
        kind,
        operator,
        _ordinals(kind, scalars),
        is_listed(listed, negated=operator == "not in"),
        matches_null=(operator == "in") == (listed.null_count > 0),
    )


def _members(column: str, kind: pa.DataType, values: Sequence[Any]) -> list[pa.Scalar]:
    if not is_counted_type(kind):
        held = [value for value in values if _finer(kind, value) == kind]
        return [_scalar(column, kind, value) for value in held]
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


def _finer(kind: pa.DataType, value: Any) -> pa.DataType:
    """The type to compare in: a decimal's own where it has more digits than the column can hold."""
    if not pa.types.is_decimal(kind) or not isinstance(value, Decimal) or not value.is_finite():
        return kind
    with contextlib.suppress(pa.ArrowInvalid):
        pa.scalar(value, kind)
        return kind
    with contextlib.suppress(pa.ArrowInvalid):
        return pa.scalar(value).type
    return kind  # no decimal has so many digits, which is an error of its own


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
