"""Cells of a patch: written values as values of a column, and back, without loss.

Here belongs one spelling for every type, so that a patch kept as JSON says exactly what was done.
Numbers are numbers while JSON holds them exactly, and text beyond; times, decimals and bytes are
text; lists and structs are those of JSON, maps are lists of pairs.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import pyarrow as pa

from dataplatform.contracts.values import EXACT_INTEGER_MAX, is_text
from opendata.reading.bounds import encode_bound, is_time_type, ordinals_around
from opendata.reading.type_names import type_name
from opendata.wire.errors import InvalidInput

# What YAML writes bare, and a patch in quotes, since other YAML here has no such values.
_YAML_FLOATS: Final = {".nan": math.nan, ".inf": math.inf, "-.inf": -math.inf}
_TICKS: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def cells_of(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """Written values as an array; each is None, or exactly a value of that type.

    Raises:
        CellProblem: at the first that is not.
    """
    read = _reader(kind)
    cells = []
    for at, value in enumerate(values):
        try:
            cells.append(None if value is None else read(value))
        except (ValueError, TypeError, ArithmeticError, InvalidInput) as error:
            raise CellProblem(at, f"{value!r} is no {type_name(kind)}{_because(error)}") from error
    try:
        return pa.array(cells, kind)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return _one_by_one(cells, kind)


class CellProblem(ValueError):
    """A value that does not fit its column; `at` counts from 0."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at
        self.message = message


def written_cell(cell: pa.Scalar) -> Any:
    """A cell as JSON holds it; `cells_of` reads it back to an equal one."""
    if not cell.is_valid:
        return None
    kind = cell.type
    if pa.types.is_struct(kind):
        return {field.name: written_cell(cell[field.name]) for field in kind}
    if pa.types.is_map(kind):
        keys, values = cell.values.field(0), cell.values.field(1)
        return [[written_cell(k), written_cell(v)] for k, v in zip(keys, values, strict=True)]
    if pa.types.is_nested(kind):
        return [written_cell(item) for item in cell.values]
    if is_time_type(kind):
        text = encode_bound(kind, cell.value)
        return text if text is not None else f"{cell.value} ticks"  # beyond the year 9999
    if pa.types.is_time(kind):
        return _clock_text(cell.value, kind.unit)
    if pa.types.is_duration(kind):
        return cell.value if abs(cell.value) <= EXACT_INTEGER_MAX else str(cell.value)
    return _written_plain(cell.as_py(), kind)


