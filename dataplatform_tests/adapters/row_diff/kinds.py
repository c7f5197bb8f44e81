"""Pairs of column types with values of either, and what each value is once types are forgotten.

Values are few, so that both sides often hold the same one; they lie where conversions go wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

NAN = float("nan")
DAY_US = 86_400 * 10**6
FAR_US = 64_000_000_000_000_000  # the year 3998, beyond 64 bits of nanoseconds
Meaning = Callable[[Any], Any]


def number(value: Any) -> Any:
    """A number as an exact fraction; NaN as one word."""
    if value is None:
        return None
    return "nan" if value != value else value if value in _INFINITE else Fraction(value)


def as_written(value: float | None) -> Any:
    """A float as the number that it is written as."""
    return None if value is None else "nan" if value != value else Fraction(Decimal(repr(value)))


def times(factor: int) -> Meaning:
    """A count of some unit in nanoseconds."""
    return lambda value: None if value is None else value * factor


def plain(value: Any) -> Any:
    """A value that is what it is."""
    return tuple(value) if isinstance(value, list) else value


def numbers(value: list[Any] | None) -> Any:
    """A list of numbers."""
    return None if value is None else tuple(map(number, value))


def members(value: dict[str, Any] | None) -> Any:
    """A struct, whose members have names and no order."""
    return None if value is None else frozenset((k, number(v)) for k, v in value.items())


def entries(value: list[Any] | None) -> Any:
    """A map, whose entries have no order either."""
    return None if value is None else frozenset(value)


@dataclass(frozen=True)
class Side:
    """A column's type, values of it, and what they mean."""

    kind: pa.DataType
    values: tuple[Any, ...]
    meaning: Meaning = plain

    def column(self, values: list[Any]) -> pa.Array:
        """An array of some of the values; counts of time units are given as integers."""
        if pa.types.is_temporal(self.kind):
            bits = pa.int32() if self.kind.bit_width == 32 else pa.int64()
            return pa.array(values, bits).cast(self.kind)
        if pa.types.is_dictionary(self.kind):
            return pa.array(values, self.kind.value_type).dictionary_encode()
        return pa.array(values, self.kind)


_INFINITE = (float("inf"), float("-inf"))
_BIG = 2**53
_WIDE = Decimal("12345678901234567890123456789012345678901.5")

PAIRS: dict[str, tuple[Side, Side]] = {
    "wider integers": (
        Side(pa.int32(), (0, 1, -7), number), Side(pa.int64(), (0, 1, -7, 2**40), number)),
    "unsigned and signed": (
        Side(pa.uint64(), (0, 1, 2**64 - 1), number), Side(pa.int64(), (0, 1, -1), number)),
    "integer and float": (
        Side(pa.int64(), (0, 1, _BIG, _BIG + 1), number),
        Side(pa.float64(), (0.0, -0.0, 1.0, 1.5, float(_BIG), NAN, 1e300), number)),
    "floats": (
        Side(pa.float64(), (0.0, NAN, 0.1, float("inf")), number),
        Side(pa.float64(), (-0.0, NAN, 0.1, float("inf"), -1e-300), number)),
    "narrow and wide floats": (
        Side(pa.float32(), (0.5, 0.25, NAN), number), Side(pa.float64(), (0.5, 0.1, NAN), number)),
    "decimals of two scales": (
        Side(pa.decimal128(5, 2), (Decimal("1.10"), Decimal("-0.05"), Decimal(0)), number),
        Side(pa.decimal128(20, 6), (Decimal("1.1"), Decimal("-0.05"), Decimal(0)), number)),
    "decimals that no decimal holds": (
        Side(pa.decimal128(38, 0), (Decimal(10**37), Decimal(1), Decimal(-120)), number),
        Side(pa.decimal128(38, 20), (Decimal(1), Decimal("1.5"), Decimal(-120)), number)),
    "decimals beyond 38 digits": (
        Side(pa.decimal256(60, 5), (_WIDE, Decimal("1.5"), Decimal("0.00001")), number),
        Side(pa.decimal256(50, 8), (_WIDE, Decimal("1.5"), Decimal("0.00001")), number)),
    "wide decimal and integer": (
        Side(pa.decimal256(50, 10), (Decimal(100), Decimal("0.5"), Decimal(0)), number),
        Side(pa.int64(), (100, 0, 5), number)),
    "decimal and float": (
        Side(pa.decimal128(10, 3), (Decimal("0.1"), Decimal("2.5"), Decimal(0)), number),
        Side(pa.float64(), (0.1, 2.5, -0.0, 1e-7, NAN), as_written)),
    "instants in two zones and units": (
        Side(pa.timestamp("us", "Europe/Berlin"), (0, 1, FAR_US), times(1_000)),
        Side(pa.timestamp("ns", "UTC"), (0, 1_000, 1_001, None), times(1))),
    "local times in two units": (
        Side(pa.timestamp("ms"), (0, 1, FAR_US // 1_000), times(10**6)),
        Side(pa.timestamp("ns"), (0, 10**6, 10**6 + 1), times(1))),
    "date and local time": (
        Side(pa.date32(), (0, 1, -1), times(86_400 * 10**9)),
        Side(pa.timestamp("us"), (0, DAY_US, DAY_US + 1, -DAY_US), times(1_000))),
    "times of day": (
        Side(pa.time32("ms"), (0, 1_000), times(10**6)),
        Side(pa.time64("ns"), (0, 10**9, 10**9 + 1), times(1))),
    "durations": (
        Side(pa.duration("ms"), (0, 1, 10**15), times(10**6)),
        Side(pa.duration("us"), (0, 1_000, 1), times(1_000))),
    "texts": (
        Side(pa.dictionary(pa.int32(), pa.string()), ("", "a", "ä", "A")),
        Side(pa.large_string(), ("", "a", "ä", "a "))),
    "bytes": (Side(pa.binary(), (b"", b"\0", b"ab")), Side(pa.large_binary(), (b"", b"\0", b"b"))),
    "booleans": (Side(pa.bool_(), (True, False)), Side(pa.bool_(), (True, False))),
    "lists of numbers": (
        Side(pa.list_(pa.int64()), ([], [1, None], [_BIG + 1]), numbers),
        Side(pa.large_list(pa.float64()), ([], [1.0, None], [float(_BIG)], [NAN]), numbers)),
    "structs in another order": (
        Side(
            pa.struct([("a", pa.int32()), ("b", pa.float64())]),
            ({"a": 1, "b": NAN}, {"a": 1, "b": 0.0}, {"a": None, "b": None}), members),
        Side(
            pa.struct([("b", pa.float64()), ("a", pa.int64())]),
            ({"b": NAN, "a": 1}, {"b": -0.0, "a": 1}, {"b": 1.0, "a": 0}), members)),
    "maps in another order": (
        Side(pa.map_(pa.string(), pa.int32()), ([], [("a", 1), ("b", 2)], [("a", 1)]), entries),
        Side(pa.map_(pa.string(), pa.int64()), ([], [("b", 2), ("a", 1)], [("a", 2)]), entries)),
    "nothing but null": (Side(pa.null(), (None,)), Side(pa.int16(), (0, 1), number)),
}  # fmt: skip
