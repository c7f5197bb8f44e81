from __future__ import annotations

from typing import Any

import pytest
from PIL.ExifTags import Base

from dataplatform.adapters.metadata_readers.opening import open_readers
from dataplatform.channels.survey import Surveyed, SurveyRequest, survey_lake
from dataplatform_tests.adapters.metadata_readers.images import image
from dataplatform_tests.fakes.channel_files import FakeChannelFiles
from opendata.wire.errors import NotFound

PHOTO = image(tags={Base.Model: "Q3"}, exif={Base.DateTimeOriginal: "2025:06:01 12:00:00"})
PLAIN = image()


def survey(files: dict[str, bytes], **request: Any) -> Surveyed:
    """The only channel of a lake."""
    place = FakeChannelFiles(files)
    found = survey_lake(place, "s3://lake/photos", SurveyRequest(**request), open_readers)
    assert len(found) == 1
    assert place.hashed == []  # a survey reads the heads of a few files
    return found[0]


@pytest.mark.requirement("S0-51", "S0-91")
def test_paths_by_the_convention_need_no_pattern() -> None:
    found = survey({f"2025/06/01/12/img_{n:03d}.bin": b"x" for n in range(9)})
    assert (found.pattern.path, found.time_from, found.undated) == (None, "path", 0)
    assert found.first == found.last == 1_748_779_200_000_000


def test_folders_above_the_convention_become_metadata() -> None:
    found = survey({f"site{n % 25:02d}/2025/06/01/{n % 24:02d}/a_{n}.bin": b"x" for n in range(90)})
    assert found.pattern.path is not None
    assert found.pattern.path.startswith("{group}/{year}/{month}/{day}/{hour}/")
    assert (found.unmatched, found.undated) == (0, 0)


def test_a_name_that_tells_more_than_the_convention_gets_a_pattern() -> None:
    found = survey({f"2025/06/01/12/c_20250601T12{n:02d}00Z.bin": b"x" for n in range(9)})
    assert found.pattern.path is not None
    assert "{second}" in found.pattern.path
    assert found.last is not None
    assert found.first is not None
    assert found.last - found.first == 8 * 60_000_000


def test_photographs_without_a_time_in_their_paths_are_dated_by_exif() -> None:
    found = survey({f"holiday {n}.jpg": PHOTO for n in range(5)})
    assert (found.pattern.exif, found.time_from) == (True, "exif")
    assert found.pattern.path is None  # a pattern that tells nothing is left out


def test_images_that_say_nothing_of_themselves_are_not_asked() -> None:
    assert not survey({f"{n}.jpg": PLAIN for n in range(5)}).pattern.exif


def test_a_path_that_tells_the_minute_goes_before_a_cameras_clock() -> None:
    found = survey({f"20250601_12{n:02d}00.jpg": PHOTO for n in range(5)})
    assert found.pattern.exif
    assert found.pattern.timestamp == ("path", "sidecar", "exif")
    assert found.time_from == "path"


@pytest.mark.parametrize(
    ("ending", "template"), [(".json", "{stem}.json"), (".jpg.json", "{name}.json")]
)
def test_json_beside_files_is_their_sidecar(ending: str, template: str) -> None:
    files = {f"a/{n}.jpg": PLAIN for n in range(4)}
    files |= {f"a/{n}{ending}": b'{"timestamp": "2025-06-01"}' for n in range(3)}
    found = survey(files)
    assert (found.pattern.sidecar, found.files, found.sidecars) == (template, 4, 3)
    assert found.time_from == "sidecar"


def test_json_alone_is_data() -> None:
    found = survey({f"a/{n}.json": b"{}" for n in range(3)})
    assert (found.pattern.sidecar, found.files) == (None, 3)


def test_damage_is_left_for_indexing_to_name() -> None:
    files = {f"{n}.jpg": PHOTO[:40] for n in range(4)} | {f"{n}.json": b"{" for n in range(4)}
    found = survey(files)
    assert (found.time_from, found.pattern.sidecar) == (None, "{stem}.json")


@pytest.mark.requirement("S0-91")
def test_what_does_not_match_is_counted_with_examples() -> None:
    files = {f"20250601_12{n:02d}00.bin": b"x" for n in range(10)}
    strangers = {"README.md": b"x", "Thumbs.db": b"x"}
    found = survey(files | strangers)
    assert (found.files, found.unmatched, found.matched) == (12, 2, 10)
    assert set(found.examples) == set(strangers)
    assert found.pattern.unmatched == "fail"
    assert survey(files | strangers, ignore_unmatched=True).pattern.unmatched == "ignore"


def test_a_pattern_that_is_given_says_what_folders_mean() -> None:
    found = survey({"front/a_7.bin": b"x"}, path="{camera_id}/{name_of}_{number:d}.bin")
    assert found.pattern.path == "{camera_id}/{name_of}_{number:d}.bin"
    assert found.unmatched == 0


def test_an_empty_lake_is_told() -> None:
    with pytest.raises(NotFound, match="no files"):
        survey({})
