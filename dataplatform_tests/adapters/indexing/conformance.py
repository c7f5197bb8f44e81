"""What every engine has to do, whatever it runs on: one suite for all of them.

A test module subclasses `EngineConformance` and provides the fixture `engine`. What is expected is
worked out here by plain means, so that two engines that agree are both right.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL.ExifTags import Base

from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform.channels.ports import (
    Described,
    DescribeTask,
    IndexEngine,
    Outcome,
    StoredFile,
    Unread,
)
from dataplatform.channels.spec import ChannelSpec
from dataplatform_tests.adapters.metadata_readers.images import image
from opendata.wire.errors import InvalidInput

NOON = int(datetime(2025, 6, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
HOSTILE = (
    "../outside.bin", "a/../../outside.bin", "/etc/hostname", "a\\b.bin", "nul\0.bin", "line\n.bin",
    "a//b.bin", "./a.bin", "", "bell\a.bin",
)  # fmt: skip


class Lake:
    """A folder of files, and the tasks that describe them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, path: str, data: bytes = b"data") -> StoredFile:
        """Write a file, and list it."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return self.listed()[path]

    def listed(self) -> dict[str, StoredFile]:
        """The listing, by path."""
        files = open_channel_files(str(self.folder), {}, root="/")
        return {file.path: file for file in files.listing()}

    def task(self, pattern: Any = None, digests: dict[str, str] | None = None) -> DescribeTask:
        """How to describe the files by a pattern."""
        spec = ChannelSpec(
            channel="images",
            version="1.0.0",
            storage_path=str(self.folder),
            pattern={} if pattern is None else pattern,
        )
        plain = spec.model_dump(mode="json", by_alias=True)
        return DescribeTask(str(self.folder), plain, dict(os.environ), digests or {})


def outcomes_of(
    engine: IndexEngine, task: DescribeTask, files: Sequence[StoredFile]
) -> dict[str, Outcome]:
    """One outcome for each file, by the path that it was asked for by."""
    outcomes = [one for batch in engine.describe(task, files) for one in batch]
    by_path = {one.file.path: one for one in outcomes}
    assert len(outcomes) == len(by_path) == len(files)
    return by_path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.requirement("S0-44", "S0-45", "S0-46", "S0-48", "S0-49", "B45")
class EngineConformance:
    """Describing files: what holds on every engine."""

    @pytest.fixture
    def lake(self, tmp_path: Path) -> Lake:
        (tmp_path / "lake").mkdir()
        (tmp_path / "outside.bin").write_bytes(b"not of this channel")
        return Lake(tmp_path / "lake")

    def test_the_convention_tells_time_and_id(self, engine: IndexEngine, lake: Lake) -> None:
        file = lake.put("2025/06/01/12/img_120030_007.jpg", b"pixels")
        assert outcomes_of(engine, lake.task(), [file]) == {
            file.path: Described(
                file, "img_20250601_120030_007", sha256(b"pixels"), NOON + 30_000_000, "{}"
            )
        }

    def test_all_sources_of_metadata_are_asked(self, engine: IndexEngine, lake: Lake) -> None:
        photo = image(
            tags={Base.Model: "Q3"},
            exif={Base.DateTimeOriginal: "2025:06:01 14:00:00"},
        )
        file = lake.put("front/0001.jpg", photo)
        lake.put("front/0001.json", b'{"weather": "sunny", "wind": 3.5}')
        lake.put("front/0002.jpg", photo)
        other = lake.listed()["front/0002.jpg"]
        pattern = {
            "path": "{camera_id}/{sequence:4d}.jpg",
            "sidecar": "{stem}.json",
            "exif": True,
            "timezone": "Europe/Paris",
        }
        found = outcomes_of(engine, lake.task(pattern), [file, other])
        one, two = found[file.path], found[other.path]
        assert isinstance(one, Described)
        assert isinstance(two, Described)
        assert one.timestamp == two.timestamp == NOON
        shared = {
            "camera_id": "front", "camera_model": "Q3", "format": "jpeg", "width": 48, "height": 32,
        }  # fmt: skip
        told = shared | {"sequence": "0001", "weather": "sunny", "wind": 3.5}
        assert json.loads(one.metadata) == told
        assert json.loads(two.metadata) == shared | {"sequence": "0002"}
        assert one.metadata == json.dumps(told, sort_keys=True, separators=(",", ":"))

    def test_a_file_whose_bytes_are_known_is_not_hashed_again(
        self, engine: IndexEngine, lake: Lake
    ) -> None:
        known = lake.put("a.jpg", image())
        fresh = lake.put("b.jpg", b"pixels")
        task = lake.task({"path": "{letter}.jpg", "exif": True}, {"a.jpg": "a" * 64})
        found = outcomes_of(engine, task, [known, fresh])
        digests = {path: one.sha256 for path, one in found.items() if isinstance(one, Described)}
        assert digests == {"a.jpg": "a" * 64, "b.jpg": sha256(b"pixels")}

    def test_names_and_sizes_of_all_kinds(self, engine: IndexEngine, lake: Lake) -> None:
        files = {
            "empty.bin": b"", "Größe/日本.bin": b"x", "a b%20c.bin": b"y", "🚀.bin": b"z",
            "large.bin": bytes(range(256)) * 20_000, "d" * 200 + ".bin": b"w",
        }  # fmt: skip
        for path, data in files.items():
            lake.put(path, data)
        found = outcomes_of(engine, lake.task(), list(lake.listed().values()))
        assert {path: one.sha256 for path, one in found.items() if isinstance(one, Described)} == {
            path: sha256(data) for path, data in files.items()
        }

    @pytest.mark.requirement("S0-51")
    def test_what_does_not_match_or_has_no_time_says_so(
        self, engine: IndexEngine, lake: Lake
    ) -> None:
        files = [lake.put("20250601.jpg"), lake.put("20251341.jpg"), lake.put("notes.txt")]
        found = outcomes_of(engine, lake.task("{year}{month}{day}.jpg"), files)
        codes = {path: one.code for path, one in found.items() if isinstance(one, Unread)}
        assert codes == {"20251341.jpg": "bad_time", "notes.txt": "unmatched"}

    def test_a_bad_sidecar_keeps_its_file_out_alone(self, engine: IndexEngine, lake: Lake) -> None:
        files = [lake.put("a.jpg"), lake.put("b.jpg")]
        lake.put("a.json", b"{")
        found = outcomes_of(engine, lake.task({"sidecar": "{stem}.json"}), files)
        bad = found["a.jpg"]
        assert isinstance(bad, Unread)
        assert bad.code == "bad_sidecar"
        assert "a.jpg" in bad.reason
        assert isinstance(found["b.jpg"], Described)

    def test_a_file_that_vanished_and_one_that_changed(
        self, engine: IndexEngine, lake: Lake
    ) -> None:
        gone, changed = lake.put("gone.bin"), lake.put("changed.bin")
        (lake.folder / "gone.bin").unlink()
        now = lake.put("changed.bin", b"another, longer")
        found = outcomes_of(engine, lake.task(), [gone, changed])
        lost = found["gone.bin"]
        assert isinstance(lost, Unread)
        assert lost.code == "vanished"
        assert found["changed.bin"] == Described(
            now, "changed.bin", sha256(b"another, longer"), None, "{}"
        )

    def test_what_is_no_plain_file_is_never_read(self, engine: IndexEngine, lake: Lake) -> None:
        os.mkfifo(lake.folder / "pipe.bin")  # reading it would wait for ever
        (lake.folder / "folder.bin").mkdir()
        (lake.folder / "link.bin").symlink_to(lake.folder.parent / "outside.bin")
        (lake.folder / "way").symlink_to(lake.folder.parent)
        paths = ["pipe.bin", "folder.bin", "link.bin", "way/outside.bin"]
        found = outcomes_of(engine, lake.task(), [StoredFile(path, 4, "1") for path in paths])
        assert [type(found[path]) for path in paths] == [Unread] * 4

    @pytest.mark.requirement("S0-45")
    def test_no_path_leads_out_of_the_place(self, engine: IndexEngine, lake: Lake) -> None:
        files = [StoredFile(path, 4, "1") for path in HOSTILE]
        found = outcomes_of(engine, lake.task(), files)
        assert [path for path, one in found.items() if isinstance(one, Described)] == []

    def test_each_of_many_files_comes_once(self, engine: IndexEngine, lake: Lake) -> None:
        for number in range(700):
            (lake.folder / f"{number:03d}.bin").write_bytes(b"%d" % number)
        found = outcomes_of(engine, lake.task(), list(lake.listed().values()))
        digests = [one.sha256 for one in found.values() if isinstance(one, Described)]
        assert sorted(digests) == sorted(sha256(b"%d" % number) for number in range(700))

    def test_nothing_to_describe_gives_nothing(self, engine: IndexEngine, lake: Lake) -> None:
        assert outcomes_of(engine, lake.task(), []) == {}

    def test_a_reader_that_is_not_installed_is_named(self, engine: IndexEngine, lake: Lake) -> None:
        file = lake.put("a.bin")
        with pytest.raises(InvalidInput, match="os:system") as caught:
            outcomes_of(engine, lake.task({"reader": "os:system"}), [file])
        assert caught.value.code == "unknown_reader"
        assert caught.value.hint is not None
        # What fails for one channel leaves the engine good for the next.
        assert len(outcomes_of(engine, lake.task(), [file])) == 1
