"""What a cadence asks for over a range of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.bundles.watch.expected import Cadence, Grid, cadence, hours_of
from dataplatform.bundles.watch.measured import Spans
from dataplatform.channels.spec import Expected
from opendata.wire.bundle import DataRange
from opendata.wire.times import format_instant

LATE = datetime(2100, 1, 1, tzinfo=UTC)


def asked(every: str, count: int, start: str, end: str, now: datetime = LATE) -> Cadence:
    expected = Expected.model_validate({"every": every, "count": count})
    return cadence(expected, DataRange(start_time=start, end_time=end), now)


def counts(found: Cadence) -> list[int]:
    assert found.grid is not None
    assert found.grid.expected is not None
    return found.grid.expected.tolist()


def test_the_document_s_range_has_fifteen_days_of_hours() -> None:
    found = counts(asked("1h", 139, "2025-06-01T00:00:00Z", "2025-06-15T23:59:59Z"))
    assert (len(found), set(found)) == (360, {139})


def test_a_cadence_stands_on_the_clock_and_a_part_of_a_span_is_expected_in_part() -> None:
    found = asked("1h", 60, "2025-06-01T00:30:00Z", "2025-06-01T02:14:59Z")
    assert counts(found) == [30, 60, 15]
    assert found.grid is not None
    assert format_instant(found.grid.start(0)) == "2025-06-01T00:00:00Z"


def test_an_end_on_the_hour_adds_no_hour() -> None:
    assert counts(asked("1h", 6, "2025-06-01T00:00:00Z", "2025-06-01T02:00:00Z")) == [6, 6, 0]


def test_a_cadence_that_goes_into_no_day_begins_with_the_range() -> None:
    found = asked("1w", 1, "2025-06-02T00:00:00Z", "2025-06-15T23:59:59Z")
    assert counts(found) == [1, 1]


def test_nothing_is_expected_of_the_future() -> None:
    now = datetime(2025, 6, 1, 1, 59, 59, tzinfo=UTC)
    assert counts(asked("1h", 6, "2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z", now)) == [6, 6]


def test_a_range_of_too_many_spans_is_unknown() -> None:
    found = asked("1s", 1, "1970-01-01T00:00:00Z", "2070-01-01T00:00:00Z")
    assert found.grid is None
    assert "at most 5,000,000" in str(found.reason)


@given(
    offset=st.integers(0, 5 * 365 * 86_400),
    seconds=st.integers(0, 10 * 86_400),
    every=st.sampled_from(["10m", "1h", "7h", "1d", "3d"]),
    count=st.integers(0, 1_000),
)
def test_spans_cover_the_range_and_nobody_is_asked_for_more_than_its_share(
    offset: int, seconds: int, every: str, count: int
) -> None:
    first = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=offset)
    last = first + timedelta(seconds=seconds)
    found = asked(every, count, format_instant(first), format_instant(last))
    assert found.grid is not None
    numbers = np.asarray(counts(found))
    assert found.grid.start(0) <= first
    assert found.grid.start(found.grid.count) > last
    assert numbers.min() >= 0
    assert numbers.max() <= count
    length = timedelta(microseconds=found.grid.length)
    share = (seconds + 1e-6) / length.total_seconds() * count
    assert abs(float(numbers.sum()) - share) <= 1.01  # two ends are rounded


def test_hours_cover_what_is_there() -> None:
    low, high = 5_000_000_000, 9_000_000_000
    grid = hours_of(low, high)
    assert grid.place(np.array([low, high])).tolist() == [0, grid.count - 1]
    century = 100 * 365 * 86_400 * 1_000_000
    assert hours_of(-(10**6) * century, century).count <= 5_000_001


def test_short_spans_are_shown_by_the_hour_without_making_up_for_one_another() -> None:
    ten = 600_000_000
    first = 3_600_000_000 + 3 * ten  # begins at half past
    expected = np.full(5, 2, np.int64)
    intact = np.array([2, 2, 5, 0, 2], np.int64)
    spans = Spans(Grid(first, ten, 5, expected), intact, intact, intact).by_hour()
    assert [(one.start[11:16], one.expected, one.intact) for one in spans] == [
        ("01:00", 6, 6),
        ("02:00", 4, 2),
    ]


@pytest.mark.parametrize("side", ["start_time", "end_time"])
def test_an_open_range_says_which_side_is_missing(side: str) -> None:
    held = {"start_time": "2025-06-01T00:00:00Z", "end_time": "2025-06-02T00:00:00Z", side: None}
    expected = Expected.model_validate({"every": "1h", "count": 1})
    assert f"no {side[:-5]}" in str(cadence(expected, DataRange(**held), LATE).reason)
