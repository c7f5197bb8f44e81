"""The store in a folder: the port's promises, and what a disk adds to them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from dataplatform_tests.stores.conformance import StoreConformance, increment
from dataplatform_tests.stores.small_disk import in_a_small_disk
from opendata.stores import FolderStore, LocalFile, PreconditionFailed, open_store
from opendata.stores.disk import ABANDONED_AFTER_SECONDS
from opendata.wire.errors import Denied, InvalidInput, NotFound


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(str(root))


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


# --- many processes, killed ones among them ------------------------------------------


def _increment_often(root: str, times: int) -> None:
    store = FolderStore(root)
    for _ in range(times):
        increment(store, "counter")


@pytest.mark.platform
@pytest.mark.requirement("B1")
def test_processes_lose_no_increment(store: FolderStore, root: Path) -> None:
    store.put_new("counter", b"0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_increment_often, args=(str(root), 25)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert store.get("counter").data.split()[0] == b"100"


_WRITE_FOR_EVER = """
import itertools, sys
from opendata.stores import FolderStore, LocalFile
store = FolderStore(sys.argv[1])
for number in itertools.count():
    store.put(f"objects/{number % 3}", LocalFile(sys.argv[2]))
    store.put_new(f"new/{number}", bytes([number % 256]) * 3_000_000)
"""


@pytest.mark.platform
def test_a_killed_writer_leaves_no_half_object(
    store: FolderStore, root: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1 << 20) * 24)
    interrupted = 0
    for _ in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITE_FOR_EVER, str(root), str(source)],
            stderr=subprocess.DEVNULL,
        )
        interrupted += _kill_in_mid_write(writer, root)
    assert interrupted, "no kill hit a half-written temporary file"
    sizes = {found.key: found.size for found in store.list("")}
    assert sizes, "the writers wrote nothing at all"
    for key, size in sizes.items():
        assert size == (24 << 20 if key.startswith("objects/") else 3_000_000)
    for key in sizes:
        store.put(key, b"its lock went with it")


def _kill_in_mid_write(writer: subprocess.Popen[bytes], root: Path) -> bool:
    """Kill the writer while a temporary file is there, after at least one whole object."""
    while writer.poll() is None:
        staged = list((root / ".tmp").glob("*")) if (root / "objects/0").exists() else []
        if staged:
            break
        time.sleep(0.001)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    return any((root / ".tmp").iterdir())


def test_what_killed_writers_left_is_swept_away(root: Path) -> None:
    FolderStore(str(root)).put("k", b"1")
    old, young = root / ".tmp" / "old", root / ".tmp" / "young"
    for file in (old, young):
        file.write_bytes(b"half")
    long_ago = time.time() - 2 * ABANDONED_AFTER_SECONDS
    os.utime(old, (long_ago, long_ago))
    FolderStore(str(root)).put("k", b"2")
    assert not old.exists()
    assert young.exists(), "its writer may be alive"


# --- memory and disk -----------------------------------------------------------------

_STORE_LARGE_FILE = """
import resource, sys
from opendata.stores import FolderStore, LocalFile
store = FolderStore(sys.argv[1])
limit = 64 << 20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
store.put_new("large", LocalFile(sys.argv[2]))
assert sum(len(piece) for piece in store.stream("large")) == 200 << 20
"""


@pytest.mark.platform
def test_a_large_file_is_stored_and_streamed_in_bounded_memory(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(1 << 20))
    subprocess.run([sys.executable, "-c", _STORE_LARGE_FILE, str(root), str(source)], check=True)
    assert FolderStore(str(root)).stat("large") is not None


def test_copying_does_not_depend_on_the_kernel_doing_it(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_001))
    store.put("k", LocalFile(str(source)))
    assert store.get("k").data == source.read_bytes()


@pytest.mark.platform
def test_a_full_disk_is_named_and_leaves_no_half_object(tmp_path: Path) -> None:
    said = in_a_small_disk(
        """
import os
from opendata.stores import FolderStore
from opendata.wire.errors import Unavailable
store = FolderStore("disk/store")
store.put("small", b"1")
try:
    store.put_new("objects/large", b"x" * 3_000_000)
except Unavailable as error:
    print(error.code, error.message, error.hint, sep="|")
print([found.key for found in store.list("")], os.listdir("disk/store/.tmp"))
store.put_new("objects/large", b"x" * 300_000)
print(store.stat("objects/large").size)
""",
        tmp_path,
    )
    complaint, left, later = said.splitlines()
    assert complaint.startswith("disk_full|no space is left for")
    assert "disk/store/objects/large: 3000000 bytes are needed" in complaint
    assert "free some space" in complaint
    assert left == "['small'] []"
    assert later == "300000", "with less to write the same store goes on"


@pytest.mark.platform
def test_a_read_only_disk_denies_writing_and_lets_reading_through(tmp_path: Path) -> None:
    said = in_a_small_disk(
        """
import subprocess
from opendata.stores import FolderStore
from opendata.wire.errors import Denied
FolderStore("disk/store").put("k", b"1")
subprocess.run(["mount", "-o", "remount,ro", "disk"], check=True)
store = FolderStore("disk/store")
for write in (
    lambda: store.put("new", b"2"),
    lambda: store.put_if_match("k", b"2", store.get("k").token),
    lambda: store.delete("k"),
):
    try:
        write()
    except Denied as error:
        print(error.code, error.message)
print(store.get("k").data, [found.key for found in store.list("")])
""",
        tmp_path,
    )
    *complaints, read = said.splitlines()
    assert len(complaints) == 3
    assert all("Read-only file system" in line for line in complaints)
    assert read == "b'1' ['k']"


@pytest.mark.platform
def test_a_folder_of_somebody_else_denies() -> None:
    # Not pytest's own folder: nobody else may even pass through that one.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        FolderStore(str(root)).put("private/k", b"1")
        (root / "private").chmod(0)
        process = os.fork()
        if process == 0:
            os._exit(_denials_as_another_user(root))
        _, status = os.waitpid(process, 0)
        (root / "private").chmod(0o755)
    assert os.waitstatus_to_exitcode(status) == 4


def _denials_as_another_user(root: Path) -> int:
    """How many uses are denied (as an exit code), without the rights of an administrator."""
    nobody = 65534
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(nobody)
        os.setuid(nobody)
    store = FolderStore(str(root))
    denied = 0
    for use in (
        lambda: store.get("private/k"),
        lambda: store.stat("private/k"),
        lambda: list(store.list("private/")),
        lambda: store.put("private/new", b"2"),
    ):
        try:
            use()
        except Denied:
            denied += 1
    return denied
