"""The store in a folder: the port's promises, and what a folder adds to them."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from dataplatform_tests.stores.conformance import StoreConformance
from opendata.stores import FolderStore, PreconditionFailed, open_store
from opendata.wire.errors import Denied, InvalidInput, NotFound


class TestFolderStore(StoreConformance):
    """The whole port."""

    @pytest.fixture
    def store(self, root: Path) -> FolderStore:
        return FolderStore(str(root))


# --- what lies in the folder ---------------------------------------------------------


@pytest.mark.requirement("S1-23", "S1-26")
def test_an_object_is_a_plain_file_that_everybody_may_read(store: FolderStore, root: Path) -> None:
    key = "datasets/ns/name/data.parquet"
    store.put(key, b"rows")
    file = root / key
    assert file.read_bytes() == b"rows"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert store.local_path(key) == str(file)


def test_locks_and_temporary_files_are_no_objects(store: FolderStore, root: Path) -> None:
    store.put("k", b"1")
    (root / ".tmp" / "half-written").write_bytes(b"half")
    (root / "folder").mkdir()
    (root / "folder" / ".hidden").write_bytes(b"someone's notes")
    assert [found.key for found in store.list("")] == ["k"]


def test_what_is_no_plain_file_is_no_object(store: FolderStore, root: Path) -> None:
    store.put("k", b"1")
    os.mkfifo(root / "pipe")
    assert store.stat("pipe") is None
    with pytest.raises(NotFound):
        store.get("pipe")
    assert [found.key for found in store.list("")] == ["k"]


def test_an_object_cannot_be_a_folder_as_well(store: FolderStore) -> None:
    store.put("a", b"1")
    store.put("b/c", b"2")
    with pytest.raises(InvalidInput, match="a file and a folder at once"):
        store.put_new("a/below", b"3")
    with pytest.raises(InvalidInput, match="a file and a folder at once"):
        store.put_new("b", b"3")


def test_deleting_leaves_no_empty_folders(store: FolderStore, root: Path) -> None:
    store.put("staging/ns/name/1/data", b"1")
    store.put("staging/ns/name/2/data", b"2")
    store.delete("staging/ns/name/1/data")
    assert not (root / "staging/ns/name/1").exists()
    store.delete("staging/ns/name/2/data")
    assert sorted(entry.name for entry in root.iterdir()) == [".locks", ".tmp"]


# --- where the store is --------------------------------------------------------------


def test_the_first_write_creates_the_folder(root: Path) -> None:
    store = FolderStore(str(root / "deep" / "below"))
    assert store.stat("k") is None
    assert list(store.list("")) == []
    assert not root.exists(), "reading creates nothing"
    store.put_new("k", b"1")
    assert FolderStore(str(root / "deep" / "below")).get("k").data == b"1"


def test_reading_where_no_store_is_says_so(store: FolderStore, root: Path) -> None:
    with pytest.raises(NotFound, match=f"no store at {root}") as caught:
        store.get("datasets/ns/name/latest.json")
    assert caught.value.code == "no_store"
    assert "OPENDATA_STORAGE" in (caught.value.hint or "")


def test_a_file_is_no_store(tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    file.write_bytes(b"")
    with pytest.raises(InvalidInput, match=f"{file} is a file, but a store is a folder"):
        open_store(str(file), environ={})


def test_a_store_that_was_removed_meanwhile_is_made_again(store: FolderStore, root: Path) -> None:
    store.put("k", b"1")
    root.rename(root.with_name("moved away"))
    store.put_new("k", b"2")
    assert store.get("k").data == b"2"


def test_the_store_itself_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = FolderStore(str(tmp_path / "link"))
    store.put("a/b", b"1")
    assert (tmp_path / "real/a/b").read_bytes() == b"1"
    assert store.url == str(tmp_path / "link")


@pytest.mark.parametrize("link", ["secret", "folder"])
def test_links_inside_the_store_are_never_followed(
    store: FolderStore, root: Path, tmp_path: Path, link: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwords").write_bytes(b"root")
    store.put("k", b"1")
    (root / "secret").symlink_to(outside / "passwords")
    (root / "folder").symlink_to(outside)
    key = "secret" if link == "secret" else "folder/passwords"
    for use in (
        lambda: store.get(key),
        lambda: store.stat(key),
        lambda: store.put(key, b"overwritten"),
        lambda: store.delete(key),
    ):
        with pytest.raises(Denied, match="symbolic link"):
            use()
    assert (outside / "passwords").read_bytes() == b"root"
    assert [found.key for found in store.list("")] == ["k"]


# --- versions ------------------------------------------------------------------------


@pytest.mark.requirement("B1")
def test_equal_bytes_written_again_are_another_version(store: FolderStore) -> None:
    # A file system hands a freed inode out again, and its clock is coarse: without care the
    # third version would carry the first one's token and let a stale writer through.
    tokens = [store.put("pointer", data) for data in (b"1.0.0", b"1.1.0") * 50]
    assert len(set(tokens)) == len(tokens)
    with pytest.raises(PreconditionFailed):
        store.put_if_match("pointer", b"stale", tokens[0])


@pytest.mark.requirement("B1")
def test_a_version_is_later_than_the_one_it_replaces_whatever_the_clock_says(
    store: FolderStore, root: Path
) -> None:
    store.put("pointer", b"1")
    ahead = time.time_ns() + 3_600_000_000_000
    os.utime(root / "pointer", ns=(ahead, ahead))
    token = store.get("pointer").token
    store.put_if_match("pointer", b"2", token)
    assert (root / "pointer").stat().st_mtime_ns > ahead


def test_bytes_are_on_disk_before_their_name_is(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    sync, rename = os.fsync, os.rename

    def watched_sync(file: int) -> None:
        happened.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "bytes")
        sync(file)

    def watched_rename(source: str, target: str) -> None:
        happened.append("name")
        rename(source, target)

    store.put("folder/warm-up", b"")
    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(os, "rename", watched_rename)
    store.put_new("folder/k", b"1")
    assert happened == ["bytes", "name", "folder"]
    happened.clear()
    store.put_new("new/folder/k", b"1")
    assert happened == ["bytes", "folder", "folder", "name", "folder"]


def test_an_edit_by_hand_is_another_version(store: FolderStore, root: Path) -> None:
    token = store.put("k", b"12345")
    (root / "k").write_bytes(b"edited")
    with pytest.raises(PreconditionFailed):
        store.put_if_match("k", b"mine", token)
