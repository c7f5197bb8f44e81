"""When two columns hold the same value: the one form in SQL that both of their types share.

Here belong pairs of types: what is compared as it is, what takes another form first, and what
cannot be compared. Reading a column exactly belongs to `sides`, counting to `keyed` and `multiset`.

=========================================  ================================================
pair of types                              the same value where
=========================================  ================================================
integers and decimals                      the numbers are equal, whatever width and scale
floats                                     equal; NaN is NaN, and -0.0 is 0.0
float and integer or decimal               the float, written shortest, is that number
times, timestamps, durations               equal at any unit; with a zone, the same instant
date and timestamp without a zone          the timestamp is that day's midnight
text, bytes, booleans                      equal, whatever the layout
lists                                      equal item by item
structs                                    equal member by member, in any order
maps                                       equal as sets of entries
=========================================  ================================================

A timestamp with a zone is none without one, and a number is no text: such pairs have no common
form. Zeros and NaN agree with the content hash, where they have one spelling as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from dataplatform.adapters.duckdb.table import DECIMAL_DIGITS_MAX
from dataplatform.adapters.duckdb.text import name, text
from dataplatform.contracts.values import is_number, is_text
from opendata.reading.type_names import type_name

Spelling = Callable[[str], str]
"""From the SQL of a value to the SQL of its common form."""

# Macros without a query in them, because they are used inside of lists as well.
NUMBER_TEXT: Final = (
    """
CREATE TEMP MACRO number_of_parts(written, digits, fraction, exponent) AS CASE
    WHEN written IS NULL OR NOT regexp_matches(written, '[0-9]') THEN written
    WHEN rtrim(digits, '0') = '' THEN '0'
    ELSE CASE WHEN starts_with(written, '-') THEN '-' ELSE '' END
        || rtrim(digits, '0') || 'e'
        || (exponent - fraction + length(digits) - length(rtrim(digits, '0')))
END
""",
    """
CREATE TEMP MACRO number_text(written) AS number_of_parts(
    written,
    ltrim(replace(ltrim(split_part(lower(written), 'e', 1), '-'), '.', ''), '0'),
    length(split_part(split_part(lower(written), 'e', 1), '.', 2)),
    coalesce(TRY_CAST(nullif(split_part(lower(written), 'e', 2), '') AS BIGINT), 0)
)
""",
)
"""A number's text in one spelling, `-125e-1`; what has no digits (nan, inf) stays as it is."""

_TICKS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_DAY_TICKS: Final = 86_400 * 1_000_000_000
_INTEGER_DIGITS: Final = {8: 3, 16: 5, 32: 10, 64: 20}
# Bits of an integer that a double holds exactly.
_EXACT_BITS: Final = 53


@dataclass(frozen=True)
class Stored:
    """A column's plain type, and whether it is read `through_arrow`, as its `exact_type`."""

    kind: pa.DataType
    through_arrow: bool = False


class NotComparable(Exception):
    """Two types have no common form; the text says why, in half a sentence."""


def as_it_is(value: str) -> str:
    """The form of a value that needs none."""
    return value


def spelling(mine: Stored, other: Stored) -> Spelling:
    """How a value of mine is written so that it equals the other side's where both are the same.

    Raises:
        NotComparable: where the two types have no common form.
    """
    kinds = (mine.kind, other.kind)
    if any(pa.types.is_null(kind) for kind in kinds):
        return as_it_is
    if any(pa.types.is_nested(kind) for kind in kinds):
        return _nested(mine.kind, other.kind)
    for holds, spelled in _WAYS:
        if holds(mine.kind) and holds(other.kind):
            return spelled(mine, other)
    return _moment(mine, other)


def _number(mine: Stored, other: Stored) -> Spelling:
    kinds = (mine.kind, other.kind)
    floats = [kind for kind in kinds if pa.types.is_floating(kind)]
    if len(floats) == 2 or (not floats and common_decimal(*kinds)):
        return as_it_is
    if floats and all(_fits_double(kind) for kind in kinds):
        return lambda value: f"CAST({value} AS DOUBLE)"
    if pa.types.is_floating(mine.kind):
        return _float_text
    return lambda value: f"number_text(CAST({value} AS VARCHAR))"


def _float_text(value: str) -> str:
    # A whole float is that integer exactly; its shortest text may be another one.
    whole = f"isfinite({value}) AND {value} = trunc({value}) AND abs({value}) < 1e38"
    exact = f"CAST(CAST({value} AS HUGEINT) AS VARCHAR)"
    return f"number_text(CASE WHEN {whole} THEN {exact} ELSE CAST({value} AS VARCHAR) END)"


def _fits_double(kind: pa.DataType) -> bool:
    if pa.types.is_integer(kind):
        return bool(kind.bit_width < _EXACT_BITS)
    return bool(pa.types.is_floating(kind))


def common_decimal(old: pa.DataType, new: pa.DataType) -> tuple[int, int] | None:
    """Digits and scale of the decimal that holds both integers or decimals, if one does."""
    whole, scale = 0, 0
    for kind in (old, new):
        is_decimal = pa.types.is_decimal(kind)
        if not is_decimal and not pa.types.is_integer(kind):
            return None
        digits = kind.precision if is_decimal else _INTEGER_DIGITS[kind.bit_width]
        own_scale = kind.scale if is_decimal else 0
        whole, scale = max(whole, digits - own_scale), max(scale, own_scale)
    digits = max(whole + scale, 1)
    return (digits, scale) if digits <= DECIMAL_DIGITS_MAX and scale >= 0 else None


def _plainly(mine: Stored, other: Stored) -> Spelling:
    return as_it_is