def _written_plain(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if pa.types.is_decimal(kind):
        return str(value)
    if pa.types.is_floating(kind):
        number = float(value)
        # JSON's canonical form knows neither of these, and has one zero.
        is_plain = math.isfinite(number) and not (number == 0 and math.copysign(1, number) < 0)
        return number if is_plain else repr(number)
    if pa.types.is_integer(kind) and abs(value) > EXACT_INTEGER_MAX:
        return str(value)
    return value


def _one_by_one(cells: list[Any], kind: pa.DataType) -> pa.Array:
    """The same with the cell that Arrow refuses named."""
    for at, cell in enumerate(cells):
        try:
            pa.array([cell], kind)
        except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
            raise CellProblem(at, f"{cell!r} is no {type_name(kind)}{_because(error)}") from error
    raise CellProblem(0, f"these values make no column of {kind}")


def _reader(kind: pa.DataType) -> Callable[[Any], Any]:
    """What turns a written value into what Arrow takes for the type."""
    if pa.types.is_boolean(kind):
        return _boolean
    if pa.types.is_integer(kind):
        return _whole
    if pa.types.is_floating(kind):
        return _number
    if pa.types.is_decimal(kind):
        return _decimal
    if is_text(kind):
        return _text
    if is_time_type(kind):
        return lambda value: _moment(value, kind)
    if pa.types.is_time(kind):
        return lambda value: _clock_ticks(value, kind.unit)
    if pa.types.is_duration(kind):
        return lambda value: _duration(value, kind.unit)
    if pa.types.is_nested(kind):
        return _nested_reader(kind)
    if pa.types.is_null(kind):
        return _nothing
    return _bytes


def _nested_reader(kind: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_struct(kind):
        members = {field.name: _reader(field.type) for field in kind}
        return lambda value: _struct(value, members)
    if pa.types.is_map(kind):
        key, item = _reader(kind.key_type), _reader(kind.item_type)
        return lambda value: [(key(k), None if v is None else item(v)) for k, v in _pairs(value)]
    read = _reader(kind.value_type)
    return lambda value: [None if item is None else read(item) for item in _items(value)]


def _struct(value: Any, members: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("a mapping is expected")
    if unknown := set(value) - set(members):
        raise ValueError(f"it has no member {sorted(unknown)[0]!r}")
    return {
        name: None if value.get(name) is None else read(value[name])
        for name, read in members.items()
    }


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ValueError("a list is expected")
    return value


def _pairs(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, Mapping) else [tuple(p) for p in _items(value)]


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise ValueError("write true or false")


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError("that is true or false")
    if isinstance(value, str):
        return int(value)
    number = int(value)
    if number != value:
        raise ValueError("that is no whole number")
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("that is true or false")
    if isinstance(value, str) and value.lower() in _YAML_FLOATS:
        return _YAML_FLOATS[value.lower()]
    number = float(value)
    if isinstance(value, int) and int(number) != value:
        raise ValueError("a float does not hold it exactly")
    return number


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError("that is true or false")
    try:
        return value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError("that is no number") from error


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("put it in quotes")


def _nothing(value: Any) -> None:
    raise ValueError("the column holds nothing but null")


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError("bytes are written in base64") from error


def _moment(value: Any, kind: pa.DataType) -> int:
    """Ticks of a date or timestamp column."""
    if isinstance(value, str) and value.endswith(" ticks"):
        return int(value.removesuffix(" ticks"))
    if not isinstance(value, str | date | datetime):
        raise ValueError('write it as text: "2024-12-31"')
    if pa.types.is_timestamp(kind) and kind.tz is None and _has_zone(value):
        raise ValueError("a zone does not fit a column without one")
    around = ordinals_around(kind, value)
    if around is None or around[0] != around[1]:
        raise ValueError("the column counts in larger steps")
    return around[0]


def _has_zone(value: str | date) -> bool:
    if isinstance(value, str):
        clock = value.partition("T")[2] or value.partition(" ")[2]
        return clock.endswith(("Z", "z")) or "+" in clock or "-" in clock
    return isinstance(value, datetime) and value.tzinfo is not None


def _clock_ticks(value: Any, unit: str) -> int:
    """Ticks of a time of day; digits beyond microseconds are counted, which Python drops."""
    if isinstance(value, time):
        value = value.isoformat()
    if not isinstance(value, str):
        raise ValueError('write it as text: "06:30:00"')
    clock, _, fraction = value.partition(".")
    at = time.fromisoformat(clock)
    if at.tzinfo is not None:
        raise ValueError("a time of day has no zone")
    nanoseconds = int(fraction.ljust(9, "0")) if fraction else 0
    seconds = at.hour * 3600 + at.minute * 60 + at.second
    ticks, rest = divmod(seconds * 10**9 + nanoseconds, 10**9 // _TICKS[unit])
    if rest or len(fraction) > len("123456789"):
        raise ValueError("the column counts in larger steps")
    return ticks


def _clock_text(ticks: int, unit: str) -> str:
    seconds, rest = divmod(ticks, _TICKS[unit])
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    digits = len(str(_TICKS[unit])) - 1
    return f"{clock}.{rest:0{digits}d}" if rest else clock


def _duration(value: Any, unit: str) -> int:
    if isinstance(value, timedelta):
        microseconds = (value.days * 86_400 + value.seconds) * 10**6 + value.microseconds
        ticks, rest = divmod(microseconds * _TICKS[unit], 10**6)
        if rest:
            raise ValueError("the column counts in larger steps")
        return ticks
    return _whole(value)


def _because(error: Exception) -> str:
    text = error.message if isinstance(error, InvalidInput) else str(error)
    return f": {text}" if text and len(text) < 120 else ""
