"""Bounds of a column: how min and max are written, and how they are compared.

Statistics live in manifests and chunk lists as text that a person can read (`2024-03-31`,
`12.5`). To compare, both a stored bound and what a user asks for become one *ordinal*: an int,
float or str of the column's own domain (days for dates, ticks of the column's unit for
timestamps). A type without a safe ordinal has no bounds and is never pruned.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from numbers import Integral, Real
from typing import Any

import pyarrow as pa

from opendata.wire.errors import InvalidInput

Ordinal = int | float | str
Decode = Callable[[str], Ordinal]
"""From a bound as it is stored to its ordinal."""
BOUND_MAX_CHARS = 64
_EPOCH = date(1970, 1, 1)
_EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_IN_UTC = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC by meaning, as bounds are stored
_TICKS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_SECOND_NANOSECONDS = 10**9
_DAY_NANOSECONDS = 86_400 * _SECOND_NANOSECONDS
_DAY_MILLISECONDS = 86_400_000
_BEYOND_MICROSECONDS = re.compile(r"(\.\d{6})(\d{1,3})")


def is_time_type(kind: pa.DataType) -> bool:
    """Whether a column of this type can be the time column."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def is_counted_type(kind: pa.DataType) -> bool:
    """Whether the values are counted: whole numbers, days, ticks. Their ordinals are ints."""
    return bool(pa.types.is_integer(kind)) or is_time_type(kind)


# --- stored bounds -------------------------------------------------------------------


def encode_bound(kind: pa.DataType, raw: Any) -> str | None:
    """A physical Parquet statistic as text, or None where no safe bound exists.

    `kind` is the type that the Parquet file has, which counts in its own unit.
    """
    if pa.types.is_date32(kind):
        return _date_text(raw)
    if pa.types.is_date64(kind):
        return _date_text(raw // _DAY_MILLISECONDS)
    if pa.types.is_timestamp(kind):
        return _timestamp_text(raw, kind)
    if pa.types.is_unsigned_integer(kind):
        return str(raw % 2**kind.bit_width)  # Parquet hands it out as a signed number
    if pa.types.is_integer(kind):
        return str(int(raw))
    if pa.types.is_floating(kind):
        number = struct.unpack("<e", raw)[0] if isinstance(raw, bytes) else float(raw)
        return None if math.isnan(number) else repr(number)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = raw.decode("utf-8", "strict") if isinstance(raw, bytes) else str(raw)
        return text if len(text) <= BOUND_MAX_CHARS else None
    return None


def decode_bound(kind: pa.DataType, text: str) -> Ordinal:
    """The ordinal, in a column of type `kind`, of what :func:`encode_bound` wrote."""
    return bound_decoder(kind)(text)


def bound_decoder(kind: pa.DataType) -> Decode:
    """:func:`decode_bound` for one type, which a release's many shards ask only once for."""
    if pa.types.is_date(kind):
        return partial(_parse_days, _day_ticks(kind))
    if pa.types.is_timestamp(kind):
        return partial(_parse_ticks, kind.unit)
    if pa.types.is_integer(kind):
        return int
    if pa.types.is_floating(kind):
        return float
    return str


# --- what a user compares with -------------------------------------------------------


def time_ordinal(kind: pa.DataType, value: Any, *, is_end: bool) -> int:
    """The first (or, for an end, the last) tick that an interval's bound includes.

    Both ends of an interval are inclusive; a bare date as end means the whole day (S1-12).
    A time without a zone is UTC.

    Raises:
        InvalidInput: if `value` is no date or time.
    """
    nanoseconds, is_day = _parse_moment(value)
    if is_end and is_day:
        nanoseconds += _DAY_NANOSECONDS - 1
    last_not_after, first_not_before = _ticks_around(kind, nanoseconds)
    return last_not_after if is_end else first_not_before


def ordinals_around(kind: pa.DataType, value: Any) -> tuple[int, int] | None:
    """The last ordinal not after `value` and the first not before it, of a counted type.

    They are equal where the column can hold the value. None where it cannot be compared.

    Raises:
        InvalidInput: if the column holds times and `value` is no date or time.
    """
    if is_time_type(kind):
        return _ticks_around(kind, _parse_moment(value)[0])
    if isinstance(value, bool) or not isinstance(value, Real) or value != value:
        return None
    if isinstance(value, Integral):  # NumPy's as well; as floats large ones would be others
        return int(value), int(value)
    number = float(value)
    if math.isinf(number):
        beyond = 2**65 if number > 0 else -(2**65)
        return beyond, beyond
    return math.floor(number), math.ceil(number)


def ordinal_range(kind: pa.DataType) -> tuple[int, int]:
    """The smallest and the largest ordinal that a column of a counted type can hold."""
    if pa.types.is_unsigned_integer(kind):
        return 0, 2**kind.bit_width - 1
    half: int = 2 ** (kind.bit_width - 1)
    return -half, half - 1


def ordinal_scalar(kind: pa.DataType, ordinal: int) -> pa.Scalar:
    """An Arrow scalar of a counted type; beyond the type's range, its first or last value.

    It is made of its bytes: from a Python value Arrow would import pandas.
    """
    low, high = ordinal_range(kind)
    bounded = min(max(ordinal, low), high)
    data = bounded.to_bytes(kind.bit_width // 8, "little", signed=low < 0)
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(data)])[0]


