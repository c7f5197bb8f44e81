"""Intervals and in-between values: what a person means, whatever a column can hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.reading.columns import PER_SECOND, TIMES, array_of, ticks_of
from opendata.reading.predicates import compare
from opendata.reading.query import BoundQuery, bind_query
from opendata.wire.errors import InvalidInput
from opendata.wire.manifest import (
    Adapters,
    Changelog,
    FieldEntry,
    Freeze,
    Integrity,
    Manifest,
    Versioning,
)

SECOND = 10**9
DAY = 86_400 * SECOND
ZONES = (UTC, None, timezone(timedelta(hours=-11)), timezone(timedelta(hours=5, minutes=45)))


def manifest(time: str) -> Manifest:
    return Manifest(
        id="tests/rates",
        files=(),
        schema=(FieldEntry(name=time, type="date32"),),
        contract={},
        trace={},
        reports={},
        versioning=Versioning(schema_version="1.0.0", data_release="1.0.0"),
        changelog=Changelog(diff_S={}, diff_R={}, diff_I={}),
        integrity=Integrity(hash_sha256="", content_hash=""),
        freeze=Freeze(tag="1.0.0", mode="soft", frozen_at=""),
        adapters=Adapters(),
        candidate="",
        dataset={},
        definition={},
        row_count=0,
        size_bytes=0,
        time_column=time,
    )


def interval(kind: pa.DataType, start: Any, end: Any) -> BoundQuery:
    return bind_query(manifest("t"), pa.schema([("t", kind)]), start=start, end=end)


def nanoseconds_of(kind: pa.DataType, ticks: int) -> int:
    """The instant that a column's value names, since 1970."""
    if pa.types.is_date32(kind):
        return ticks * DAY
    if pa.types.is_date64(kind):
        return ticks * 1_000_000
    return ticks * (SECOND // PER_SECOND[kind.unit])


BARE_DAYS = st.dates(date(1600, 1, 1), date(2300, 1, 1))
# Without zones: hypothesis adds them.
FIRST, LAST = datetime(1600, 1, 1), datetime(2300, 1, 1)  # noqa: DTZ001
INSTANTS = st.datetimes(FIRST, LAST, timezones=st.sampled_from(ZONES))


def first_instant(asked: date | datetime) -> int:
    if isinstance(asked, datetime):
        at = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
        since = at - datetime(1970, 1, 1, tzinfo=UTC)
        return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1_000
    return (asked - date(1970, 1, 1)).days * DAY


def last_instant(asked: date | datetime) -> int:
    whole_day = DAY - 1 if not isinstance(asked, datetime) else 0
    return first_instant(asked) + whole_day


@pytest.mark.requirement("S1-12", "S1-58")
@given(
    st.data(),
    st.sampled_from(TIMES),
    st.one_of(st.none(), BARE_DAYS, INSTANTS),
    st.one_of(st.none(), BARE_DAYS, INSTANTS),
    st.booleans(),
)
def test_an_interval_holds_exactly_the_instants_between_its_ends(
    data: st.DataObject, kind: pa.DataType, start: Any, end: Any, as_text: bool
) -> None:
    values: list[int | None] = data.draw(st.lists(ticks_of(kind), max_size=6))
    for asked in (start, end):  # neighbours of the ends are where mistakes live
        if asked is not None:
            values += near(kind, first_instant(asked)) + near(kind, last_instant(asked))
    low = first_instant(start) if start is not None else None
    high = last_instant(end) if end is not None else None
    typed = [one.isoformat() if as_text and one is not None else one for one in (start, end)]
    if low is not None and high is not None and low > high:
        with pytest.raises(InvalidInput, match="before it starts"):
            interval(kind, *typed)
        return
    query = interval(kind, *typed)
    table = pa.table({"t": array_of(kind, [*values, None])})
    found = query.keep(table)
    expected = [
        tick
        for tick in values
        if (low is None or nanoseconds_of(kind, tick) >= low)
        and (high is None or nanoseconds_of(kind, tick) <= high)
    ]
    keeps_null = [None] if start is None and end is None else []
    assert found["t"].combine_chunks().equals(array_of(kind, [*expected, *keeps_null]))


def near(kind: pa.DataType, nanoseconds: int) -> list[int]:
    """The column's values around an instant."""
    step = nanoseconds_of(kind, 1) if not pa.types.is_date64(kind) else DAY
    factor = 86_400_000 if pa.types.is_date64(kind) else 1
    middle = nanoseconds // step
    width = 2 ** (kind.bit_width - 1)
    ticks = [(middle + away) * factor for away in (-1, 0, 1)]
    return [tick for tick in ticks if -width <= tick < width]


# --- values that a column cannot hold --------------------------------------------------


@pytest.mark.requirement("S1-58")
@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("<", 1.5, [-1, 0, 1]),
        ("<=", 1.5, [-1, 0, 1]),
        (">", 1.5, [2]),
        (">=", 1.5, [2]),
        ("==", 1.5, []),
        ("!=", 1.5, [-1, 0, 1, 2]),
        ("in", [1.5, 2.0], [2]),
        ("not in", [1.5, 2], [-1, 0, 1, None]),
        ("==", 2.0, [2]),
        (">", -0.5, [0, 1, 2]),
        ("<", 1e300, [-1, 0, 1, 2]),
        (">", 1e300, []),
        (">", float("-inf"), [-1, 0, 1, 2]),
        ("<=", float("-inf"), []),
        ("!=", 300, [-1, 0, 1, 2]),
        ("==", 300, []),
        ("in", [300, -(10**30)], []),
        ("<", 2**70, [-1, 0, 1, 2]),
        (">=", 128, []),
    ],
)
@pytest.mark.parametrize("kind", [pa.int8(), pa.int64()], ids=str)
def test_whole_numbers_are_compared_with_any_number(
    kind: pa.DataType, operator: str, value: Any, expected: list[int | None]
) -> None:
    table = pa.table({"x": pa.array([-1, 0, 1, 2, None], kind)})
    found = table.filter(compare("x", kind, operator, value).mask(table["x"]))
    assert found["x"].to_pylist() == expected


