"""A store in a folder on a disk that is full, read-only, slow to copy, or somebody else's."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dataplatform_tests.stores.small_disk import in_a_small_disk
from opendata.stores import FolderStore, LocalFile
from opendata.wire.errors import Denied

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
