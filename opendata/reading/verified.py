"""A record of files whose bytes were hashed: what need not be hashed again.

A record holds as long as the file's size, modification time and inode are what they were. It
lives beside the download cache; without one it lasts as long as the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid

# A file system's clock ticks in steps: a file changed within the step in which it was hashed
# would look unchanged, so a record made that soon after a change is not believed.
CLOCK_STEP_NANOSECONDS = 50_000_000

Record = dict[str, object]


class VerifiedFiles:
    """Which file had which digest; kept in a folder, or in memory when that is None."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._memory: dict[str, Record] = {}

    def digest_of(self, path: str) -> str | None:
        """The digest that the file was found to have, if nothing has touched it since."""
        path = os.path.realpath(path)
        record = self._memory.get(path) or self._read(path)
        try:
            now = _fingerprint(path)
        except OSError:
            return None
        if not record or any(record.get(name) != value for name, value in now.items()):
            return None
        recorded_ns, digest = record.get("recorded_ns"), record.get("digest")
        if not isinstance(recorded_ns, int) or not isinstance(digest, str):
            return None
        return digest if recorded_ns - now["mtime_ns"] > CLOCK_STEP_NANOSECONDS else None

    def record(self, path: str, digest: str) -> None:
        """Remember the digest that the file was just found to have.

        Raises:
            OSError: if it cannot be written down (it is remembered in this process all the same).
        """
        path = os.path.realpath(path)
        record: Record = {**_fingerprint(path), "digest": digest, "recorded_ns": time.time_ns()}
        self._memory[path] = record
        if self._folder is not None:
            replace_file(self._file_of(path), json.dumps(record).encode())

    def _file_of(self, path: str) -> str:
        name = hashlib.sha256(os.fsencode(path)).hexdigest()
        return os.path.join(self._folder or "", name[:2], name)

    def _read(self, path: str) -> Record | None:
        if self._folder is None:
            return None
        with contextlib.suppress(OSError, ValueError):  # missing or torn: it is hashed again
            with open(self._file_of(path), "rb") as file:
                record = json.load(file)
            return record if isinstance(record, dict) else None
        return None


def replace_file(path: str, data: bytes) -> None:
    """Write a small file whole or not at all, its folders included.

    Raises:
        OSError: if that is not possible.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temp_path = f"{path}.{uuid.uuid4().hex}"
    try:
        with open(temp_path, "xb") as file:
            file.write(data)
        os.replace(temp_path, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temp_path)


def _fingerprint(path: str) -> dict[str, int]:
    found = os.stat(path)
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "inode": found.st_ino}
