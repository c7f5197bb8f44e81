"""Bounds: written as text that people read, compared in the column's own order, nothing lost."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.reading.columns import (
    ORDERED,
    TIMES,
    TIMESTAMPS,
    array_of,
    comparable,
    values_of,
)
from opendata.reading.bounds import (
    decode_bound,
    encode_bound,
    is_time_type,
    ordinal_range,
    ordinal_scalar,
    ordinals_around,
    time_ordinal,
)
from opendata.wire.errors import InvalidInput

DAY = pa.date32()
SECONDS = pa.timestamp("s")
NANOSECONDS = pa.timestamp("ns", tz="UTC")


@given(st.data(), st.sampled_from(ORDERED))
def test_a_bound_survives_its_text(data: st.DataObject, kind: pa.DataType) -> None:
    raw = data.draw(values_of(kind))
    text = encode_bound(kind, raw)
    if isinstance(raw, str):
        assert text == (raw if len(raw) <= 64 else None)
    elif isinstance(raw, float) and math.isnan(raw):
        assert text is None
    else:
        assert text is not None
        assert decode_bound(kind, text) == raw


@given(st.data(), st.sampled_from(ORDERED))
def test_bounds_compare_as_arrow_compares_the_values(
    data: st.DataObject, kind: pa.DataType
) -> None:
    one, other = data.draw(values_of(kind)), data.draw(values_of(kind))
    texts = [encode_bound(kind, raw) for raw in (one, other)]
    if None in texts:
        return
    left, right = (decode_bound(kind, str(text)) for text in texts)
    a, b = (comparable(array_of(kind, [raw])) for raw in (one, other))
    assert (left < right) == pc.less(a, b)[0].as_py()  # type: ignore[operator]
    assert (left == right) == pc.equal(a, b)[0].as_py()


@given(st.data(), st.sampled_from(TIMES))
def test_a_time_s_text_is_the_one_that_arrow_would_print(
    data: st.DataObject, kind: pa.DataType
) -> None:
    raw = data.draw(values_of(kind))
    text = encode_bound(kind, raw)
    zoneless = kind if pa.types.is_date(kind) else pa.timestamp(kind.unit)
    printed = array_of(zoneless, [raw]).cast(pa.string())[0].as_py()
    fraction_less = printed.replace(" ", "T").partition(".")[0]
    assert text is not None
    assert text.startswith(fraction_less[:10] if pa.types.is_date(kind) else fraction_less)
    assert text.endswith("Z") == (pa.types.is_timestamp(kind) and kind.tz is not None)


@pytest.mark.parametrize(
    ("kind", "raw", "text"),
    [
        (pa.uint32(), -1, "4294967295"),  # Parquet hands unsigned numbers out as signed ones
        (pa.uint64(), -1, "18446744073709551615"),
        (pa.uint8(), 255, "255"),
        (pa.float16(), b"\x00>", "1.5"),
        (pa.string(), "ü".encode(), "ü"),
        (pa.string(), "x" * 65, None),
        (DAY, 2**31 - 1, None),  # no calendar reaches there
        (SECONDS, 2**62, None),
        (pa.binary(), b"x", None),
        (pa.decimal128(10, 2), b"\x01", None),
        (pa.bool_(), True, None),
        (pa.time32("s"), 1, None),
        (pa.duration("s"), 1, None),
    ],
)
def test_odd_statistics(kind: pa.DataType, raw: object, text: str | None) -> None:
    assert encode_bound(kind, raw) == text


def test_a_file_may_count_in_a_finer_unit_than_the_column() -> None:
    stored = encode_bound(pa.timestamp("ms"), 1_704_067_200_123)
    assert stored == "2024-01-01T00:00:00.123"
    assert decode_bound(SECONDS, stored) == 1_704_067_200
    assert decode_bound(NANOSECONDS, stored) == 1_704_067_200_123_000_000
    assert decode_bound(pa.date64(), str(encode_bound(DAY, 19_723))) == 19_723 * 86_400_000


# --- what people type ----------------------------------------------------------------


@pytest.mark.requirement("S1-12", "S1-58")
@pytest.mark.parametrize(
    "text",
    ["2024-12-31", "20241231", " 2024-12-31 ", date(2024, 12, 31), np.datetime64("2024-12-31")],
)
@pytest.mark.parametrize("kind", TIMES, ids=str)
def test_a_bare_date_as_end_is_the_whole_day(kind: pa.DataType, text: object) -> None:
    start, end = (time_ordinal(kind, text, is_end=is_end) for is_end in (False, True))
    following = time_ordinal(kind, "2025-01-01", is_end=False)
    assert start <= end < following
    if pa.types.is_date(kind):
        assert end == start
    else:
        assert end == following - 1  # the last tick before the next day


@pytest.mark.requirement("S1-12")
@pytest.mark.parametrize(
    "value",
    [
        "2024-06-01T12:00:00Z",
        "2024-06-01T12:00:00",  # without a zone it is UTC
        "2024-06-01T14:00:00+02:00",
        "20240601T120000Z",
        datetime(2024, 6, 1, 12, tzinfo=UTC),
        datetime(2024, 6, 1, 12),  # noqa: DTZ001
        datetime(2024, 6, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2024-06-01T12:00:00Z"),
        np.datetime64("2024-06-01T12:00:00"),
    ],
)
def test_an_instant_is_the_same_however_it_is_typed(value: object) -> None:
    for kind in TIMESTAMPS:
        for is_end in (False, True):
            ticks = time_ordinal(kind, value, is_end=is_end)
            assert (
                array_of(pa.timestamp(kind.unit), [ticks])[0]
                .cast(pa.string())
                .as_py()
                .startswith("2024-06-01 12:00:00")
            )


@pytest.mark.parametrize(
    ("kind", "typed", "start", "end"),
    [
        (DAY, "1970-01-02T06:00:00Z", 2, 1),  # a day counts from its midnight
        (DAY, "1970-01-02T00:00:00Z", 1, 1),
        (pa.date64(), "1970-01-02T06:00:00Z", 172_800_000, 86_400_000),
        (SECONDS, "1970-01-01T00:00:01.5", 2, 1),
        (SECONDS, "1969-12-31T23:59:58.5", -1, -2),
        (NANOSECONDS, "1970-01-01T00:00:00.000000001", 1, 1),
        (NANOSECONDS, "1970-01-01T00:00:00.1234567", 123_456_700, 123_456_700),
        (NANOSECONDS, pd.Timestamp(7), 7, 7),
        (pa.timestamp("us"), "1970-01-01T00:00:00.000000001", 1, 0),
    ],
)
def test_between_two_ticks_an_interval_begins_at_the_later_and_ends_at_the_earlier(
    kind: pa.DataType, typed: object, start: int, end: int
) -> None:
    assert time_ordinal(kind, typed, is_end=False) == start
    assert time_ordinal(kind, typed, is_end=True) == end
    assert ordinals_around(kind, typed) == (end, start)


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "2024-13-01",
        "2024-1-1",
        "2024-12",
        "",
        20241231,
        1.5,
        None,
        b"2024-12-31",
        pd.NaT,
        (),
    ],
)
def test_what_is_no_time_is_refused_in_words(value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        time_ordinal(DAY, value, is_end=False)
    assert refused.value.code == "invalid_time"


def test_the_ends_of_the_calendar_are_no_special_case() -> None:
    for kind in TIMES:
        first, last = (
            time_ordinal(kind, "0001-01-01", is_end=False),
            time_ordinal(kind, "9999-12-31", is_end=True),
        )
        assert first < last
        assert ordinal_scalar(kind, first).type == kind
        assert ordinal_scalar(kind, last).type == kind


@given(st.data(), st.sampled_from([kind for kind in ORDERED if is_time_type(kind)]))
def test_a_scalar_is_the_value_that_its_ordinal_counts(
    data: st.DataObject, kind: pa.DataType
) -> None:
    ticks = data.draw(values_of(kind))
    assert ordinal_scalar(kind, ticks).equals(array_of(kind, [ticks])[0])


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint8(), pa.int64(), pa.uint64(), DAY, NANOSECONDS])
def test_a_scalar_beyond_the_type_is_its_nearest_end(kind: pa.DataType) -> None:
    low, high = ordinal_range(kind)
    assert ordinal_scalar(kind, high + 1).equals(ordinal_scalar(kind, high))
    assert ordinal_scalar(kind, low - 10**30).equals(ordinal_scalar(kind, low))


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), object()])
def test_a_number_column_is_compared_with_numbers_only(value: object) -> None:
    assert ordinals_around(pa.int64(), value) is None
