"""`od bundle adopt` on lakes of three shapes, with real files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL.ExifTags import Base

from dataplatform_tests.adapters.metadata_readers.images import image
from dataplatform_tests.cli.shell import Answer, od
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.stores import open_store


def photographs(lake: Path) -> None:
    """Two cameras by hour, with the second in EXIF."""
    for camera in ("front", "rear"):
        for number in range(6):
            photo = image(
                tags={Base.Model: "Q3"},
                exif={Base.DateTimeOriginal: f"2025:06:01 1{number % 2}:00:{number:02d}"},
                colour=(number, 0, len(camera)),
            )
            put(lake / f"{camera}/2025/06/01/1{number % 2}/img_{number:03d}.jpg", photo)


def scans(lake: Path) -> None:
    """Dates in names, and a sidecar beside each."""
    for number in range(8):
        put(lake / f"scan_2025-06-0{number + 1}_{number:04d}.tif", image("tiff"))
        put(lake / f"scan_2025-06-0{number + 1}_{number:04d}.json", b'{"operator": "kim"}')


def tables(lake: Path) -> None:
    """Folders that are called by their keys."""
    for number in range(8):
        put(lake / f"region=eu/day=2025-06-0{number + 1}/part-{number}.bin", b"%d" % number)


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def adopt(*words: str) -> Answer:
    return od("bundle", "adopt", "lake", "--into", "specs", *words)


def rows_of(project: Path, channel: str) -> list[dict[str, Any]]:
    store = project / ".opendata" / "store"
    return pq.read_table(store / "channels" / channel / "v1.0.0" / "index.parquet").to_pylist()


def all_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.requirement("S0-90", "S0-91", "S0-92")
def test_photographs_by_camera_become_two_channels_and_a_bundle(project: Path) -> None:
    photographs(project / "lake")
    answer = adopt("--json")
    assert answer.code == 0, answer.err
    told = answer.json
    assert [(one["channel"], one["total_files"], one["settled"]) for one in told["indexed"]] == [
        ("front", 6, True), ("rear", 6, True),
    ]  # fmt: skip
    assert all_files(project / "specs") == {
        "channels/front/spec-1.0.0.yaml", "channels/rear/spec-1.0.0.yaml",
        "bundles/snapshot/lake-v1.0.0.yaml",
    }  # fmt: skip
    rows = rows_of(project, "front")
    assert [row["timestamp"].second for row in rows] == [0, 2, 4, 1, 3, 5]  # by hour, then EXIF
    assert {json.loads(row["metadata"])["camera_model"] for row in rows} == {"Q3"}


def test_several_cameras_are_one_channel_where_it_is_named(project: Path) -> None:
    photographs(project / "lake")
    told = adopt("--channel", "cameras", "--json").json
    assert [(one["channel"], one["total_files"]) for one in told["indexed"]] == [("cameras", 12)]


def test_scans_are_dated_by_their_names_and_described_by_their_sidecars(project: Path) -> None:
    scans(project / "lake")
    assert adopt().code == 0
    rows = rows_of(project, "lake")
    assert [f"{row['timestamp']:%Y-%m-%d}" for row in rows] == [
        f"2025-06-0{n}" for n in range(1, 9)
    ]
    assert json.loads(rows[0]["metadata"]) == {"operator": "kim", "sequence": "0000"}


def test_keys_in_folders_become_metadata(project: Path) -> None:
    tables(project / "lake")
    assert adopt().code == 0
    rows = rows_of(project, "lake")
    assert [f"{row['timestamp']:%d}" for row in rows] == [f"0{n}" for n in range(1, 9)]
    spec = (project / "specs/channels/lake/spec-1.0.0.yaml").read_text()
    assert "region=eu/day={year}-{month}-{day}/part-{sequence:d}.bin" in spec
    assert "expected: {count: 8}" in spec


def test_a_dry_run_shows_the_plan_and_the_texts_and_writes_nothing(project: Path) -> None:
    scans(project / "lake")
    before = all_files(project)
    answer = adopt("--dry-run")
    assert answer.code == 0
    assert all_files(project) == before
    for shown in ("8 sidecars", "scan_{year}-{month}-{day}_{sequence:d}.tif", "--- channels/lake/"):
        assert shown in answer.out


def test_the_same_again_changes_nothing(project: Path) -> None:
    scans(project / "lake")
    adopt()
    specs = project / "specs"
    before = {path: os.stat(specs / path).st_mtime_ns for path in all_files(specs)}
    answer = adopt()
    assert answer.code == 0
    assert "as before" in answer.out
    assert before == {path: os.stat(specs / path).st_mtime_ns for path in all_files(specs)}


def test_what_a_steward_has_written_is_not_overwritten(project: Path) -> None:
    scans(project / "lake")
    spec = project / "specs/channels/lake/spec-1.0.0.yaml"
    put(spec, b"channel: lake\n")
    answer = adopt()
    assert answer.code == 5
    assert "says something else; nothing was changed" in answer.err
    assert "--version" in answer.err
    assert spec.read_bytes() == b"channel: lake\n"
    assert not (project / ".opendata/store/channels").exists()
    assert adopt("--version", "1.1.0").code == 0
    assert spec.read_bytes() == b"channel: lake\n"


def test_a_channel_that_is_indexed_from_elsewhere_stays(project: Path) -> None:
    scans(project / "lake")
    scans(project / "other")
    assert adopt("--channel", "scans").code == 0
    answer = od("bundle", "adopt", "other", "--into", "more", "--channel", "scans")
    assert answer.code == 5
    assert "is indexed already, from" in answer.err
    assert not (project / "more").exists()


@pytest.mark.requirement("S0-91")
def test_a_lake_of_which_half_does_not_match_is_told_with_examples(project: Path) -> None:
    scans(project / "lake")
    for name in "abcdefg":
        put(project / f"lake/notes {name} of somebody.txt", b"x")
    answer = adopt("--json")
    assert answer.code == 6
    assert "7 of the 15 files of lake do not match" in answer.err
    assert "notes a of somebody.txt" in answer.err
    assert not (project / "specs").exists()
    adopted = adopt("--ignore-unmatched", "--json")
    assert adopted.code == 0, adopted.err
    assert adopted.json["indexed"][0]["total_files"] == 8
    assert "unmatched" in (project / "specs/channels/lake/spec-1.0.0.yaml").read_text()


def test_specs_that_cannot_be_indexed_are_not_left_behind(project: Path) -> None:
    scans(project / "lake")
    put(project / "lake/scan_2025-06-01_0000.json", b"{")
    answer = adopt()
    assert answer.code == 6
    assert "cannot be used" in answer.err
    assert not (project / "specs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pattern", "{year}{year"], "--pattern, character"),
        (["--channel", "No Name"], "is no channel"),
        (["--version", "1"], "version"),
        (["--bundle", "A b"], "--bundle a_b"),
    ],
)
def test_what_is_typed_wrongly_is_told(project: Path, words: list[str], said: str) -> None:
    scans(project / "lake")
    answer = adopt(*words)
    assert answer.code == 2
    assert said in answer.err


def test_without_a_tree_for_specs_one_is_asked_for(project: Path) -> None:
    scans(project / "lake")
    answer = od("bundle", "adopt", "lake")
    assert answer.code == 2
    assert "--into FOLDER" in answer.err
    looked = od("bundle", "adopt", "lake", "--dry-run", "--json")
    assert (looked.code, looked.json["into"]) == (0, "specs")
    assert not (project / "specs").exists()


def test_of_several_versions_the_bundle_asks_for_the_newest(project: Path) -> None:
    for version in ("v1.0.0", "v1.10.0", "v1.9.0"):
        for number in range(3):
            put(project / f"lake/sky/{version}/2025/06/01/00/img_{number:03d}.bin", b"x")
    answer = adopt("--json")
    assert answer.code == 0, answer.err
    assert {one["version"] for one in answer.json["channels"]} == {"1.0.0", "1.9.0", "1.10.0"}
    bundle = (project / "specs" / "bundles" / "snapshot" / "lake-v1.0.0.yaml").read_text()
    assert bundle.splitlines()[2:] == ['  - {channel: sky, version: "1.10.0", required: true}']


def test_a_folder_that_is_called_like_a_number_or_a_truth_is_a_channel(project: Path) -> None:
    for folder in ("01-06", "on"):
        for number in range(3):
            put(project / f"lake/{folder}/2025/06/01/00/img_{number:03d}.bin", b"x")
    answer = adopt("--json")
    assert answer.code == 0, answer.err
    assert {one["channel"] for one in answer.json["channels"]} == {"01_06", "on"}


def test_a_place_that_is_not_there_is_told(project: Path) -> None:
    assert od("bundle", "adopt", "nowhere", "--into", "specs").code == 4


@pytest.mark.requirement("B45")
def test_a_plan_says_that_it_will_be_spark_and_why(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans(project / "lake")
    monkeypatch.setenv("OPENDATA_SPARK_FILES", "8")
    answer = adopt("--dry-run")
    assert "lake will be indexed on spark: 8 files to read; from 8 on it is Spark" in answer.err


@pytest.mark.real
@pytest.mark.requirement("S0-91")
def test_a_lake_in_a_bucket_is_adopted_like_a_folder(
    project: Path, seaweed: SeaweedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans(project / "lake")
    for name, value in seaweed.environ().items():
        monkeypatch.setenv(name, value)
    address = f"{seaweed.create_bucket('lake-to-adopt')}/scans/v2.0.0/"
    bucket = open_store(address, environ=seaweed.environ())
    for path in all_files(project / "lake"):
        bucket.put(path, (project / "lake" / path).read_bytes())
    answer = od("bundle", "adopt", address, "--into", "specs", "--json")
    assert answer.code == 0, answer.err
    (indexed,) = answer.json["indexed"]
    assert (indexed["channel"], indexed["version"], indexed["total_files"]) == ("scans", "2.0.0", 8)
    assert answer.json["channels"][0]["storage_path"] == address