def _timestamp(mine: Stored, other: Stored) -> Spelling:
    kinds = (mine.kind, other.kind)
    if (kinds[0].tz is None) != (kinds[1].tz is None):
        raise NotComparable(f"{type_name(kinds[0])} and {type_name(kinds[1])}: only one has a zone")
    if len({(_in_nanoseconds(side), side.through_arrow) for side in (mine, other)}) == 1:
        return as_it_is
    return _ticks(mine)


def _in_nanoseconds(side: Stored) -> bool:
    return bool(side.through_arrow or (side.kind.unit == "ns" and side.kind.tz is None))


def _ticks(side: Stored) -> Spelling:
    """Nanoseconds since 1970, which hold every unit's whole range in 128 bits."""
    if pa.types.is_date(side.kind):
        return lambda value: f"CAST({value} - DATE '1970-01-01' AS HUGEINT) * {_DAY_TICKS}"
    if _in_nanoseconds(side):
        return lambda value: f"CAST(epoch_ns({value}) AS HUGEINT)"
    return lambda value: f"CAST(epoch_us({value}) AS HUGEINT) * 1000"


def _time(mine: Stored, other: Stored) -> Spelling:
    if mine.through_arrow == other.through_arrow:
        return as_it_is
    # Through Arrow, a time is its count of nanoseconds.
    return as_it_is if mine.through_arrow else lambda value: f"epoch_us({value}) * 1000"


def _duration(mine: Stored, other: Stored) -> Spelling:
    # Parquet keeps a duration as its count of units.
    if mine.kind.unit == other.kind.unit:
        return as_it_is
    return lambda value: f"CAST({value} AS HUGEINT) * {_TICKS[mine.kind.unit]}"


def _moment(mine: Stored, other: Stored) -> Spelling:
    """A date beside a timestamp; no other two families have a common form."""
    kinds = (mine.kind, other.kind)
    dated = [pa.types.is_date(k) or (pa.types.is_timestamp(k) and k.tz is None) for k in kinds]
    if all(dated):
        return _ticks(mine)
    raise NotComparable(
        f"{type_name(mine.kind)} and {type_name(other.kind)} have no value in common"
    )


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


_Kind = Callable[[pa.DataType], bool]
_Way = Callable[[Stored, Stored], Spelling]
_WAYS: Final[tuple[tuple[_Kind, _Way], ...]] = (
    (is_number, _number),
    (is_text, _plainly),
    (_is_bytes, _plainly),
    (pa.types.is_boolean, _plainly),
    (pa.types.is_date, _plainly),
    (pa.types.is_timestamp, _timestamp),
    (pa.types.is_time, _time),
    (pa.types.is_duration, _duration),
)


def _nested(mine: pa.DataType, other: pa.DataType, depth: int = 0) -> Spelling:
    if pa.types.is_null(mine) or pa.types.is_null(other):
        return as_it_is
    if not pa.types.is_nested(mine) and not pa.types.is_nested(other):
        for kind in (mine, other):
            if _is_rounded(kind):
                raise NotComparable(f"{type_name(kind)} inside another value is not read exactly")
        return spelling(Stored(mine), Stored(other))
    for holds, spelled in _NESTED_WAYS:
        if holds(mine) and holds(other):
            return spelled(mine, other, depth + 1)
    raise NotComparable(f"{type_name(mine)} and {type_name(other)} have no value in common")


def _is_rounded(kind: pa.DataType) -> bool:
    if pa.types.is_decimal(kind):
        return bool(kind.precision > DECIMAL_DIGITS_MAX)
    fine = pa.types.is_time64(kind) or (pa.types.is_timestamp(kind) and kind.tz is not None)
    return bool(fine and kind.unit == "ns")


def _struct(mine: pa.DataType, other: pa.DataType, depth: int) -> Spelling:
    names = [field.name for field in mine]
    if sorted(names) != sorted(field.name for field in other):
        raise NotComparable(f"{type_name(mine)} and {type_name(other)} have other members")
    spelled = {n: _nested(mine.field(n).type, other.field(n).type, depth) for n in names}
    if all(way is as_it_is for way in spelled.values()) and names == [f.name for f in other]:
        return as_it_is
    ordered = sorted(spelled.items())

    def form(value: str) -> str:
        members = ", ".join(
            f"{name(n)} := {way(f'struct_extract({value}, {text(n)})')}" for n, way in ordered
        )
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({members}) END"

    return form


def _list(mine: pa.DataType, other: pa.DataType, depth: int) -> Spelling:
    item = _nested(mine.value_type, other.value_type, depth)
    if item is as_it_is:
        return as_it_is
    return lambda value: f"list_transform({value}, lambda e{depth}: {item(f'e{depth}')})"


def _map(mine: pa.DataType, other: pa.DataType, depth: int) -> Spelling:
    key = _nested(mine.key_type, other.key_type, depth)
    item = _nested(mine.item_type, other.item_type, depth)
    entry = f"e{depth}"
    pair = f"struct_pack(k := {key(f'{entry}.key')}, v := {item(f'{entry}.value')})"

    def form(value: str) -> str:
        entries = f"list_transform(map_entries({value}), lambda {entry}: {pair})"
        return f"CASE WHEN {value} IS NOT NULL THEN list_sort({entries}) END"

    return form


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


_NESTED_WAYS: Final[
    tuple[tuple[_Kind, Callable[[pa.DataType, pa.DataType, int], Spelling]], ...]
] = (
    (pa.types.is_struct, _struct),
    (_is_list, _list),
    (pa.types.is_map, _map),
)
