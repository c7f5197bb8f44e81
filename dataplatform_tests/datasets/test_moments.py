"""Dates and times as people type them for the interval of a run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dataplatform.datasets.moments import parse_end, parse_interval, parse_start
from opendata.wire.errors import InvalidInput


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.requirement("S1-12", "S1-58")
@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024-01-31", at(2024, 1, 31), at(2024, 1, 31, 23, 59, 59, 999999)),
        (" 2024-01-31 ", at(2024, 1, 31), at(2024, 1, 31, 23, 59, 59, 999999)),
        ("2024-01-31T06:30", at(2024, 1, 31, 6, 30), at(2024, 1, 31, 6, 30)),
        ("2024-01-31T06:30:00Z", at(2024, 1, 31, 6, 30), at(2024, 1, 31, 6, 30)),
        ("2024-01-31T06:30:00+02:00", at(2024, 1, 31, 4, 30), at(2024, 1, 31, 4, 30)),
    ],
)
def test_a_bare_date_is_the_whole_day_and_a_time_is_itself(
    text: str, start: datetime, end: datetime
) -> None:
    assert (parse_start(text), parse_end(text)) == (start, end)


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01", "31.01.2024", "1e400", "٢٠٢٤"])
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no date") as refused:
        parse_start(text)
    assert "2024-01-31" in str(refused.value.hint)


def test_an_interval_is_open_where_nothing_is_said() -> None:
    assert parse_interval(None, None) == (None, None)
    assert parse_interval("2024-01-01", None) == (at(2024, 1, 1), None)
    assert parse_interval(None, "2024-01-01")[0] is None


def test_one_day_is_an_interval() -> None:
    start_at, end_at = parse_interval("2024-01-01", "2024-01-01")
    assert start_at is not None
    assert end_at is not None
    assert start_at < end_at


def test_an_interval_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidInput, match="before it starts"):
        parse_interval("2024-02-01", "2024-01-31")
