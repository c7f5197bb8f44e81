"""The grammar of type names: what is read, and how it is told apart.

Here belong the known names, their parameters and the reader that walks a text. The canonical
spelling and the public functions stand in `types`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa

DEPTH_MAX: Final = 32

PLAIN_TYPES: Final[Mapping[str, pa.DataType]] = {
    "null": pa.null(),
    "bool": pa.bool_(),
    **{f"int{bits}": pa.type_for_alias(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": pa.type_for_alias(f"uint{bits}") for bits in (8, 16, 32, 64)},
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "binary_view": pa.binary_view(),
    "date32": pa.date32(),
    "date64": pa.date64(),
    "month_day_nano_interval": pa.month_day_nano_interval(),
}

_ALIASES: Final[Mapping[str, str]] = {
    "halffloat": "float16",
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "int": "int64",
    "integer": "int64",
    "long": "int64",
    "boolean": "bool",
    "str": "string",
    "text": "string",
    "utf8": "string",
    "large_utf8": "large_string",
    "bytes": "binary",
    "date": "date32",
}
_UNIT_DEFAULTS: Final = {"timestamp": "us", "duration": "us", "time32": "ms", "time64": "us"}
_UNIT_ALIASES: Final = {"datetime": "timestamp", "time": "time64", "timedelta": "duration"}
_UNITS: Final = {
    "timestamp": ("s", "ms", "us", "ns"),
    "duration": ("s", "ms", "us", "ns"),
    "time32": ("s", "ms"),
    "time64": ("us", "ns"),
    "date32": ("day",),
    "date64": ("ms",),
}
_DECIMALS: Final[Mapping[str, Callable[[int, int], pa.DataType]]] = {
    "decimal32": pa.decimal32,
    "decimal64": pa.decimal64,
    "decimal128": pa.decimal128,
    "decimal256": pa.decimal256,
    "decimal": pa.decimal128,
}
_LISTS: Final[Mapping[str, Callable[[pa.Field], pa.DataType]]] = {
    "list": pa.list_,
    "large_list": pa.large_list,
    "list_view": pa.list_view,
    "large_list_view": pa.large_list_view,
}
for _usual in (r"\w+", r"tz\s*=\s*", r"[\w+:/-]+"):
    re.compile(_usual)  # `re` keeps them, so that the first read of a timestamp need not wait
_NESTED: Final = ("fixed_size_list", "map", "struct", "dictionary", "run_end_encoded")
_KNOWN_NAMES: Final = tuple(
    sorted(
        {*PLAIN_TYPES, *_ALIASES, *_UNITS, *_UNIT_ALIASES, *_DECIMALS, *_LISTS, *_NESTED}
        | {"fixed_size_binary"}
    )
)


class TypeReader:
    """A recursive-descent reader of one type name."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def data_type(self, depth: int) -> pa.DataType:
        if depth > DEPTH_MAX:
            raise ValueError(f"a type nests at most {DEPTH_MAX} levels deep")
        written = self._match(r"\w+", "a type name")
        name = written.lower()
        name = _UNIT_ALIASES.get(name, _ALIASES.get(name, name))
        if name in _UNITS:
            return self._timed(name)
        if name in PLAIN_TYPES:
            return PLAIN_TYPES[name]
        if name in _DECIMALS:
            return self._decimal(name)
        if name == "fixed_size_binary":
            return pa.binary(self._size())
        if name in _LISTS or name in _NESTED:
            self._expect("<")
            return self._nested(name, depth + 1)
        raise ValueError(_unknown(written))

    def end(self) -> None:
        self._skip_space()
        if self.at < len(self.text):
            raise ValueError(f"{self.text!r} is no type: {self.text[self.at :]!r} is left over")

    def _timed(self, name: str) -> pa.DataType:
        unit = _UNIT_DEFAULTS.get(name, "")
        zone = None
        if self._accept("["):
            unit = self._match(r"\w+", "a unit")
            if name == "timestamp" and self._accept(","):
                self._try_match(r"tz\s*=\s*")
                zone = self._match(r"[\w+:/-]+", "a time zone")
            self._expect("]")
            if unit not in _UNITS[name]:
                raise ValueError(f"{name} has no unit {unit!r}: {' or '.join(_UNITS[name])}")
        if name in PLAIN_TYPES:
            return PLAIN_TYPES[name]
        if name == "timestamp":
            return pa.timestamp(unit, tz=zone)
        makers = {"duration": pa.duration, "time32": pa.time32, "time64": pa.time64}
        return makers[name](unit)

    def _decimal(self, name: str) -> pa.DataType:
        self._expect("(")
        precision = int(self._match(r"\d{1,3}", "a precision"))
        scale = int(self._match(r"-?\d{1,3}", "a scale")) if self._accept(",") else 0
        self._expect(")")
        return _DECIMALS[name](precision, scale)

    def _nested(self, name: str, depth: int) -> pa.DataType:
        if name == "struct":
            return self._struct(depth)
        if name == "map":
            return self._map(depth)
        if name == "dictionary":
            return self._labelled_value(r"values\s*=\s*", depth)
        if name == "run_end_encoded":
            return self._labelled_value(r"run_ends\s*:\s*\w+\s*,\s*values\s*:\s*", depth)
        item = self._item(depth)
        self._expect(">")
        return pa.list_(item, self._size()) if name == "fixed_size_list" else _LISTS[name](item)

    def _item(self, depth: int) -> pa.Field:
        self._try_match(r"\w+\s*:\s*")
        return self._typed_field("item", depth)

    def _struct(self, depth: int) -> pa.DataType:
        fields: list[pa.Field] = []
        while not self._accept(">"):
            if fields:
                self._expect(",")
            name = self._field_name()
            self._expect(":")
            fields.append(self._typed_field(name, depth))
        if len({field.name for field in fields}) < len(fields):
            raise ValueError(f"{self.text!r} names a member twice")
        return pa.struct(fields)

    def _map(self, depth: int) -> pa.DataType:
        key = self.data_type(depth)
        self._expect(",")
        value = self._typed_field("value", depth)
        self._try_match(r",\s*keys_sorted")
        self._expect(">")
        return pa.map_(key, value)

    def _labelled_value(self, label: str, depth: int) -> pa.DataType:
        self._match(label, "the type of the values")
        value = self.data_type(depth)
        self._try_match(r"(,\s*\w+\s*=\s*\w+\s*)*")
        self._expect(">")
        return value

    def _typed_field(self, name: str, depth: int) -> pa.Field:
        data_type = self.data_type(depth)
        return pa.field(name, data_type, nullable=self._try_match(r"not\s+null\b") is None)

    def _field_name(self) -> str:
        quoted = self._try_match(r'"(?:[^"\\]|\\.)*"')
        if quoted is None:
            return self._match(r"[^:,<>\s][^:,<>]*", "a member name").rstrip()
        name = json.loads(quoted)
        assert isinstance(name, str)
        return name

    def _size(self) -> int:
        self._expect("[")
        size = int(self._match(r"\d{1,9}", "a size"))
        self._expect("]")
        return size

    def _skip_space(self) -> None:
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1

    def _try_match(self, pattern: str) -> str | None:
        self._skip_space()
        match = re.compile(pattern).match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def _match(self, pattern: str, wanted: str) -> str:
        found = self._try_match(pattern)
        if found is None:
            raise ValueError(self._expected(wanted))
        return found

    def _accept(self, symbol: str) -> bool:
        self._skip_space()
        if not self.text.startswith(symbol, self.at):
            return False
        self.at += len(symbol)
        return True

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            raise ValueError(self._expected(repr(symbol)))

    def _expected(self, wanted: str) -> str:
        rest = self.text[self.at :] or "the end"
        return f"{self.text!r} is no type: {wanted} is expected before {rest!r}"


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), _KNOWN_NAMES, n=1, cutoff=0.6)
    meant = f"; did you mean {near[0]!r}?" if near else "; types are Arrow's, such as int64, string"
    return f"{name!r} is no type{meant}"
