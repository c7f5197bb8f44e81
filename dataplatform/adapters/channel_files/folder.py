"""A channel's files in a folder.

Links are never followed, neither of files nor of folders: what is read lies below the folder, also
where somebody swaps a folder for a link meanwhile. Names that begin with a dot are no files of the
channel: other programs keep temporary and hidden things so.

A version is the modification time and the inode. Time advances in steps of some milliseconds, so
that a file could be written again within one and look unchanged; a file that fresh is read only
when the step is over.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat as stat_bits
import threading
import time
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Final
from urllib.parse import quote

from dataplatform.adapters.channel_files.placing import place_file
from dataplatform.channels.ports import Hashed, StoredFile
from opendata.stores.disk import explain_os_error
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Unavailable
from opendata.wire.paths import check_path

CHANGED: Final = "changed"
PIECE_BYTES: Final = 1 << 20
STEP_NS: Final = 20_000_000
COARSE_STEP_NS: Final = 2_000_000_000
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK a named pipe would block its reader for ever.
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV})


class FolderFiles:
    """The plain files below a folder."""

    def __init__(self, path: str) -> None:
        self._root = os.path.realpath(path)
        self._last = threading.local()

    def __repr__(self) -> str:
        return f"FolderFiles({self._root!r})"

    @property
    def url(self) -> str:
        """The folder's absolute path, with a slash at its end."""
        return self._root.rstrip("/") + "/"

    def listing(self) -> Sequence[StoredFile]:
        """All files, in byte order of their paths."""
        if not os.path.isdir(self._root):
            raise NotFound(
                f"there is no folder {self._root}",
                code="no_channel_files",
                hint="check `storage_path` in the channel's spec, and that the disk is mounted",
            )
        found: list[StoredFile] = []
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                _scan(f"{self._root}/{folder}", folder, found, waiting)
            except OSError as error:
                # A folder that is gone since it was seen has no files; the channel's own has to be.
                if not folder or error.errno not in _GONE:
                    raise self._explained(error, folder) from error
        found.sort(key=attrgetter("path"))
        return found

    def stat(self, path: str) -> StoredFile | None:
        """One file as it is now, or None."""
        try:
            with self._opened(path) as file:
                return _stored(path, os.fstat(file))
        except NotFound:
            return None

    def hash(self, path: str, head_bytes: int = 0) -> Hashed:
        """Read a file whole, once; see the port."""
        # The busiest lines of an indexing: each call of the system here is one more at which
        # threads wait for each other.
        file = self._open(path)
        try:
            before = os.fstat(file)
            if not stat_bits.S_ISREG(before.st_mode):
                raise self._no_file(path)
            _outwait_step(before)
            digest, head, size = _digest(file, before.st_size, head_bytes)
            now = os.fstat(file)
        except OSError as error:
            raise self._explained(error, path) from error
        finally:
            os.close(file)
        if size != now.st_size or before.st_mtime_ns != now.st_mtime_ns:
            raise _changed(path)
        return Hashed(_stored(path, now), digest, head)

    def stream(self, path: str) -> Iterator[bytes]:
        """A file's bytes in pieces."""
        with self._opened(path) as file:
            before = _stored(path, os.fstat(file))
            while piece := os.read(file, PIECE_BYTES):
                yield piece
            if _stored(path, os.fstat(file)) != before:
                raise _changed(path)

    def links(self, paths: Sequence[str], seconds: int) -> Sequence[str]:
        """`file:` addresses; they last."""
        return [f"file://{quote(self.url + check_path(path))}" for path in paths]

    def write(self, path: str, pieces: Iterator[bytes], *, sha256: str) -> None:
        """Put a file in place, whole or not at all."""
        try:
            place_file(self._root, check_path(path), pieces, sha256)
        except OSError as error:
            raise self._explained(error, path) from error

    # --- how -------------------------------------------------------------------

    @contextlib.contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        file = self._open(path)
        try:
            if not stat_bits.S_ISREG(os.fstat(file).st_mode):
                raise self._no_file(path)
            yield file
        finally:
            os.close(file)

    def _open(self, path: str) -> int:
        folder, _, name = check_path(path).rpartition("/")
        try:
            return os.open(name, _OPEN_FILE, dir_fd=self._folder(folder))
        except OSError as error:
            raise self._explained(error, path) from error

    def _no_file(self, path: str) -> NotFound:
        return NotFound(f"{self.url}{path} is no plain file", code="no_file")

    def _folder(self, folder: str) -> int:
        """A descriptor of a folder; each thread keeps its last, because files come by folders."""
        last: _Folder | None = getattr(self._last, "folder", None)
        if last is None or last.path != folder:
            last = self._last.folder = _Folder(self._root, folder)
        return last.descriptor

    def _explained(self, error: OSError, path: str) -> OpenDataError:
        where = self.url + path
        if error.errno in _GONE:
            return NotFound(f"there is no file {where}", code="no_file")
        if error.errno == errno.ENAMETOOLONG:
            return InvalidInput(f"{where} is too long a path to be opened", code="unsafe_path")
        explained = explain_os_error(error, where)
        if isinstance(explained, Denied):
            return Denied(f"{where} may not be read", code="file_denied", hint=f"ls -ld '{where}'")
        return explained


class _Folder:
    """An open folder, reached name by name so that no link is followed; closed when forgotten."""

    def __init__(self, root: str, path: str) -> None:
        self.path = path
        self.descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in filter(None, path.split("/")):
            try:
                inner = os.open(name, _OPEN_FOLDER, dir_fd=self.descriptor)
            except OSError:
                os.close(self.descriptor)
                self.descriptor = -1
                raise
            os.close(self.descriptor)
            self.descriptor = inner

    def __del__(self) -> None:
        if getattr(self, "descriptor", -1) >= 0:
            os.close(self.descriptor)


def _scan(path: str, folder: str, found: list[StoredFile], waiting: list[str]) -> None:
    prefix = f"{folder}/" if folder else ""
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                continue
            if entry.is_file(follow_symlinks=False):
                try:
                    found.append(_stored(prefix + name, entry.stat(follow_symlinks=False)))
                except FileNotFoundError:
                    continue  # gone since its folder was read
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(prefix + name)


def _stored(path: str, found: os.stat_result) -> StoredFile:
    return StoredFile(path, found.st_size, f"{found.st_mtime_ns:x}-{found.st_ino:x}")


def _outwait_step(found: os.stat_result) -> None:
    """Wait until whoever writes the file from now on gives it another time than it has."""
    step = STEP_NS if found.st_mtime_ns % 1_000_000_000 else COARSE_STEP_NS
    age = time.time_ns() - found.st_mtime_ns
    if 0 <= age < step:
        time.sleep((step - age) / 1e9)


def _digest(file: int, size: int, head_bytes: int) -> tuple[str, bytes, int]:
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


def _changed(path: str) -> Unavailable:
    return Unavailable(f"{path} changed while it was read", code=CHANGED)
