"""Hashing in processes beside this one: the same as here, and no harm where one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dataplatform.adapters.channel_files import hash_processes
from dataplatform.adapters.channel_files.folder import FolderFiles
from dataplatform.adapters.channel_files.hash_processes import HashProcesses
from dataplatform.adapters.indexing import local as local_module
from dataplatform.adapters.indexing.local import LocalEngine
from dataplatform.channels.ports import DescribeTask, StoredFile
from dataplatform.channels.spec import ChannelSpec


def lake(tmp_path: Path, count: int) -> FolderFiles:
    """A folder of files, some below others, one empty, one larger than a piece."""
    for at in range(count):
        folder = tmp_path / "lake" / f"é {at % 3}" / f"{at % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{at}.bin").write_bytes(b"x" * at)
    (tmp_path / "lake" / "large.bin").write_bytes(b"y" * ((1 << 20) + 1))
    return FolderFiles(str(tmp_path / "lake"))


def test_processes_say_what_the_folder_says(tmp_path: Path) -> None:
    place = lake(tmp_path, 50)
    files = place.listing()
    with HashProcesses(place.url, 2) as processes:
        assert processes.hash(files) == [place.hash(file.path) for file in files]
        assert processes.hash([]) == []


def test_what_they_cannot_say_is_left_to_whoever_asked(tmp_path: Path) -> None:
    place = lake(tmp_path, 3)
    (tmp_path / "lake" / "link").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "lake" / "pipe")
    asked = [StoredFile(path, 1, "v") for path in ("lost", "link", "pipe", "é 0", "nul\0", "x/y")]
    with HashProcesses(place.url, 1) as processes:
        assert processes.hash(asked) == [None] * len(asked)
        (good,) = processes.hash([place.listing()[0]])
    assert good is not None


def test_a_process_that_dies_leaves_its_files_to_whoever_asked(tmp_path: Path) -> None:
    place = lake(tmp_path, 5)
    with HashProcesses(place.url, 1) as processes:
        (process,) = processes._processes
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert processes.hash(place.listing()) == [None] * 6
        assert processes.hash(place.listing()) == [None] * 6


def test_they_end_with_the_block_also_where_it_fails(tmp_path: Path) -> None:
    place = lake(tmp_path, 1)
    with HashProcesses(place.url, 2) as processes:
        well = list(processes._processes)
    assert [process.returncode for process in well] == [0, 0]
    badly: list[subprocess.Popen[bytes]] = []

    def interrupted() -> None:
        with HashProcesses(place.url, 1) as processes:
            badly.extend(processes._processes)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [process.returncode for process in badly] == [-signal.SIGKILL]


_START_AND_DIE = """
import os, signal, sys
from dataplatform.adapters.channel_files.hash_processes import HashProcesses
print(*(process.pid for process in HashProcesses(sys.argv[1], 2)._processes), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.platform
def test_they_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    place = lake(tmp_path, 1)
    # They hold the end of standard error as well: it is read until the last of them has ended.
    command = [sys.executable, "-c", _START_AND_DIE, place.url]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}/fd/0")]


def test_an_engine_with_processes_describes_as_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = lake(tmp_path, 60)
    monkeypatch.setattr(local_module, "PROCESSES_FROM_FILES", 10)
    monkeypatch.setattr(local_module, "CHUNK_FILES", 7)
    started: list[int] = []
    start = hash_processes._start

    def counted(root: str) -> subprocess.Popen[bytes]:
        started.append(1)
        return start(root)

    monkeypatch.setattr(hash_processes, "_start", counted)
    spec = ChannelSpec.model_validate(
        {"channel": "c", "version": "1.0.0", "storage_path": str(tmp_path / "lake")}
    )
    task = DescribeTask(spec.storage_path, spec.model_dump(mode="json", by_alias=True), {})
    files = [*place.listing(), StoredFile("lost.bin", 1, "v")]
    found = [
        [
            one
            for batch in LocalEngine(root="/", threads=count).describe(task, files)
            for one in batch
        ]
        for count in (1, 3)
    ]
    assert found[0] == found[1]
    assert len(started) == 3
