"""Bytes on their way into a file of the cache, with somewhere else to go when its disk refuses."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable

from opendata.reading.downloads import HASHED_BYTES, keep, write_all


@functools.cache
def scratch_folder() -> str:
    """A folder of this process alone, removed when it ends.

    Raises:
        OSError: if the machine has no usable temporary folder.
    """
    folder = tempfile.mkdtemp(prefix="opendata-")
    atexit.register(_remove, folder, os.getpid())
    return folder


class Spool:
    """A file under `folder`; from the first failure on, one in the scratch folder instead.

    `on_failure` hears of that failure. Failures of the scratch folder are raised.
    """

    def __init__(self, folder: str | None, on_failure: Callable[[OSError], None]) -> None:
        self.folder = folder or scratch_folder()
        self._on_failure = on_failure
        self._written = 0
        self._path, self._file = "", -1
        self._attempt(self._open)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._attempt(lambda: write_all(self._file, data))
        self._written += len(data)

    def keep_as(self, *names: str) -> str:
        """Give the file its final place below the folder; returns the path."""
        self._attempt(lambda: keep(self._path, self._file, os.path.join(self.folder, *names)))
        return os.path.join(self.folder, *names)

    def close(self) -> None:
        """Close the file; what was not kept is removed."""
        if self._file >= 0:
            os.close(self._file)
        with contextlib.suppress(OSError):
            os.unlink(self._path)

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            if self.folder == scratch_folder():
                raise
            self._on_failure(error)
            self._move_to_scratch()
            if act != self._open:
                act()

    def _open(self) -> None:
        partial = os.path.join(self.folder, "partial")
        os.makedirs(partial, exist_ok=True)
        path = os.path.join(partial, f"{uuid.uuid4().hex}.own")
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._path = path

    def _move_to_scratch(self) -> None:
        old_path, old_file = self._path, self._file
        self.folder = scratch_folder()
        self._open()
        if old_file < 0:
            return
        copied = 0
        while copied < self._written:
            chunk = os.pread(old_file, min(HASHED_BYTES, self._written - copied), copied)
            write_all(self._file, chunk)
            copied += len(chunk)
        os.close(old_file)
        with contextlib.suppress(OSError):
            os.unlink(old_path)


def _remove(folder: str, process_id: int) -> None:
    if os.getpid() == process_id:  # a forked child must not take its parent's files away
        shutil.rmtree(folder, ignore_errors=True)