@pytest.mark.requirement("S1-58")
@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("<", "2024-01-02T12:00:00Z", ["2024-01-01", "2024-01-02"]),
        ("<=", "2024-01-02T12:00:00Z", ["2024-01-01", "2024-01-02"]),
        (">", "2024-01-02T12:00:00Z", ["2024-01-03"]),
        (">=", "2024-01-02T12:00:00Z", ["2024-01-03"]),
        ("==", "2024-01-02T12:00:00Z", []),
        ("==", "2024-01-02T00:00:00Z", ["2024-01-02"]),
        ("==", date(2024, 1, 2), ["2024-01-02"]),
        ("<=", "2024-01-02", ["2024-01-01", "2024-01-02"]),
        ("in", ["2024-01-02", "2024-01-03T01:00:00Z"], ["2024-01-02"]),
        ("!=", "2024-01-02", ["2024-01-01", "2024-01-03"]),
        ("<", "9999-12-31", ["2024-01-01", "2024-01-02", "2024-01-03"]),
    ],
)
@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()], ids=str)
def test_days_are_compared_with_any_time(
    kind: pa.DataType, operator: str, value: Any, expected: list[str]
) -> None:
    days = [date(2024, 1, day) for day in (1, 2, 3)]
    table = pa.table({"x": pa.array([*days, None], kind)})
    found = table.filter(compare("x", kind, operator, value).mask(table["x"]))
    assert [str(day) for day in found["x"].to_pylist()] == expected


@pytest.mark.parametrize("value", ["9999-12-31", "0001-01-01T00:00:00Z"])
def test_times_beyond_a_column_s_reach_come_before_or_after_all_of_it(value: str) -> None:
    kind = pa.timestamp("ns")
    table = pa.table({"x": pa.array([-(2**63), 0, 2**63 - 1], pa.int64()).cast(kind)})
    counts = {
        operator: table.filter(compare("x", kind, operator, value).mask(table["x"])).num_rows
        for operator in ("<", "<=", ">", ">=", "==", "!=")
    }
    before = 3 if value.startswith("9999") else 0
    assert counts == {
        "<": before, "<=": before, ">": 3 - before, ">=": 3 - before, "==": 0, "!=": 3,
    }  # fmt: skip


def test_single_precision_is_compared_as_it_is_held() -> None:
    kind = pa.float32()
    table = pa.table({"x": pa.array([0.1, 0.2], kind)})
    predicate = compare("x", kind, "==", 0.1)
    assert table.filter(predicate.mask(table["x"])).num_rows == 1
    assert predicate.ordinals == (table["x"][0].as_py(),)
