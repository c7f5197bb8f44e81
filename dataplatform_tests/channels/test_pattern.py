"""What patterns make of paths."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform.channels.pattern import Match, PathPattern, microseconds
from dataplatform.channels.pattern_text import PatternFault
from opendata.wire.errors import InvalidInput

DOCUMENT = "{year}/{month}/{day}/{hour}/{camera_id}_{sequence:d}.jpg"


def at(*parts: int) -> int:
    """Microseconds of a time in UTC."""
    year, month, day, *clock = parts
    return microseconds(datetime(year, month, day, *clock, tzinfo=UTC))  # type: ignore[misc, arg-type]


@pytest.mark.requirement("S0-46", "S0-49", "S0-51")
@pytest.mark.parametrize(
    ("pattern", "path", "instant", "fields"),
    [
        (
            DOCUMENT,
            "2025/06/01/12/front_001.jpg",
            at(2025, 6, 1, 12),
            {"camera_id": "front", "sequence": "001"},
        ),
        (
            DOCUMENT,
            "2025/6/1/9/front_left_7.jpg",
            at(2025, 6, 1, 9),
            {"camera_id": "front_left", "sequence": "7"},
        ),
        ("%Y/%m/%d/%H/*.jpg", "2025/06/01/12/x.jpg", at(2025, 6, 1, 12), {}),
        (
            "%F/%Y%m%d_%H%M%S_%f.png",
            "2025-06-01/20250601_120102_5.png",
            at(2025, 6, 1, 12, 1, 2, 500_000),
            {},
        ),
        ("{year}{day_of_year}/{n}.bin", "2024366/a.bin", at(2024, 12, 31), {"n": "a"}),
        ("**/{cam}/{epoch}.bin", "a/b/left/1748779200.bin", at(2025, 6, 1, 12), {"cam": "left"}),
        (
            "**/{cam}/{epoch}.bin",
            "left/1748779200123.bin",
            at(2025, 6, 1, 12, 0, 0, 123_000),
            {"cam": "left"},
        ),
        ("{epoch}.bin", "1748779200123456789.bin", at(2025, 6, 1, 12, 0, 0, 123_456), {}),
        ("%y-%m-%d.csv", "99-01-02.csv", at(1999, 1, 2), {}),
        ("%y-%m-%d.csv", "25-01-02.csv", at(2025, 1, 2), {}),
        ("date={year}-{month}-{day}/hour=%H/*", "date=2025-06-01/hour=3/x", at(2025, 6, 1, 3), {}),
        ("{year}/x_{year}.csv", "2025/x_2025.csv", at(2025, 1, 1), {}),
        ("{a}?.txt", "xy.txt", None, {"a": "x"}),
        ("100%%/{{x}}/{a}.txt", "100%/{x}/q.txt", None, {"a": "q"}),
        ("**", "any/thing at all", None, {}),
    ],
)
def test_a_path_tells_its_time_and_fields(
    pattern: str, path: str, instant: int | None, fields: dict[str, str]
) -> None:
    assert PathPattern(pattern).match(path) == Match(instant, fields)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (DOCUMENT, "2025/06/01/12/front.jpg"),
        (DOCUMENT, "2025/06/01/12/front_001.png"),
        (DOCUMENT, "x/2025/06/01/12/front_001.jpg"),
        (DOCUMENT, "2025/06/01/12/sub/front_001.jpg"),
        (DOCUMENT, "٢٠٢٥/06/01/12/front_001.jpg"),
        ("{year}/x_{year}.csv", "2025/x_2024.csv"),
        ("{a}.txt", "A.TXT"),
    ],
)
def test_other_paths_do_not_match(pattern: str, path: str) -> None:
    assert PathPattern(pattern).match(path) is None


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("{a}{b}.jpg", 3),
        ("x/*{b}", 3),
        ("{a:d}{b:d}", 5),
        ("{hour}/{n}.jpg", 0),
        ("{year}/{day}/{n}", 0),
        ("{year}{month}{day_of_year}", 13),
        ("{year}/{epoch}", 7),
        ("a/{stem}.jpg", 2),
        ("a/{x y}", 2),
        ("a/{}", 2),
        ("{year:4d}", 0),
        ("a%Q", 1),
        ("a/{b", 2),
        ("a}", 1),
        ("a%", 1),
        ("/a", 0),
        ("a/b/", 3),
        ("{a}_{b}_{c}_{d}_{e}", 0),
        ("**/x/**/y/**/z/**/{a}.jpg", 15),
        ("**x**x**x.jpg", 6),
        ("**x**/*a*a*a*b", 0),
    ],
)
def test_what_is_ambiguous_is_refused_where_it_stands(text: str, offset: int) -> None:
    with pytest.raises(PatternFault) as caught:
        PathPattern(text)
    assert caught.value.offset == offset
    assert caught.value.message


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("**/{camera}_{part}_{n:d}.jpg", "a/b/front_left_7.jpg"),
        ("**/raw/**/{camera}_{n:d}.jpg", "a/raw/b/front_7.jpg"),
        ("{a}_{b}_{c}/**", "1_2_3/4/5"),
    ],
)
def test_folders_of_any_depth_stand_beside_names_of_several_parts(text: str, path: str) -> None:
    assert PathPattern(text).match(path)


def test_a_path_that_matches_in_two_ways_is_refused() -> None:
    pattern = PathPattern("{camera}_{part}.jpg")
    assert pattern.match("front_1.jpg") == Match(None, {"camera": "front", "part": "1"})
    with pytest.raises(InvalidInput) as caught:
        pattern.match("front_left_1.jpg")
    assert caught.value.code == "ambiguous_path"


@pytest.mark.parametrize("path", ["2025/02/30/a", "2025/13/01/a", "2025/00/10/a", "0000/01/01/a"])
def test_days_that_no_calendar_has_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PathPattern("{year}/{month}/{day}/*").match(path)
    assert caught.value.code == "bad_time"


def test_a_time_zone_is_taken_into_account() -> None:
    pattern = PathPattern("%Y-%m-%dT%H%M.bin", "Europe/Berlin")
    assert pattern.match("2025-06-01T1400.bin") == Match(at(2025, 6, 1, 12), {})
    assert pattern.match("2025-12-01T1400.bin") == Match(at(2025, 12, 1, 13), {})
    # An hour that is there twice is the first of them; one that was skipped is none.
    assert pattern.match("2025-10-26T0230.bin") == Match(at(2025, 10, 26, 0, 30), {})
    with pytest.raises(InvalidInput):
        pattern.match("2025-03-30T0230.bin")


@settings(max_examples=200)
@given(
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31)),  # noqa: DTZ001 - made aware below
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.integers(0, 10**6),
)
def test_what_is_written_by_a_pattern_is_read_by_it(
    moment: datetime, camera: str, number: int
) -> None:
    pattern = PathPattern("%Y/%m/%d/%H/{camera}_%M%S%f_{number:d}.jpg")
    stamp = moment.strftime("%m/%d/%H/") + f"{camera}_" + moment.strftime("%M%S%f")
    found = pattern.match(f"{moment.year:04d}/{stamp}_{number}.jpg")
    elapsed = moment - datetime(1970, 1, 1)  # noqa: DTZ001 - both are naive
    assert found == Match(
        elapsed // timedelta(microseconds=1), {"camera": camera, "number": str(number)}
    )


def test_matching_hostile_names_ends() -> None:
    pattern = PathPattern("{a}_{b}_{c}_{d}.jpg")
    # Cubic in the length of a name, which has 255 characters at most; it ends.
    assert pattern.match("_" * 250 + "x") is None
