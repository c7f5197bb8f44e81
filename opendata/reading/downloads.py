"""Getting an object into a file: hashed on its way, resumed where it stopped, never kept half.

A download in progress is `<digest>.part`, locked by the process that fills it. Whoever comes
second waits while the file grows, and goes on alone should it stop growing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
import uuid
from collections.abc import Iterator

from opendata.reading.parts import missing_pieces
from opendata.stores.port import ObjectReader
from opendata.wire.digest import digest_mismatch
from opendata.wire.errors import Corrupt, OpenDataError, Unavailable

BLOB_MODE = 0o444
HASHED_BYTES = 1 << 20
STALLED_SECONDS = 15.0
POLL_SECONDS = 0.05
# A kept file is dated back by this much, so that any later touch shows in its time.
SETTLED_NANOSECONDS = 2_000_000_000


def download(
    reader: ObjectReader, key: str, digest: str, size: int, *, partial: str, target: str
) -> None:
    """Fill `target` with the object; unfinished parts lie in the folder `partial`.

    Raises:
        Corrupt: naming the key, if the bytes are not those of `digest`; nothing is kept.
        NotFound, Denied, Unavailable: as the store answers; what arrived is kept for later.
        OSError: if the disk refuses; nothing is kept.
    """
    os.makedirs(partial, exist_ok=True)
    with _claimed(os.path.join(partial, f"{digest}.part"), target) as claim:
        if claim is None:  # somebody else has just finished it
            return
        path, file = claim
        try:
            _fill_exactly(reader, key, digest, size, file)
            keep(path, file, target)
        except (Corrupt, OSError):
            _remove(path)
            raise
        except OpenDataError:
            if not os.fstat(file).st_size:  # nothing arrived that could be resumed
                _remove(path)
            raise


def keep(path: str, file: int, target: str) -> None:
    """Give a complete, verified file its final name, read-only."""
    os.fchmod(file, BLOB_MODE)
    settled = time.time_ns() - SETTLED_NANOSECONDS
    os.utime(file, ns=(settled, settled))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.replace(path, target)


def write_all(file: int, data: bytes) -> None:
    """Write all of the bytes, however few the system takes at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def wrong_size(key: str, expected: int, actual: str) -> Corrupt:
    """The error for an object whose length is not what its manifest says."""
    return Corrupt(
        f"{key} is corrupt: it has {actual} bytes, expected {expected}",
        code="size_mismatch",
        hint="od verify lists every damaged object of a data set",
        details={"object": key, "expected_bytes": expected},
    )


def _fill_exactly(reader: ObjectReader, key: str, digest: str, size: int, file: int) -> None:
    if os.fstat(file).st_size:
        # What an earlier process left may be torn; that is not the object's fault.
        with contextlib.suppress(Corrupt):
            if _fill(reader, key, size, file) == digest:
                return
        os.ftruncate(file, 0)
    actual = _fill(reader, key, size, file)
    if actual != digest:
        raise digest_mismatch(key, digest, actual)


def _fill(reader: ObjectReader, key: str, size: int, file: int) -> str:
    """Append what is missing; returns the digest of all of it."""
    hasher = hashlib.sha256()
    os.lseek(file, 0, os.SEEK_SET)
    while chunk := os.read(file, HASHED_BYTES):
        hasher.update(chunk)
    have = os.lseek(file, 0, os.SEEK_CUR)
    while have < size or have == size == 0:
        before = have
        try:
            with contextlib.closing(missing_pieces(reader, key, have, size)) as chunks:
                for chunk in chunks:
                    have += len(chunk)
                    if have > size:
                        raise wrong_size(key, size, f"more than {size}")
                    write_all(file, chunk)
                    hasher.update(chunk)
            break
        except Unavailable:
            if have == before:  # no progress at all: the store is out of reach
                raise
    if have != size:
        raise wrong_size(key, size, str(have))
    return hasher.hexdigest()


@contextlib.contextmanager
def _claimed(part: str, target: str) -> Iterator[tuple[str, int] | None]:
    """The part file, locked; one of our own if its owner stalls; None once `target` is there."""
    while True:
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _wait_while_it_grows(file):
                with _own_file(os.path.dirname(part)) as own:
                    yield own
                return
            if _is_still(file, part):
                yield part, file
                return
            if os.path.exists(target):
                yield None
                return
        finally:
            os.close(file)


def _wait_while_it_grows(file: int) -> bool:
    """Whether the lock was had; False if its holder has written nothing for a while."""
    size, deadline = -1, 0.0
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            grown = os.fstat(file).st_size
            if grown != size:
                size, deadline = grown, time.monotonic() + STALLED_SECONDS
            elif time.monotonic() > deadline:
                return False
        time.sleep(POLL_SECONDS)


def _is_still(file: int, path: str) -> bool:
    """Whether the open file is the one at `path`, and not one that was renamed meanwhile."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _own_file(folder: str) -> Iterator[tuple[str, int]]:
    path = os.path.join(folder, f"{uuid.uuid4().hex}.own")
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield path, file
    finally:
        os.close(file)
        _remove(path)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
