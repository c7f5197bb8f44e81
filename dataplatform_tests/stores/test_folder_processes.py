"""Many processes on one store in a folder, killed ones among them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dataplatform_tests.stores.conformance import increment
from opendata.stores import FolderStore
from opendata.stores.disk import ABANDONED_AFTER_SECONDS


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
    while interrupted < 3:  # a busy machine may let a write end between the look and the kill
        writer = subprocess.Popen([sys.executable, "-c", _WRITE_FOR_EVER, str(root), str(source)])
        interrupted += _kill_in_mid_write(writer, root)
    sizes = {found.key: found.size for found in store.list("")}
    assert sizes, "the writers wrote nothing at all"
    for key, size in sizes.items():
        assert size == (24 << 20 if key.startswith("objects/") else 3_000_000)
    for key in sizes:
        store.put(key, b"its lock went with it")


def _kill_in_mid_write(writer: subprocess.Popen[bytes], root: Path) -> bool:
    """Kill the writer while a temporary file is there, after at least one whole object."""
    while not ((root / "objects/0").exists() and any((root / ".tmp").glob("*"))):
        assert writer.poll() is None
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
