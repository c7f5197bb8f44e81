"""A channel's files in a folder: the suite, and what only a folder can do to its reader."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from pathlib import Path

import pytest

from dataplatform.adapters.channel_files import folder_reading
from dataplatform.adapters.channel_files.folder import FolderFiles
from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform_tests.adapters.channel_files.conformance import ChannelFilesConformance
from opendata.wire.errors import Denied, InvalidInput, NotFound, Unavailable


class TestFolderFiles(ChannelFilesConformance):
    """The suite on a folder."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> FolderFiles:
        """An empty folder."""
        (tmp_path / "lake").mkdir()
        return FolderFiles(str(tmp_path / "lake"))


def lake(tmp_path: Path, **files: bytes) -> tuple[Path, FolderFiles]:
    """A folder with files, and it as a place."""
    root = tmp_path / "lake"
    root.mkdir(exist_ok=True)
    for name, data in files.items():
        (root / name).write_bytes(data)
    return root, FolderFiles(str(root))


def test_a_folder_that_does_not_exist_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        FolderFiles(str(tmp_path / "lost")).listing()
    assert caught.value.code == "no_channel_files"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotFound):
        FolderFiles(str(tmp_path / "file")).listing()


def test_links_are_followed_nowhere(tmp_path: Path) -> None:
    root, place = lake(tmp_path, a=b"inside")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(b"secret")
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "folder").symlink_to(outside)
    (root / "dangling").symlink_to(tmp_path / "nothing")
    assert [one.path for one in place.listing()] == ["a"]
    for path in ("link.txt", "folder/secret.txt", "dangling"):
        assert place.stat(path) is None
        with pytest.raises(NotFound):
            place.hash(path)
    with pytest.raises(NotFound):
        place.write("folder/new.txt", iter([b"1"]), sha256=hashlib.sha256(b"1").hexdigest())
    assert sorted(os.listdir(outside)) == ["secret.txt"]


def test_a_folder_that_becomes_a_link_while_it_is_read_leads_nowhere(tmp_path: Path) -> None:
    root, place = lake(tmp_path)
    (root / "day").mkdir()
    (root / "day" / "a.txt").write_bytes(b"inside")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_bytes(b"secret")
    listed = place.listing()
    os.rename(root / "day", tmp_path / "moved")
    (root / "day").symlink_to(outside)
    with pytest.raises(NotFound):
        place.hash(listed[0].path)


def test_no_piece_is_larger_than_it_may_be_also_of_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataplatform.adapters.channel_files.folder.PIECE_FILES", 4)
    root, place = lake(tmp_path, **{f"f{at}": b"1" for at in range(9)})
    for day in ("a", "b"):
        (root / day).mkdir()
        for at in range(3):
            (root / day / str(at)).write_bytes(b"2")
    pieces = list(place.pieces())
    assert [len(piece) for piece in pieces] == [4, 4, 4, 3]
    assert sorted(file for piece in pieces for file in piece) == list(place.listing())


def test_what_is_no_plain_file_neither_counts_nor_hangs(tmp_path: Path) -> None:
    root, place = lake(tmp_path, a=b"1")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(root / "socket"))
        assert [one.path for one in place.listing()] == ["a"]
        for path in ("pipe", "socket"):
            with pytest.raises(NotFound):
                place.hash(path)


def test_a_file_that_grows_while_it_is_hashed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, place = lake(tmp_path, a=b"x" * 100)
    digest = folder_reading.digest_of_open

    def growing(file: int, size: int, head_bytes: int) -> tuple[str, bytes, int]:
        found = digest(file, size, head_bytes)
        with open(root / "a", "ab") as more:
            more.write(b"y")
        return found

    monkeypatch.setattr(folder_reading, "digest_of_open", growing)
    with pytest.raises(Unavailable) as caught:
        place.hash("a")
    assert caught.value.code == "changed"


