"""Random columns of every type whose values have an order, for tests of bounds and pruning."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

DAY_MILLISECONDS = 86_400_000
ZONES = (None, "UTC", "Europe/Paris", "+05:30", "America/St_Johns")
UNITS = ("s", "ms", "us", "ns")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# Years 1 to 9999, as far as the unit's 64 bits reach: what a bound can be written for.
SECONDS = (-62_135_596_800, 253_402_300_799)

INTEGERS = tuple(
    pa.type_for_alias(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)
)
FLOATS = (pa.float16(), pa.float32(), pa.float64())
TEXTS = (pa.string(), pa.large_string())
DATES = (pa.date32(), pa.date64())
TIMESTAMPS = tuple(pa.timestamp(unit, tz=zone) for unit in UNITS for zone in ZONES)
TIMES = (*DATES, *TIMESTAMPS)
ORDERED = (*INTEGERS, *FLOATS, *TEXTS, *TIMES)


def tick_range(kind: pa.DataType) -> tuple[int, int]:
    """The ticks of a time type that years 1 to 9999 and its width allow."""
    if pa.types.is_date32(kind):
        return SECONDS[0] // 86_400, SECONDS[1] // 86_400
    per_second = 10**3 if pa.types.is_date64(kind) else PER_SECOND[kind.unit]
    low, high = (bound * per_second for bound in SECONDS)
    return max(low, -(2**63)), min(high, 2**63 - 1)


def ticks_of(kind: pa.DataType) -> st.SearchStrategy[int]:
    """Ticks of a time type; some near to each other, as in real data."""
    low, high = tick_range(kind)
    any_ticks = st.one_of(st.integers(low, high), st.integers(-200_000, 200_000))
    if pa.types.is_date64(kind):
        return any_ticks.map(lambda ticks: ticks // DAY_MILLISECONDS * DAY_MILLISECONDS)
    return any_ticks


def values_of(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Physical values of a type, without nulls: ticks for times."""
    if pa.types.is_integer(kind):
        signed = not pa.types.is_unsigned_integer(kind)
        low = -(2 ** (kind.bit_width - 1)) if signed else 0
        return st.one_of(st.integers(low, low + 2**kind.bit_width - 1), st.integers(0, 5))
    if pa.types.is_floating(kind):
        common = st.sampled_from([0.0, -0.0, 1.5, -2.0, float("nan"), float("inf")])
        return st.one_of(common, st.floats(width=kind.bit_width))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        letters = st.characters(codec="utf-8")
        return st.one_of(st.sampled_from(["", "a", "b", "ü", "😀", "x" * 80]), st.text(letters))
    return ticks_of(kind)


def array_of(kind: pa.DataType, values: list[Any]) -> pa.Array:
    """An Arrow array of physical values."""
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        width = pa.int32() if pa.types.is_date32(kind) else pa.int64()
        return pa.array(values, width).cast(kind)
    if pa.types.is_float16(kind):
        return pa.array(values, pa.float32()).cast(kind)
    return pa.array(values, kind)


def comparable(values: pa.Array) -> pa.Array:
    """The array in a type that Arrow compares; for half floats it has no kernels."""
    return values.cast(pa.float32()) if pa.types.is_float16(values.type) else values
