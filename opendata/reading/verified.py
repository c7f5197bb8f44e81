"""A record of files whose bytes were hashed and looked through: what need not be done again.

A record holds as long as the file's size, modification time and inode are what they were. It
lives beside the download cache; without one it lasts as long as the process. What was looked for
belongs in `limits`; here it is a name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
import uuid
from dataclasses import dataclass

# A file system's clock ticks in steps: a file changed within the step in which it was hashed
# would look unchanged, so a record made that soon after a change is not believed.
CLOCK_STEP_NANOSECONDS = 50_000_000

CHECKS_MAX = 8
"""How many checks of one file are remembered; the oldest is forgotten first."""

Record = dict[str, object]


@dataclass(frozen=True)
class Check:
    """Some columns of some row groups of a file were looked through together, `by` these rules."""

    by: str
    groups: frozenset[int]
    columns: frozenset[str]

    def covers(self, other: Check) -> bool:
        """Whether the other check would find nothing that this one did not look at."""
        is_alike = self.by == other.by
        return is_alike and self.groups >= other.groups and self.columns >= other.columns

    def to_json(self) -> dict[str, object]:
        """As it is written down; the row groups are bits of one number."""
        bits = sum(1 << index for index in self.groups)
        return {"by": self.by, "groups": f"{bits:x}", "columns": sorted(self.columns)}

    @classmethod
    def from_json(cls, value: dict[str, object]) -> Check:
        """Raises KeyError, TypeError or ValueError for what was not written by `to_json`."""
        bits, columns = int(str(value["groups"]), 16), value["columns"]
        if not isinstance(columns, list):
            raise TypeError(columns)
        groups = frozenset(index for index in range(bits.bit_length()) if bits >> index & 1)
        return cls(str(value["by"]), groups, frozenset(map(str, columns)))


class VerifiedFiles:
    """Which file had which digest; kept in a folder, or in memory when that is None."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._memory: dict[str, Record] = {}
        self._lock = threading.Lock()

    def digest_of(self, path: str) -> str | None:
        """The digest that the file was found to have, if nothing has touched it since."""
        record = self._valid(os.path.realpath(path))
        return None if record is None else str(record["digest"])

    def is_checked(self, path: str, check: Check) -> bool:
        """Whether the file as it is now was looked through so, or more thoroughly."""
        record = self._valid(os.path.realpath(path))
        return record is not None and any(one.covers(check) for one in _checks(record))

    def record(self, path: str, digest: str) -> None:
        """Remember the digest that the file was just found to have.

        Raises:
            OSError: if it cannot be written down (it is remembered in this process all the same).
        """
        path = os.path.realpath(path)
        record: Record = {**_fingerprint(path), "digest": digest, "recorded_ns": time.time_ns()}
        self._keep(path, record)

    def record_check(self, path: str, check: Check) -> None:
        """Remember that a file that was hashed was looked through too, and nothing was found.

        How the file looked stays what it was when it was hashed, so that what happened to it since
        shows. Of a file that was not hashed nothing is remembered.

        Raises:
            OSError: as :meth:`record`.
        """
        path = os.path.realpath(path)
        with self._lock:  # the parts of one file are looked through side by side
            record = self._valid(path)
            if record is None:
                return
            others = [one for one in _checks(record) if not check.covers(one)]
            kept = [*others, check][-CHECKS_MAX:]
            self._keep(path, {**record, "checks": [one.to_json() for one in kept]})

    def _valid(self, path: str) -> Record | None:
        """The record, if it is of the file as it is now."""
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
        if recorded_ns - now["mtime_ns"] <= CLOCK_STEP_NANOSECONDS:
            return None
        self._memory[path] = record
        return record

    def _keep(self, path: str, record: Record) -> None:
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


def _checks(record: Record) -> list[Check]:
    found = record.get("checks")
    with contextlib.suppress(KeyError, TypeError, ValueError):  # not ours: it is checked again
        return [Check.from_json(dict(one)) for one in found] if isinstance(found, list) else []
    return []


def _fingerprint(path: str) -> dict[str, int]:
    found = os.stat(path)
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "inode": found.st_ino}
