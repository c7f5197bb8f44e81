"""Reading files below a folder: opened name by name so that no link is followed, hashed in one go.

This module is also a program: `hash_processes` runs it by its path, once for each core, and asks it
for the digests of a hundred files at a time. So it imports nothing but what Python brings, and
starts within a few milliseconds.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import sys
import time

PIECE_BYTES = 1 << 20
# A file's time advances in steps; where its seconds are whole, in steps of up to two of them.
STEP_NS = 20_000_000
COARSE_STEP_NS = 2_000_000_000
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK a named pipe would block its reader for ever.
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Changed(Exception):
    """The file changed while it was read."""


class FolderReader:
    """Reads files below a folder; for one thread. It keeps the last folder open, because files come
    by folders."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._path = ""
        self._descriptor = -1

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def open(self, path: str) -> int:
        """A descriptor of a plain file; `path` was checked and has no `..`.

        Raises:
            OSError: ENXIO for what is no plain file, ELOOP or ENOTDIR for a link on the way.
        """
        return self._open(path)[0]

    def _open(self, path: str) -> tuple[int, os.stat_result]:
        folder, _, name = path.rpartition("/")
        if folder != self._path or self._descriptor < 0:
            self._enter(folder)
        file = os.open(name, OPEN_FILE, dir_fd=self._descriptor)
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            os.close(file)
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path)
        return file, found

    def hash(self, path: str, head_bytes: int) -> tuple[os.stat_result, str, bytes]:
        """What a file is, the digest of its bytes, and its first bytes.

        Raises:
            OSError: as `open`.
            Changed: if it changed while it was read.
        """
        file, before = self._open(path)
        try:
            outwait_step(before)
            sha256, head, size = digest_of_open(file, before.st_size, head_bytes)
            now = os.fstat(file)
        finally:
            os.close(file)
        if size != now.st_size or before.st_mtime_ns != now.st_mtime_ns:
            raise Changed(path)
        return now, sha256, head

    def _enter(self, folder: str) -> None:
        self.close()
        at = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in filter(None, folder.split("/")):
            try:
                inner = os.open(name, OPEN_FOLDER, dir_fd=at)
            finally:
                os.close(at)
            at = inner
        self._path, self._descriptor = folder, at


def outwait_step(found: os.stat_result) -> None:
    """Wait until whoever writes the file from now on gives it another time than it has."""
    step = STEP_NS if found.st_mtime_ns % 1_000_000_000 else COARSE_STEP_NS
    age = time.time_ns() - found.st_mtime_ns
    if 0 <= age < step:
        time.sleep((step - age) / 1e9)


def digest_of_open(file: int, size: int, head_bytes: int) -> tuple[str, bytes, int]:
    """The digest of an open file, its first bytes, and how many bytes were read."""
    if size < PIECE_BYTES:
        data = os.read(file, size + 1)
        if len(data) == size:
            return hashlib.sha256(data).hexdigest(), data[:head_bytes], size
        os.lseek(file, 0, os.SEEK_SET)
    sha, head, total = hashlib.sha256(), b"", 0
    buffer = memoryview(bytearray(PIECE_BYTES))
    while count := os.readv(file, [buffer]):
        sha.update(buffer[:count])
        if len(head) < head_bytes:
            head += bytes(buffer[: min(count, head_bytes - len(head))])
        total += count
    return sha.hexdigest(), head, total


def answer(reader: FolderReader, path: str) -> list[object] | None:
    """Size, time, inode and digest of a file; None where it has to be looked at more closely."""
    try:
        found, sha256, _ = reader.hash(path, 0)
    except (OSError, Changed, ValueError):
        return None  # whoever asked reads it again, and says what is wrong
    return [found.st_size, found.st_mtime_ns, found.st_ino, sha256]


def serve(root: str) -> None:
    """Answer lines of paths by lines of what they are, until there are no more."""
    reader = FolderReader(root)
    for line in sys.stdin.buffer:
        answers = [answer(reader, path) for path in json.loads(line)]
        sys.stdout.buffer.write(json.dumps(answers).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
