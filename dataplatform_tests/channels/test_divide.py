from __future__ import annotations

import pytest

from dataplatform.channels.divide import CHANNELS_MAX, divide, name_of
from dataplatform.channels.ports import StoredFile
from opendata.wire.errors import InvalidInput
from opendata.wire.version import parse_version


def parts(paths: list[str], place: str = "s3://lake/photos", **known: str) -> list[str]:
    """The parts as `channel version prefix: number of files`."""
    files = [StoredFile(path, 1, "1") for path in paths]
    version = parse_version(known["version"]) if "version" in known else None
    found = divide(files, place, channel=known.get("channel"), version=version)
    assert all(part.storage_path == f"{place.rstrip('/')}/{part.prefix}" for part in found)
    return [f"{part.channel} {part.version} {part.prefix}: {len(part.files)}" for part in found]


@pytest.mark.requirement("S0-91")
def test_folders_beside_each_other_are_channels() -> None:
    assert parts(["Front Camera/2025/1.jpg", "Front Camera/2025/2.jpg", "lidar/a.las"]) == [
        "front_camera 1.0.0 Front Camera/: 2", "lidar 1.0.0 lidar/: 1",
    ]  # fmt: skip


def test_folders_of_versions_are_versions() -> None:
    assert parts(["image/v1.0.0/a.jpg", "image/v1.2.0/a.jpg"]) == [
        "image 1.0.0 image/v1.0.0/: 1", "image 1.2.0 image/v1.2.0/: 1",
    ]  # fmt: skip
    assert parts(["v1.0.0/a.jpg", "v2.0.0/a.jpg"]) == [
        "photos 1.0.0 v1.0.0/: 1", "photos 2.0.0 v2.0.0/: 1",
    ]  # fmt: skip
    assert parts(["a.jpg"], "s3://lake/image_original/v1.2.0/") == ["image_original 1.2.0 : 1"]


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(["2025/06/a.jpg", "2026/01/a.jpg"], id="years"),
        pytest.param(["camera=a/1.jpg", "camera=b/1.jpg"], id="keys"),
        pytest.param(["a/1.jpg", "2.jpg"], id="a file beside folders"),
        pytest.param(["A b/1.jpg", "a_b/1.jpg"], id="folders of one name"),
        pytest.param([f"vehicle{n}/1.jpg" for n in range(CHANNELS_MAX + 1)], id="too many"),
        pytest.param(["图/1.jpg"], id="no name for a channel"),
    ],
)
def test_folders_that_are_no_channels_are_part_of_one(paths: list[str]) -> None:
    assert parts(paths) == [f"photos 1.0.0 : {len(paths)}"]


def test_a_name_makes_one_channel_of_all_and_a_version_is_everybodys() -> None:
    paths = ["front/1.jpg", "rear/1.jpg"]
    assert parts(paths, channel="cameras") == ["cameras 1.0.0 : 2"]
    assert parts(paths, version="2.1.0") == ["front 2.1.0 front/: 1", "rear 2.1.0 rear/: 1"]
    assert parts(["v1.0.0/a"], channel="x", version="2.0.0") == ["x 2.0.0 : 1"]


def test_a_place_that_names_nothing_asks_for_a_name() -> None:
    with pytest.raises(InvalidInput, match="no name") as caught:
        parts(["1.jpg"], "/")
    assert caught.value.hint == "add --channel NAME"


def test_names_come_as_near_as_they_can() -> None:
    assert name_of("  Image (Original) 2 ") == "image_original_2"
    assert name_of("---") == ""
    assert len(name_of("x" * 100)) == 64
