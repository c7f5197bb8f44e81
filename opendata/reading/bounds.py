"""Bounds of a column: how min and max are written, and how they are compared.

Statistics live in manifests and chunk lists as text that a person can read (`2024-03-31`,
`12.5`). To compare, both a stored bound and what a user asks for become one *ordinal*: an int,
float or str of the column's own domain (days for dates, ticks of the column's unit for
timestamps). A type without a safe ordinal has no bounds and is never pruned.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from opendata.wire.errors import InvalidInput

Ordinal = int | float | str
BOUND_MAX_CHARS = 64
_EPOCH = date(1970, 1, 1)
_TICKS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def is_time_type(kind: pa.DataType) -> bool:
    """Whether a column of this type can be the time column."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def encode_bound(kind: pa.DataType, raw: Any) -> str | None:
    """A physical Parquet statistic as text, or None where no safe bound exists."""
    if pa.types.is_date32(kind):
        return _date_text(raw)
    if pa.types.is_date64(kind):
        return _date_text(raw // 86_400_000)
    if pa.types.is_timestamp(kind):
        return _timestamp_text(raw, kind)
    if pa.types.is_uint64(kind):
        return None  # Parquet hands it out as a signed number
    if pa.types.is_integer(kind):
        return str(int(raw))
    if pa.types.is_floating(kind):
        return None if math.isnan(raw) else repr(float(raw))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = raw.decode("utf-8", "strict") if isinstance(raw, bytes) else str(raw)
        return text if len(text) <= BOUND_MAX_CHARS else None
    return None


def decode_bound(kind: pa.DataType, text: str) -> Ordinal:
    """The ordinal of what :func:`encode_bound` wrote."""
    if pa.types.is_date(kind):
        return _days(date.fromisoformat(text)) * (1 if pa.types.is_date32(kind) else 86_400_000)
    if pa.types.is_timestamp(kind):
        return _parse_ticks(text, kind.unit)
    if pa.types.is_integer(kind):
        return int(text)
    if pa.types.is_floating(kind):
        return float(text)
    return text


def ordinal_of(kind: pa.DataType, value: Any) -> Ordinal | None:
    """The ordinal of a Python value that a user compares a column with, or None."""
    if is_time_type(kind):
        if not isinstance(value, str | date | datetime):
            return None
        return time_ordinal(kind, value, is_end=False)
    if isinstance(value, bool):
        return None
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return value if isinstance(value, int | float) else None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return value if isinstance(value, str) else None
    return None


def time_ordinal(kind: pa.DataType, value: str | date | datetime, *, is_end: bool) -> int:
    """The first (or, for an end, the last) tick that an interval's bound includes.

    Both ends of an interval are inclusive; a bare date as end means the whole day (S1-12).
    A time without a zone is UTC.

    Raises:
        InvalidInput: if `value` is no date or time.
    """
    moment, whole_day = _parse_moment(value)
    if pa.types.is_date(kind):
        days = _days(moment.date())
        if not is_end and moment.time() != datetime.min.time():
            days += 1  # a day counts from its midnight, which lies before the asked start
        return days * (1 if pa.types.is_date32(kind) else 86_400_000)
    per_second = _TICKS_PER_SECOND[kind.unit]
    if is_end and whole_day:
        return _ticks(moment + timedelta(days=1), per_second) - 1
    if is_end:
        return _ticks(moment, per_second)
    return _ticks(moment, per_second, round_up=True)


def time_scalar(kind: pa.DataType, ticks: int) -> pa.Scalar:
    """An Arrow scalar of a time column from its ordinal (without going through Python dates,
    which would make Arrow import pandas)."""
    integer = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    return pa.scalar(ticks, integer).cast(kind)


def _parse_moment(value: str | date | datetime) -> tuple[datetime, bool]:
    if isinstance(value, str):
        text = value.strip()
        try:
            is_day = len(text) == len("2024-12-31")
            value = date.fromisoformat(text) if is_day else datetime.fromisoformat(text)
        except ValueError as error:
            raise InvalidInput(
                f"{text!r} is no date or time; write 2024-12-31 or 2024-12-31T06:00:00Z",
                code="invalid_time",
            ) from error
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC), False
    return datetime(value.year, value.month, value.day, tzinfo=UTC), True


def _days(day: date) -> int:
    return (day - _EPOCH).days


def _ticks(moment: datetime, per_second: int, *, round_up: bool = False) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds
    if per_second >= 10**6:
        return micros * (per_second // 10**6)
    step = 10**6 // per_second
    return -(-micros // step) if round_up else micros // step


def _date_text(days: int) -> str | None:
    try:
        return (_EPOCH + timedelta(days=days)).isoformat()
    except OverflowError:
        return None


def _timestamp_text(ticks: int, kind: pa.DataType) -> str | None:
    seconds, rest = divmod(ticks, _TICKS_PER_SECOND[kind.unit])
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None
    digits = len(str(_TICKS_PER_SECOND[kind.unit])) - 1
    fraction = f".{rest:0{digits}d}" if rest else ""
    return f"{moment.replace(tzinfo=None).isoformat()}{fraction}{'Z' if kind.tz else ''}"


def _parse_ticks(text: str, unit: str) -> int:
    per_second = _TICKS_PER_SECOND[unit]
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = _ticks(datetime.fromisoformat(whole).replace(tzinfo=UTC), 1)
    return seconds * per_second + (int(fraction) if fraction else 0)
