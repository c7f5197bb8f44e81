"""Durable work on local files: staged writes, locks, folders, and what went wrong with them.

Here belongs what makes a write survive a crash (temporary file, fsync, rename, fsync of the
folder); what the files mean is the business of the store that uses this.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator

from opendata.stores.port import REPLACED, LocalFile, Payload
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Unavailable

OBJECT_MODE = 0o644
COPY_BYTES = 1 << 20
KERNEL_COPY_BYTES = 1 << 30
LOCK_WAIT_SECONDS = 60.0
ABANDONED_AFTER_SECONDS = 3600.0

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP}
_NO_KERNEL_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF}


def explain_os_error(error: OSError, path: str, needed_bytes: int = 0) -> OpenDataError:
    """The error of this project for what the operating system reported about `path`."""
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return Unavailable(
            f"no space is left for {path}: {needed_bytes} bytes are needed, "
            f"{_free_bytes(path)} are free",
            code="disk_full",
            hint="free some space there, then run the same command again",
            details={"path": path, "needed_bytes": needed_bytes},
        )
    if error.errno in _FORBIDDEN:
        return Denied(
            f"{path} may not be used: {reason}",
            code="folder_denied",
            hint=f"ls -ld {os.path.dirname(path)}",
            details={"path": path},
        )
    if error.errno == errno.ENAMETOOLONG:
        return InvalidInput(f"{path} is too long a path for this file system", code="invalid_key")
    if error.errno in (errno.ENOTDIR, errno.EISDIR):
        return InvalidInput(
            f"{path} cannot be written: one part of the path is a file and a folder at once",
            code="invalid_key",
        )
    return Unavailable(
        f"{path} cannot be used: {reason}", code="disk_error", details={"path": path}
    )


@contextlib.contextmanager
def explained(path: str, needed_bytes: int = 0) -> Iterator[None]:
    """Translate every OSError of the block into this project's errors."""
    try:
        yield
    except OSError as error:
        raise explain_os_error(error, path, needed_bytes) from error


def payload_bytes(payload: Payload) -> int:
    """How large the payload is.

    Raises:
        NotFound, InvalidInput: if it names no regular file.
    """
    if isinstance(payload, bytes):
        return len(payload)
    if os.path.isfile(payload.path):
        return os.stat(payload.path).st_size
    if os.path.exists(payload.path):
        raise InvalidInput(f"{payload.path} is no regular file, so it cannot be stored")
    raise NotFound(f"there is no file {payload.path} to store")


@contextlib.contextmanager
def staged_file(folder: str, payload: Payload) -> Iterator[tuple[str, int]]:
    """A complete, synced temporary file with the payload's bytes: its path and descriptor.

    It is removed on leaving unless it was renamed. Its lock says that its writer lives.
    """
    path = os.path.join(folder, uuid.uuid4().hex)
    is_taken = isinstance(payload, LocalFile) and payload.spare and _link(payload.path, path)
    flags = os.O_RDWR | os.O_CLOEXEC | (0 if is_taken else os.O_CREAT | os.O_EXCL)
    file = os.open(path, flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        if isinstance(payload, bytes):
            _write_all(file, payload)
        elif not is_taken:
            _copy_into(file, payload.path)
        os.fchmod(file, OBJECT_MODE)
        os.fsync(file)
        yield path, file
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(file)


def read_at(file: int, offset: int, length: int) -> bytes:
    """Exactly `length` bytes from `offset` on, however few the system gives at a time.

    Raises:
        Unavailable: if the file ends before.
    """
    pieces: list[bytes] = []
    while length:
        piece = os.pread(file, length, offset)
        if not piece:
            raise Unavailable("the file shrank while it was read", code=REPLACED)
        pieces.append(piece)
        offset, length = offset + len(piece), length - len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def leads_through_link(folder: str, key: str) -> bool:
    """Whether anything on the way from `folder` to the file is a symbolic link."""
    at = folder
    for part in key.split("/"):
        at = os.path.join(at, part)
        if os.path.islink(at):
            return True
    return False


def remove_abandoned(folder: str) -> None:
    """Remove temporary files whose writers were killed: old ones that nobody holds a lock on."""
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):  # somebody else's cleaning, or their live file
            if time.time() - entry.stat(follow_symlinks=False).st_mtime < ABANDONED_AFTER_SECONDS:
                continue
            file = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(entry.path)
            finally:
                os.close(file)


@contextlib.contextmanager
def exclusive_lock(path: str, what: str) -> Iterator[None]:
    """Hold the lock file at `path`, across threads and processes.

    Raises:
        Unavailable: if somebody else holds it for a minute (a stopped process, perhaps).
    """
    # Read access suffices for flock and lets other users of a shared folder in.
    file = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, OBJECT_MODE)
    try:
        _wait_for_lock(file, what)
        yield
    finally:
        os.close(file)


def make_folders(path: str) -> None:
    """Create the folder and its parents so that they survive a power loss."""
    missing: list[str] = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise NotADirectoryError(errno.ENOTDIR, "Not a directory", folder) from None
        sync_folder(os.path.dirname(folder))


def sync_folder(path: str) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _link(source_path: str, path: str) -> bool:
    """Give a file a second name; False where the file system cannot, or they are two."""
    try:
        os.link(source_path, path, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise
    return True


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _copy_into(file: int, source_path: str) -> None:
    """Copy a file, by reference where the file system can share its blocks."""
    with open(source_path, "rb") as source:
        try:
            while os.copy_file_range(source.fileno(), file, KERNEL_COPY_BYTES):
                pass
        except OSError as error:
            if error.errno not in _NO_KERNEL_COPY:
                raise
        # Whatever the kernel did not copy (all of it, where it cannot) is copied by hand.
        while chunk := os.read(source.fileno(), COPY_BYTES):
            _write_all(file, chunk)


def _wait_for_lock(file: int, what: str) -> None:
    # Waiting for ever is what flock alone would do behind a stopped process.
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    pause = 0.001
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"{what} is locked by another process", code="locked") from error
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _free_bytes(path: str) -> int:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free
