"""Which type may follow another, and that the relation behaves like one."""

from __future__ import annotations

import itertools
import re

import pyarrow as pa
import pytest
from hypothesis import given

from dataplatform.contracts.promotion import can_widen
from dataplatform_tests.contracts.strategies import FLAT_TYPES, TYPES
from opendata.reading.type_names import parse_arrow_type

WIDENING = """
    int8 -> int16        int8 -> int64         int32 -> int64        uint8 -> int16
    uint32 -> int64      uint8 -> uint64       int32 -> float64      int16 -> float32
    int8 -> float16      float16 -> float32    float32 -> float64    uint16 -> float32
    decimal128(10,2) -> decimal128(12,2)       decimal32(5,2) -> decimal128(10,2)
    decimal128(38,2) -> decimal256(40,2)       date32 -> date64
    timestamp[s] -> timestamp[us]              timestamp[ms,tz=UTC] -> timestamp[ns,tz=UTC]
    time32[s] -> time64[us]                    duration[s] -> duration[ns]
    string -> large_string                     large_string -> string_view
    binary -> large_binary                     fixed_size_binary[16] -> binary
    null -> int64                              list<int32> -> list<int64>
    fixed_size_list<int8>[3] -> list<int16>    list<string> -> large_list<string>
    struct<a: int32> -> struct<a: int64>       struct<a: int32> -> struct<b: string, a: int32>
    map<string, int32> -> map<string, int64>  map<int32, string> -> map<int64, string>
    list<struct<a: int32>> -> list<struct<a: int64, b: string>>
    struct<a: struct<b: float32>> -> struct<a: struct<b: float64>>
    map<struct<a: int32>, string> -> map<struct<a: int64>, string>
"""
NARROWING_OR_OTHER = """
    int64 -> int32       int64 -> float64      int32 -> float32      uint64 -> int64
    int8 -> uint64       float64 -> float32    float64 -> int64      int32 -> string
    int64 -> bool        bool -> int8          string -> int64       string -> binary
    int32 -> decimal128(38,0)                  decimal128(10,2) -> decimal128(12,3)
    decimal128(12,2) -> decimal128(10,2)       date32 -> timestamp[us]
    date64 -> date32     timestamp[us] -> timestamp[ms]
    timestamp[us] -> timestamp[us,tz=UTC]      timestamp[us,tz=UTC] -> timestamp[us]
    timestamp[us,tz=UTC] -> timestamp[us,tz=Europe/Berlin]
    time64[us] -> duration[us]                 int64 -> null
    list<int64> -> list<int32>                 list<int8> -> int8
    list<int8> -> fixed_size_list<int8>[3]     fixed_size_list<int8>[3] -> fixed_size_list<int8>[4]
    struct<a: int32> -> struct<b: int32>       struct<a: int32 not null> -> struct<a: int32>
    struct<a: int32> -> struct<a: int32, b: int8 not null>
    map<string, int64> -> map<int32, int64>    string -> list<string>
    map<struct<a: int32>, string> -> map<struct<a: int32, b: int8>, string>
    list<struct<a: int64>> -> list<struct<a: int32>>
"""


def pairs(table: str) -> list[str]:
    return [cell.strip() for line in table.splitlines() for cell in _cells(line)]


def _cells(line: str) -> list[str]:
    return [cell for cell in line.strip().split("  ") if "->" in cell]


def widens(pair: str) -> bool:
    old, new = pair.split(" -> ")
    return can_widen(parse_arrow_type(old.strip()), parse_arrow_type(new.strip()))


@pytest.mark.requirement("S4-23")
@pytest.mark.parametrize("pair", pairs(WIDENING))
def test_every_old_value_is_a_new_one(pair: str) -> None:
    assert widens(pair)


@pytest.mark.requirement("S4-23")
@pytest.mark.parametrize("pair", pairs(NARROWING_OR_OTHER))
def test_some_old_value_would_be_lost_or_changed(pair: str) -> None:
    assert not widens(pair)


