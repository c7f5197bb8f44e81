from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.channels.guess import guess_pattern, is_part_of_time
from dataplatform.channels.pattern import PathPattern
from dataplatform.channels.told import microseconds

START = datetime(2025, 5, 30, 22, 0, 0, tzinfo=UTC)
MOMENTS = [START + timedelta(minutes=7 * number, seconds=number) for number in range(40)]


def at(moments: list[datetime], form: str) -> list[str]:
    """One path for each moment; `#` is a number, `@` a letter."""
    return [
        f"{moment:{form}}".replace("#", f"{number:03d}").replace("@", "abc"[number % 3])
        for number, moment in enumerate(moments)
    ]


@pytest.mark.requirement("S0-91")
@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("%Y/%m/%d/%H/img_#.jpg", "{year}/{month}/{day}/{hour}/img_{sequence:d}.jpg"),
        ("%Y%m%d_%H%M%S_#.jpg", "{year}{month}{day}_{hour}{minute}{second}_{sequence:d}.jpg"),
        (
            "%Y/%m/%d/cam_@_%Y%m%dT%H%M%SZ.png",
            "{year}/{month}/{day}/cam_{part}_{year}{month}{day}T{hour}{minute}{second}Z.png",
        ),
        ("dt=%Y-%m-%d/hour=%H/part-#.parquet",
         "dt={year}-{month}-{day}/hour={hour}/part-{sequence:d}.parquet"),
        (
            "year=%Y/month=%m/camera=@/#.bin",
            "year={year}/month={month}/camera={camera}/{sequence:d}.bin",
        ),
        ("@/%Y-%m-%d/#.tif", "{group}/{year}-{month}-{day}/{sequence:d}.tif"),
        ("site @/%Y-%m-%dT%H:%M:%S.csv",
         "{group}/{year}-{month}-{day}T{hour}:{minute}:{second}.csv"),
        ("%Y/%j/granule.#.nc", "{year}/{day_of_year}/granule.{sequence:d}.nc"),
        ("@/%s.bin", "{group}/{epoch}.bin"),
        ("photo #.jpg", "photo {sequence:d}.jpg"),
        ("a{{#}}%%.txt", "a{{{sequence:d}}}%%.txt"),
    ],
)  # fmt: skip
def test_paths_of_the_usual_kinds_are_recognised(form: str, pattern: str) -> None:
    paths = at(MOMENTS, form.replace("{{", "{").replace("}}", "}"))
    guess = guess_pattern(paths)
    assert guess is not None
    assert (guess.pattern, guess.matched, guess.asked) == (pattern, 40, 40)


DAYS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
FOLDERS = st.sampled_from(["", "%Y/%m/%d/", "%Y/%m/%d/%H/", "day=%Y-%m-%d/", "@/", "@/%Y-%m-%d/"])
NAMES = st.sampled_from(
    ["%Y%m%d_%H%M%S", "%Y-%m-%dT%H-%M-%S", "#_%Y%m%d%H%M%S", "@-%Y%m%dT%H%M%SZ"]
)


@given(
    FOLDERS, NAMES, st.sampled_from([".jpg", ".tar.gz", ""]),
    st.lists(DAYS, min_size=2, max_size=30, unique=True),
)  # fmt: skip
def test_a_time_that_stands_in_a_name_is_told_to_the_second(
    folders: str, name: str, ending: str, moments: list[datetime]
) -> None:
    exact = [moment.replace(microsecond=0, tzinfo=UTC) for moment in moments]
    paths = at(exact, folders + name + ending)
    guess = guess_pattern(paths)
    assert guess is not None
    assert guess.matched == len(paths)
    pattern = PathPattern(guess.pattern)
    assert [told.timestamp for path in paths if (told := pattern.match(path))] == [
        microseconds(moment) for moment in exact
    ]


def test_folders_that_contradict_the_names_are_passed_over() -> None:
    paths = [f"2025/06/{day:02d}/img_202506{day + 1:02d}_103000.jpg" for day in range(1, 9)]
    guess = guess_pattern(paths)
    assert guess is not None
    assert guess.pattern == "*/*/*/img_{year}{month}{day}_{hour}{minute}{second}.jpg"


def test_files_at_several_depths_are_told_by_their_names() -> None:
    paths = [f"{'x/' * (number % 3)}a_{number}.jpg" for number in range(9)]
    guess = guess_pattern(paths)
    assert guess is not None
    assert (guess.pattern, guess.matched) == ("**/a_{sequence:d}.jpg", 9)


def test_what_matches_is_counted() -> None:
    paths = [f"2025/06/01/{number}.jpg" for number in range(8)] + ["README", "thumbs/x y.db"]
    guess = guess_pattern(paths)
    assert guess is not None
    assert (guess.matched, guess.asked, guess.finest) == (8, 10, "day")


def test_digits_that_are_no_date_are_no_time() -> None:
    guess = guess_pattern([f"2025134{number}_{number}.jpg" for number in range(9)])
    assert guess is not None
    assert guess.finest is None


@pytest.mark.parametrize(
    "folder", ["2025", "2025-06-01", "20250601", "year=2025", "dt=2025-06-01", "camera=front"]
)
def test_a_folder_that_is_a_part_of_time_names_no_channel(folder: str) -> None:
    assert is_part_of_time(folder)


@pytest.mark.parametrize("folder", ["images", "1", "v1.0.0", "2025a", "1234"])
def test_others_may(folder: str) -> None:
    assert not is_part_of_time(folder)


@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_any_paths_give_a_pattern_that_is_one_or_none(paths: list[str]) -> None:
    guess = guess_pattern(paths)
    if guess is not None:
        PathPattern(guess.pattern)
        assert 0 < guess.matched <= guess.asked == len(paths)