def test_a_file_that_grew_since_its_size_was_asked_is_read_to_its_end(tmp_path: Path) -> None:
    root, _ = lake(tmp_path, a=b"x" * 3_000_000)
    file = os.open(root / "a", os.O_RDONLY)
    try:
        sha, head, size = folder_reading.digest_of_open(file, 10, 5)
    finally:
        os.close(file)
    assert (sha, head, size) == (hashlib.sha256(b"x" * 3_000_000).hexdigest(), b"xxxxx", 3_000_000)


def test_a_fresh_file_is_read_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, place = lake(tmp_path, a=b"1")
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    moment = (tmp_path / "lake" / "a").stat().st_mtime_ns | 1
    os.utime(tmp_path / "lake" / "a", ns=(moment, moment))
    monkeypatch.setattr(time, "time_ns", lambda: moment + 5_000_000)
    place.hash("a")
    assert slept == [0.015]
    monkeypatch.setattr(time, "time_ns", lambda: moment + 25_000_000)
    place.hash("a")
    monkeypatch.setattr(time, "time_ns", lambda: moment - 10**15)
    place.hash("a")  # a time in the future: no later write can have it
    assert slept == [0.015]


def test_files_written_twice_within_a_moment_have_two_versions_when_hashed(tmp_path: Path) -> None:
    root, place = lake(tmp_path)
    for at in range(5):
        (root / "a").write_bytes(b"one")
        hashed = place.hash("a")
        (root / "a").write_bytes(b"two")
        assert place.stat("a") != hashed.file, at


def test_times_of_any_year_are_versions(tmp_path: Path) -> None:
    root, place = lake(tmp_path, past=b"1", future=b"2", before=b"3")
    os.utime(root / "past", (0, 0))
    os.utime(root / "before", (-86400.5, -86400.5))
    os.utime(root / "future", (time.time() + 10**9, time.time() + 10**9))
    listed = {one.path: one for one in place.listing()}
    assert len({one.version for one in listed.values()}) == 3
    assert all(place.hash(path).file == one for path, one in listed.items())


def test_a_huge_sparse_file_is_streamed(tmp_path: Path) -> None:
    root, place = lake(tmp_path)
    with open(root / "sparse.bin", "wb") as file:
        file.truncate(64 << 20)
    import tracemalloc

    tracemalloc.start()
    hashed = place.hash("sparse.bin", head_bytes=10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert hashed.sha256 == hashlib.sha256(bytes(64 << 20)).hexdigest()
    assert peak < 8 << 20


def test_a_folder_that_may_not_be_read_is_told_and_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, place = lake(tmp_path, a=b"1")
    (root / "closed").mkdir()
    scan = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(Denied) as caught:
        place.listing()
    assert "closed" in caught.value.message


def test_folders_that_vanish_while_they_are_listed_have_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, place = lake(tmp_path, a=b"1")
    (root / "day").mkdir()
    scan = os.scandir

    def vanishing(path: str) -> object:
        if str(path).endswith("day"):
            (root / "day").rmdir()
        return scan(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert [one.path for one in place.listing()] == ["a"]


def test_a_very_deep_folder_is_listed_or_refused_by_name(tmp_path: Path) -> None:
    root, place = lake(tmp_path)
    name = "d" * 250
    levels = [os.open(root, os.O_RDONLY)]
    try:
        for _ in range(20):  # longer than any path can be
            os.mkdir(name, dir_fd=levels[-1])
            levels.append(os.open(name, os.O_RDONLY, dir_fd=levels[-1]))
        with pytest.raises(InvalidInput) as caught:
            place.listing()
        assert "too long" in caught.value.message
    finally:
        while len(levels) > 1:
            os.close(levels.pop())
            os.rmdir(name, dir_fd=levels[-1])
        os.close(levels.pop())


def test_an_address_is_opened_by_what_it_says(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    for address in ("lake", "./lake/", str(tmp_path / "lake"), f"file://{tmp_path}/lake", "~/lake"):
        place = open_channel_files(address, environ, root=str(tmp_path))
        assert place.url == f"{tmp_path}/lake/"
    for address in ("ftp://host/lake", "file://lake", "http://host/lake"):
        with pytest.raises(InvalidInput):
            open_channel_files(address, environ, root=str(tmp_path))