def _ticks_around(kind: pa.DataType, nanoseconds: int) -> tuple[int, int]:
    if pa.types.is_date(kind):
        step, factor = _DAY_NANOSECONDS, _day_ticks(kind)
    else:
        step, factor = _SECOND_NANOSECONDS // _TICKS_PER_SECOND[kind.unit], 1
    return nanoseconds // step * factor, -(-nanoseconds // step) * factor


def _day_ticks(kind: pa.DataType) -> int:
    return 1 if pa.types.is_date32(kind) else _DAY_MILLISECONDS


def _parse_moment(value: Any) -> tuple[int, bool]:
    """A date or time as nanoseconds since 1970 in UTC, and whether it names a whole day."""
    if type(value).__name__ == "datetime64":  # NumPy's; its text is ISO 8601
        value = str(value)
    try:
        if isinstance(value, str):
            return _parse_text(value.strip())
        if isinstance(value, date) and not isinstance(value, datetime):
            return (value - _EPOCH).days * _DAY_NANOSECONDS, True
        if isinstance(value, datetime) and value == value:  # unlike pandas' "not a time"
            return _nanoseconds(value) + getattr(value, "nanosecond", 0), False
    except ValueError:
        pass
    raise InvalidInput(
        f"{value!r} is no date or time; write 2024-12-31 or 2024-12-31T06:00:00Z",
        code="invalid_time",
    )


def _parse_text(text: str) -> tuple[int, bool]:
    try:
        return (date.fromisoformat(text) - _EPOCH).days * _DAY_NANOSECONDS, True
    except ValueError:
        finer = _BEYOND_MICROSECONDS.search(text)  # Python would drop these digits
        extra = int(finer[2].ljust(3, "0")) if finer else 0
        return _nanoseconds(datetime.fromisoformat(text)) + extra, False


def _nanoseconds(at: datetime) -> int:
    zone = at if at.tzinfo else at.replace(tzinfo=UTC)
    since = zone - _EPOCH_AT
    seconds = since.days * 86_400 + since.seconds
    return seconds * _SECOND_NANOSECONDS + since.microseconds * 1_000


# --- text ----------------------------------------------------------------------------


def _date_text(days: int) -> str | None:
    try:
        return (_EPOCH + timedelta(days=days)).isoformat()
    except OverflowError:
        return None


def _timestamp_text(ticks: int, kind: pa.DataType) -> str | None:
    per_second = _TICKS_PER_SECOND[kind.unit]
    seconds, rest = divmod(ticks, per_second)
    try:
        moment = _EPOCH_IN_UTC + timedelta(seconds=seconds)
    except OverflowError:
        return None
    digits = len(str(per_second)) - 1
    fraction = f".{rest:0{digits}d}" if rest else ""
    return f"{moment.isoformat()}{fraction}{'Z' if kind.tz else ''}"


def _parse_days(ticks: int, text: str) -> int:
    return (date.fromisoformat(text) - _EPOCH).days * ticks


def _parse_ticks(unit: str, text: str) -> int:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    since = datetime.fromisoformat(whole) - _EPOCH_IN_UTC
    per_second = _TICKS_PER_SECOND[unit]
    # A fraction has as many digits as the file's unit; the column's may be another.
    ticks = int(fraction) * per_second // 10 ** len(fraction) if fraction else 0
    return (since.days * 86_400 + since.seconds) * per_second + ticks
