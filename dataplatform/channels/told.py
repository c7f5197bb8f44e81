"""What sources tell of a file, beside its path: values of all kinds, made a time and plain JSON.

Here belongs what all metadata readers share: which ways of writing a time are understood, and what
becomes of values that JSON cannot hold. Which sources are asked is `describe`'s; how each is read,
the adapters'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

from opendata.wire.digest import canonical_json
from opendata.wire.errors import InvalidInput

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# A number counts seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by
# size: each unit's bound is the year 5138 in it, and the early months of 1970 in the next.
_SECONDS_BELOW: Final = 10**11
_UNITS: Final = (Decimal(1_000_000), Decimal(1000), Decimal(1), Decimal("0.001"))
_DEPTH_MAX: Final = 20
_EXACT_INTEGER_MAX: Final = 2**53 - 1


def microseconds(at: datetime, zone: tzinfo = UTC) -> int:
    """Microseconds since 1970 in UTC, exactly; a time without an offset is one of `zone`."""
    aware = at if at.tzinfo is not None else at.replace(tzinfo=zone)
    return (aware - _EPOCH) // _MICROSECOND


def read_time(value: object, zone: tzinfo = UTC) -> int | None:
    """Microseconds since 1970 of a time as people write it: ISO 8601, or a number since 1970.

    A number's unit follows from its size: seconds, milliseconds, microseconds, nanoseconds. None
    and an empty text are no time.

    Raises:
        InvalidInput: for anything else.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, datetime):
            return microseconds(value, zone)
        if isinstance(value, date):
            return microseconds(datetime(value.year, value.month, value.day), zone)  # noqa: DTZ001 - in zone
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return _since_1970(Decimal(str(value)))
        if isinstance(value, str):
            return _read_text(value.strip(), zone)
    except (ValueError, ArithmeticError) as error:
        raise _no_time(value) from error
    raise _no_time(value)


def plain_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata in JSON's types (S0-49).

    What JSON cannot hold is made text: times in ISO 8601, numbers that no double holds exactly,
    bytes as they read. NaN and infinity become null.
    """
    plain: dict[str, Any] = _plain(metadata, 0)
    return plain


def _read_text(text: str, zone: tzinfo) -> int:
    digits = text.removeprefix("-")
    if digits.replace(".", "", 1).isdecimal() and len(digits.partition(".")[0]) > 8:
        return _since_1970(Decimal(text))  # eight digits and fewer are a date, 20250601
    return microseconds(datetime.fromisoformat(text), zone)


def _since_1970(number: Decimal) -> int:
    bound = Decimal(_SECONDS_BELOW)
    for unit in _UNITS:
        if abs(number) < bound:
            return math.floor(number * unit)
        bound *= 1000
    raise ValueError("beyond all units")


def _no_time(value: object) -> InvalidInput:
    return InvalidInput(
        f"{str(value)[:80]!r} is no time: write ISO 8601, such as 2025-06-01T12:00:00Z, or a "
        "number since 1970",
        code="invalid_time",
    )


def _plain(value: Any, depth: int) -> Any:
    """The value in JSON's types."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _whole(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return _readable(value)
    if isinstance(value, bytes | bytearray):
        return _readable(bytes(value).decode("utf-8", "replace"))
    if depth < _DEPTH_MAX:
        if isinstance(value, Mapping):
            return {_readable(str(key)): _plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
            return [_plain(item, depth + 1) for item in items]
    return _readable(value.isoformat() if isinstance(value, date) else str(value))


def _whole(number: int) -> int | str:
    if abs(number) > _EXACT_INTEGER_MAX:
        try:
            canonical_json(number)
        except InvalidInput:
            return str(number)
    return number


def _readable(text: str) -> str:
    # Half of a surrogate pair is no character, and no encoding of text writes it.
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
