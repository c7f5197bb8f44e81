"""Volumes as documents write them, and byte counts that a declared one stands for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.bundles.volume import is_volume, stands_for, volume_text
from opendata.wire.errors import InvalidInput

pytestmark = pytest.mark.requirement("S0-24", "S0-33", "S0-35", "B16")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0B"),
        (999, "999B"),
        (1_000, "1kB"),
        (1_500, "1.5kB"),
        (800 * 10**9, "800GB"),
        (12 * 10**11, "1.2TB"),
        (25 * 10**11, "2.5TB"),
        (999_960, "1MB"),
        (10**21, "1000EB"),
    ],
)
def test_how_a_volume_is_written(count: int, text: str) -> None:
    assert volume_text(count) == text


@given(st.integers(0, 10**21))
def test_what_is_written_stands_for_what_was_counted(count: int) -> None:
    assert stands_for(volume_text(count), count)


@given(st.integers(10**6, 10**15), st.sampled_from([-1, 1]))
def test_what_is_one_in_ten_off_is_not_what_was_declared(count: int, sign: int) -> None:
    assert not stands_for(volume_text(count), count + sign * count // 10)


def test_units_are_read_in_any_case_and_binary_ones_too() -> None:
    assert stands_for("2.5 tb", 25 * 10**11)
    assert stands_for("1KiB", 1024)
    assert not stands_for("1KiB", 900)
    assert stands_for("1.20TB", 1_200_000_000_000)
    assert not stands_for("1.20TB", 1_210_000_000_000)
    for text in ("2.5", "TB", "-1TB", "1e3GB", "two TB", ""):
        assert not is_volume(text)
        with pytest.raises(InvalidInput, match="no volume"):
            stands_for(text, 1)