# What the specification of Iceberg allows a column's type to become, and what it does not; the
# last word of each line is ours.
ICEBERG = """
    int -> long                      int32 -> int64                                v1  yes
    float -> double                  float32 -> float64                            v1  yes
    decimal(P,S) -> decimal(P',S)    decimal128(9,2) -> decimal128(18,2)           v1  yes
    decimal(P,S) -> decimal(P,S')    decimal128(9,2) -> decimal128(9,3)            no  no
    decimal(P',S) -> decimal(P,S)    decimal128(18,2) -> decimal128(9,2)           no  no
    long -> int                      int64 -> int32                                no  no
    double -> float                  float64 -> float32                            no  no
    int -> string                    int32 -> string                               no  no
    string -> binary                 string -> binary                              no  no
    timestamp -> timestamptz         timestamp[us] -> timestamp[us,tz=UTC]         no  no
    date -> timestamptz              date32 -> timestamp[us,tz=UTC]                no  no
    unknown -> any                   null -> string                                v3  yes
    date -> timestamp                date32 -> timestamp[us]                       v3  no
    date -> timestamp_ns             date32 -> timestamp[ns]                       v3  no
    int -> double                    int32 -> float64                              no  yes
    int -> float                     int32 -> float32                              no  no
    timestamp -> timestamp_ns        timestamp[us] -> timestamp[ns]                no  yes
"""
OURS_ALONE = {"int -> double", "timestamp -> timestamp_ns"}
THEIRS_ALONE = {"date -> timestamp", "date -> timestamp_ns"}


def iceberg_rules() -> list[tuple[str, str, str, str]]:
    lines = (line.strip() for line in ICEBERG.strip().splitlines())
    return [tuple(re.split(r"\s{2,}", line)) for line in lines]  # type: ignore[misc]


@pytest.mark.requirement("S4-23")
@pytest.mark.parametrize(("rule", "pair", "iceberg", "ours"), iceberg_rules())
def test_the_published_promotions_of_iceberg_hold_but_for_those_named(
    rule: str, pair: str, iceberg: str, ours: str
) -> None:
    assert widens(pair) == (ours == "yes")
    agrees = (iceberg != "no") == (ours == "yes")
    assert agrees == (rule not in OURS_ALONE | THEIRS_ALONE)


@given(TYPES)
def test_a_type_may_follow_itself(data_type: pa.DataType) -> None:
    assert can_widen(data_type, data_type)


@given(TYPES, TYPES, TYPES)
def test_two_steps_are_as_good_as_one(
    one: pa.DataType, two: pa.DataType, three: pa.DataType
) -> None:
    if can_widen(one, two) and can_widen(two, three):
        assert can_widen(one, three)


def test_two_steps_are_as_good_as_one_for_every_flat_type() -> None:
    flat = list(FLAT_TYPES.elements)  # type: ignore[attr-defined]
    steps = {one: {two for two in flat if can_widen(one, two)} for one in flat}
    for one in flat:
        for two in steps[one]:
            assert steps[two] <= steps[one], (one, two)


def test_there_is_no_way_back_but_between_layouts() -> None:
    flat = list(FLAT_TYPES.elements)  # type: ignore[attr-defined]
    both_ways = {
        frozenset((one, two))
        for one in flat
        for two in flat
        if one != two and can_widen(one, two) and can_widen(two, one)
    }
    text = (pa.string(), pa.large_string(), pa.string_view())
    binary = (pa.binary(), pa.large_binary(), pa.binary_view())
    layouts = [*itertools.combinations(text, 2), *itertools.combinations(binary, 2)]
    assert both_ways == {frozenset(pair) for pair in layouts}


@pytest.mark.parametrize(
    ("old", "new", "extremes"),
    [
        ("int8", "int64", (-(2**7), 2**7 - 1)),
        ("int8", "float16", (-(2**7), 2**7 - 1)),
        ("uint8", "float16", (0, 2**8 - 1)),
        ("int16", "float32", (-(2**15), 2**15 - 1)),
        ("uint16", "float32", (0, 2**16 - 1)),
        ("int32", "float64", (-(2**31), 2**31 - 1)),
        ("uint32", "float64", (0, 2**32 - 1)),
        ("uint32", "int64", (0, 2**32 - 1)),
    ],
)
def test_the_extremes_survive_the_promised_cast(
    old: str, new: str, extremes: tuple[int, int]
) -> None:
    assert can_widen(parse_arrow_type(old), parse_arrow_type(new))
    values = pa.array([*extremes, extremes[1] - 1], parse_arrow_type(old))
    assert values.cast(parse_arrow_type(new)).cast(parse_arrow_type(old)).equals(values)
