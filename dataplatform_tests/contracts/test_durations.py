"""Lengths of time: what people write, and the shortest way to write it back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.contracts.duration import duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("30m", 1_800), ("30min", 1_800), ("24h", 86_400), ("7d", 604_800),
        ("2w", 1_209_600), ("1h30m", 5_400), ("1d 12h", 129_600), (" 5 M ", 300), ("0s", 0),
    ],
)  # fmt: skip
def test_durations_are_numbers_with_units(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "7", "d", "7 days", "1y", "3mo", "1.5h", "-1h", "1h,", "h1", "1h x", "٣h"]
)
def test_anything_else_is_refused_with_the_shape(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90s, 30m, 24h or 7d"):
        parse_duration(text)


def test_a_length_beyond_all_calendars_is_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        parse_duration("999999999w")


@pytest.mark.parametrize(
    ("text", "shortest"), [("24h", "1d"), ("90m", "1h30m"), ("2w", "14d"), ("0s", "0s")]
)
def test_the_shortest_spelling_is_stored(text: str, shortest: str) -> None:
    assert duration_text(parse_duration(text)) == shortest


@given(st.integers(0, 10**9))
def test_a_duration_survives_its_own_text(seconds: int) -> None:
    assert parse_duration(duration_text(timedelta(seconds=seconds))).total_seconds() == seconds
