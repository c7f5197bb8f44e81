"""Versions: three numbers, compared as numbers, moved by bumps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendata.wire.errors import InvalidInput
from opendata.wire.version import FIRST_VERSION, Bump, Version, parse_version

NUMBERS = st.integers(0, 999_999_999)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS)
MOVES = st.sampled_from([Bump.PATCH, Bump.MINOR, Bump.MAJOR])


@pytest.mark.requirement("S4-3", "S4-7", "B3")
@pytest.mark.parametrize(
    ("text", "stored"), [("1.2.3", "1.2.3"), ("v1.2.3", "1.2.3"), ("0.0.0", "0.0.0")]
)
def test_a_leading_v_is_read_and_never_stored(text: str, stored: str) -> None:
    assert str(parse_version(text)) == stored


@pytest.mark.requirement("S4-3", "B3")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "01.2.3",
        "1.02.3",
        "-1.2.3",
        "1.2.3-rc1",
        "1.2.3+build",
        "1.0.0-2025.25",  # a bundle's version, which is not compared as one
        "V1.2.3",
        "vv1.2.3",
        " 1.2.3",
        "1.2.3\n",
        "1.2.x",
        "١.٢.٣",
        "1.2.1000000000",
    ],
)
def test_anything_but_three_numbers_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_version(text)
    assert refused.value.code == "invalid_version"


def test_a_number_is_no_version() -> None:
    with pytest.raises(InvalidInput):
        parse_version(1.1)  # type: ignore[arg-type]


@pytest.mark.requirement("S4-12")
@given(VERSIONS, VERSIONS)
def test_versions_compare_number_by_number(one: Version, other: Version) -> None:
    numbers = [(v.major, v.minor, v.patch) for v in (one, other)]
    assert (one < other) == (numbers[0] < numbers[1])
    assert (one == other) == (numbers[0] == numbers[1])


@pytest.mark.requirement("S4-12")
def test_ten_comes_after_nine() -> None:
    assert parse_version("1.10.0") > parse_version("1.9.9")


@given(VERSIONS)
def test_a_version_survives_its_own_text(version: Version) -> None:
    assert parse_version(str(version)) == version


@pytest.mark.requirement("S4-15", "S4-16")
@pytest.mark.parametrize(
    ("bump", "after"),
    [
        (Bump.NONE, "1.2.3"),
        (Bump.PATCH, "1.2.4"),
        (Bump.MINOR, "1.3.0"),
        (Bump.MAJOR, "2.0.0"),
    ],
)
def test_a_bump_moves_its_number_and_clears_what_follows(bump: Bump, after: str) -> None:
    assert str(Version(1, 2, 3).bumped(bump)) == after


@given(VERSIONS, MOVES, MOVES)
def test_a_larger_bump_never_leads_to_a_smaller_version(
    version: Version, one: Bump, other: Bump
) -> None:
    assert version.bumped(one) > version
    if one <= other:
        assert version.bumped(one) <= version.bumped(other)


def test_the_larger_of_two_bumps_wins_and_has_a_name() -> None:
    assert str(max(Bump.PATCH, Bump.MINOR)) == "minor"
    assert str(FIRST_VERSION) == "1.0.0"
