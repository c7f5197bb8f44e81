"""`od bundle list|show|files|download` on a store, as they are typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dataplatform_tests.cli.shell import od
from dataplatform_tests.index_client.pictures import IMAGES, NAME, OBJECTS, VERSION, Lake


@pytest.fixture(autouse=True)
def _store(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENDATA_STORAGE", lake.store.url)


def test_bundles_are_listed() -> None:
    shown = od("bundle", "list")
    assert "foundational_model" in shown.out and "315" in shown.out
    assert json.loads(od("bundle", "list", "found", "--json").out)[0]["version"] == VERSION
    assert od("bundle", "list", "--quiet").out == f"{NAME}@{VERSION}\n"
    assert "no bundle fits" in od("bundle", "list", "nothing").out


def test_a_bundle_is_shown() -> None:
    shown = od("bundle", "show", NAME)
    for words in (VERSION, "abc123456", IMAGES, OBJECTS, "255", "nobody"):
        assert words in shown.out
    told = json.loads(od("bundle", "show", f"weekly/{NAME}-{VERSION}", "--json").out)
    assert told["total_files"] == 315
    assert od("bundle", "show", f"{NAME}@{VERSION}", "-q").out.split() == [IMAGES, OBJECTS]


def test_a_wrong_name_gets_the_right_one() -> None:
    wrong = od("bundle", "show", "foundational_modle")
    assert wrong.code == 4
    assert "'foundational_model'" in wrong.err
    wrong = od("bundle", "files", NAME, "--channel", "images_original")
    assert wrong.code == 4 and f"'{IMAGES}'" in wrong.err
    assert od("bundle", "show", "No Name").code == 2
    for command in (("list",), ("show", NAME), ("files", NAME)):
        assert od("bundle", *command, "--type", "monthly").code == 2


def test_files_are_listed_by_time() -> None:
    shown = od("bundle", "files", NAME, "-c", IMAGES, "--start", "2025-06-01T01:00Z",
               "--end", "2025-06-01T01:04Z")  # fmt: skip
    assert "2025/06/01/01/img_000060.jpg" in shown.out
    assert "camera_id=front" in shown.out
    assert "5 files" in shown.err
    short = od("bundle", "files", NAME, "--limit", "3", "--json")
    assert [one["metadata"]["frame"] for one in json.loads(short.out)] == [0, 1, 2]
    everything = od("bundle", "files", NAME, "--quiet")
    assert len(everything.out.splitlines()) == 315
    assert "--limit" in od("bundle", "files", NAME).err
    assert "no file fits" in od("bundle", "files", NAME, "--where", "camera_id=nine").out


def test_files_are_saved_in_each_format(tmp_path: Path) -> None:
    for name in ("all.parquet", "all.csv", "all.jsonl", "all.json"):
        assert od("bundle", "files", NAME, "-o", str(tmp_path / name)).code == 0
    table = pq.read_table(tmp_path / "all.parquet")
    assert table.num_rows == 315
    assert table.column_names[0] == "channel"
    with (tmp_path / "all.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 315
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert lines == json.loads((tmp_path / "all.json").read_text())
    assert lines[-1]["channel"] == OBJECTS and lines[-1]["metadata"]["frame"] == 59
    one = od("bundle", "files", NAME, "-c", OBJECTS, "-o", str(tmp_path / "one.parquet"), "--json")
    assert json.loads(one.out)["files"] == 60
    assert pq.read_table(tmp_path / "one.parquet").column_names[0] == "file_id"


def test_files_are_fetched(tmp_path: Path, lake: Lake) -> None:
    words = (
        "bundle",
        "download",
        NAME,
        str(tmp_path / "out"),
        "-c",
        OBJECTS,
        "-w",
        "camera_id=rear",
    )
    done = od(*words)
    assert "fetched 20 files" in done.err
    again = json.loads(od(*words, "--json").out)
    assert (again["fetched"], again["kept"]) == (0, 20)
    row = lake.objects[1]
    assert (tmp_path / "out" / row.relative_path).read_bytes() == lake.bytes_of(row)


def test_a_file_that_is_gone_ends_with_its_own_code(tmp_path: Path, lake: Lake) -> None:
    row = lake.images[7]
    target = lake.data / IMAGES / row.relative_path
    data = target.read_bytes()
    target.unlink()
    try:
        done = od("bundle", "download", NAME, str(tmp_path), "-c", IMAGES, "--limit", "10")
    finally:
        target.write_bytes(data)
    assert done.code == 4
    assert "1 of 10 files could not be had" in done.err
    assert row.relative_path in done.err
