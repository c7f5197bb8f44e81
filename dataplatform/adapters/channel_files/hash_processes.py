"""Hashing many small files in processes beside this one, a core each.

For small files threads wait for Python's lock more than they hash. What a process cannot say of a
file (it vanished, changed, may not be read) it leaves to whoever asked, and so does one that dies.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final

from dataplatform.adapters.channel_files import folder_reading
from dataplatform.channels.ports import Hashed, StoredFile

END_SECONDS: Final = 10.0


class HashProcesses:
    """Processes that hash files below a folder; used by as many threads.

    They end with the block, and with this process: nobody writes to them any more then.
    """

    def __init__(self, root: str, count: int) -> None:
        self._processes = [_start(root) for _ in range(count)]
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        for process in self._processes:
            self._idle.put(process)

    def __enter__(self) -> HashProcesses:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            _end(process, at_once=kind is not None)

    def hash(self, files: Sequence[StoredFile]) -> Sequence[Hashed | None]:
        """What each of the files is now, or None where it has to be looked at more closely."""
        process = self._idle.get()
        try:
            return _ask(process, [file.path for file in files])
        except (OSError, ValueError):
            return [None] * len(files)
        finally:
            self._idle.put(process)


def _start(root: str) -> subprocess.Popen[bytes]:
    # Isolated and without site-packages: it needs neither, and starts at once.
    command = [sys.executable, "-I", "-S", str(folder_reading.__file__), root]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _ask(process: subprocess.Popen[bytes], paths: Sequence[str]) -> Sequence[Hashed | None]:
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process was started without pipes")
    process.stdin.write(json.dumps(paths).encode() + b"\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise ValueError("the process has ended")
    return list(_hashed(paths, json.loads(line)))


def _hashed(
    paths: Sequence[str], answers: Sequence[tuple[int, int, int, str] | None]
) -> Iterator[Hashed | None]:
    for path, answer in zip(paths, answers, strict=True):
        if answer is None:
            yield None
            continue
        size, time_ns, inode, sha256 = answer
        yield Hashed(StoredFile(path, size, file_version(time_ns, inode)), sha256, b"")


def file_version(time_ns: int, inode: int) -> str:
    """The version of a file in a folder."""
    return "%x-%x" % (time_ns, inode)  # noqa: UP031 - twice as fast


def _end(process: subprocess.Popen[bytes], *, at_once: bool) -> None:
    if at_once:
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # it may have ended before it read all
                pipe.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
