"""A store in a local folder: durable, atomic, safe for many threads and processes.

An object is a plain file, so a store can be looked at, copied and served with everyday tools.
`.locks/` and `.tmp/` are this store's own. Symbolic links inside it are never followed: no key
may lead out of it. Needs POSIX locks, so a network file system is only as safe as its locks.

The version token is made of the file's modification time, size and inode. Writers make the time
of a new version later than the one it replaces, so that no two versions ever share a token, even
where their bytes are equal and the file system hands the inode out again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat as stat_bits
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from opendata.stores import disk
from opendata.stores.naming import check_key, check_prefix, is_key, parent_of
from opendata.stores.port import (
    AlreadyExists,
    Blob,
    ByteStream,
    ObjectStat,
    Opened,
    Payload,
    PreconditionFailed,
)
from opendata.stores.ranges import Pieces, Range, check_ranges, check_small, check_within
from opendata.wire.errors import Denied, InvalidInput, NotFound, Unavailable

LOCKS = ".locks"
STAGED = ".tmp"
PLACE_ATTEMPTS = 5
# A new version must be measurably later; file systems differ in what they can measure.
LATER_BY_NANOSECONDS = (1, 1_000, 1_000_000, 2_000_000_000)


class FolderStore:
    """Objects as files under one folder, which is created by the first write.

    Raises:
        InvalidInput: if the path is a file.
    """

    def __init__(self, path: str) -> None:
        self._url = os.path.abspath(path)
        self._root = os.path.realpath(path)
        self._swept = False
        if os.path.exists(self._root) and not os.path.isdir(self._root):
            raise InvalidInput(
                f"{path} is a file, but a store is a folder",
                code="store_is_file",
                hint="set OPENDATA_STORAGE to a folder, s3://bucket/prefix or https://…",
            )

    def __repr__(self) -> str:
        return f"FolderStore({self._url!r})"

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return self._url

    # --- reading ---------------------------------------------------------------

    @property
    def serves_ranges(self) -> bool:
        """Always."""
        return True

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """The whole object with its version; one beyond `max_bytes` is refused."""
        with self._opened(key) as file, disk.explained(self._joined(key)):
            found = os.fstat(file)
            check_small(found.st_size, max_bytes, key)
            return Blob(disk.read_at(file, 0, found.st_size), _token(found))

    def get_ranges(self, key: str, ranges: Sequence[Range]) -> Pieces:
        """Bytes of several ranges, each exactly as long as asked."""
        check_ranges(ranges)
        with self._opened(key) as file, disk.explained(self._joined(key)):
            check_within(ranges, os.fstat(file).st_size, key)
            return [disk.read_at(file, offset, length) for offset, length in ranges]

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> ByteStream:
        """The object in pieces of at most `chunk_bytes`."""
        return ByteStream(partial(self._pieces, key, chunk_bytes))

    def _pieces(self, key: str, chunk_bytes: int, opened: Opened) -> Iterator[bytes]:
        with self._opened(key) as file:
            opened(_object_stat(key, os.fstat(file)))
            while chunk := self._read_chunk(file, key, chunk_bytes):
                yield chunk

    def stat(self, key: str) -> ObjectStat | None:
        """What is known of the object, or None."""
        path = self._path(key)
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise disk.explain_os_error(error, path) from error
        return _object_stat(key, found) if stat_bits.S_ISREG(found.st_mode) else None

    def local_path(self, key: str) -> str | None:
        """The object's file, if there is one."""
        return self._joined(key) if self.stat(key) else None

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """All objects whose key begins with `prefix`, in byte order."""
        check_prefix(prefix)
        return self._walk(parent_of(prefix), prefix)

    # --- writing ---------------------------------------------------------------

    def put(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Write whatever was there before."""
        with self._staged(key, data) as (temp_path, file), self._locked(key):
            return self._place(temp_path, file, key)

    def put_new(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Create, or raise AlreadyExists."""
        self._refuse_taken(key)  # before a large payload is copied for nothing
        with self._staged(key, data) as (temp_path, file), self._locked(key):
            self._refuse_taken(key)
            return self._place(temp_path, file, key)

    def put_if_match(
        self, key: str, data: bytes, token: str, *, content_type: str | None = None
    ) -> str:
        """Replace exactly the version `token`, or raise PreconditionFailed."""
        with self._staged(key, data) as (temp_path, file), self._locked(key):
            current = self.stat(key)
            if current is None or current.token != token:
                state = "is another version by now" if current else "does not exist"
                raise PreconditionFailed(f"{key} in {self._url} {state}")
            return self._place(temp_path, file, key)

    def delete(self, key: str) -> None:
        """Remove the object, and the folders that it leaves empty."""
        path = self._path(key)
        if self.stat(key) is None:
            return
        with self._writing(path), self._locked(key):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
                disk.sync_folder(os.path.dirname(path))
            self._prune(os.path.dirname(path))

    # --- how -------------------------------------------------------------------

    def _path(self, key: str) -> str:
        """Where the object lies; refuses illegal keys and links."""
        path = self._joined(check_key(key))
        if disk.leads_through_link(self._root, key):
            raise Denied(
                f"{key} in {self._url} leads through a symbolic link, which a store never follows",
                code="link_in_store",
                hint=f"replace the link by what it points to: ls -l {path}",
            )
        return path

    def _joined(self, key: str) -> str:
        """The same of a key that was looked at."""
        return os.path.join(self._root, key)

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        path = self._path(key)
        # Without O_NONBLOCK a named pipe in the folder would block its reader for ever.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            file = os.open(path, flags)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._not_found(key) from error
        except OSError as error:
            raise disk.explain_os_error(error, path) from error
        try:
            if not stat_bits.S_ISREG(os.fstat(file).st_mode):
                raise self._not_found(key)
            yield file
        finally:
            os.close(file)

    def _read_chunk(self, file: int, key: str, chunk_bytes: int) -> bytes:
        with disk.explained(self._joined(key)):
            return os.read(file, chunk_bytes)

    def _not_found(self, key: str) -> NotFound:
        if os.path.isdir(self._root):
            return NotFound(f"there is no {key} in {self._url}", code="no_object")
        return NotFound(
            f"there is no store at {self._url}: the folder does not exist",
            code="no_store",
            hint="set OPENDATA_STORAGE to a folder, s3://bucket/prefix or https://…, "
            "or publish there: od run NS/NAME --publish",
        )

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectStat]:
        for name, entry in self._entries(folder):
            key = f"{folder}/{name}" if folder else name
            if name.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._walk(key.removesuffix("/"), prefix)
            elif key.startswith(prefix) and is_key(key):
                with contextlib.suppress(FileNotFoundError):  # deleted since it was seen
                    yield _object_stat(key, entry.stat(follow_symlinks=False))

    def _entries(self, folder: str) -> Sequence[tuple[str, os.DirEntry[str]]]:
        """Files and folders by name; folders end with a slash, which puts them in byte order."""
        path = self._path(folder) if folder else self._root
        named = []
        try:
            for entry in os.scandir(path):
                if entry.name.startswith(".") or entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    named.append((entry.name + "/", entry))
                elif entry.is_file(follow_symlinks=False):
                    named.append((entry.name, entry))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise disk.explain_os_error(error, path) from error
        return sorted(named, key=lambda one: one[0])

    def _make_ready(self) -> None:
        for own in (LOCKS, STAGED):
            disk.make_folders(os.path.join(self._root, own))
        if not self._swept:
            disk.remove_abandoned(os.path.join(self._root, STAGED))
            self._swept = True

    @contextlib.contextmanager
    def _writing(self, path: str, needed_bytes: int = 0) -> Iterator[None]:
        with disk.explained(path, needed_bytes):
            self._make_ready()
            yield

    @contextlib.contextmanager
    def _staged(self, key: str, data: Payload) -> Iterator[tuple[str, int]]:
        path, needed_bytes = self._path(key), disk.payload_bytes(data)
        folder = os.path.join(self._root, STAGED)
        with self._writing(path, needed_bytes), disk.staged_file(folder, data) as staged:
            yield staged

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        name = hashlib.sha256(key.encode()).hexdigest()[:3]
        with disk.exclusive_lock(os.path.join(self._root, LOCKS, name), f"{key} in {self._url}"):
            yield

    def _refuse_taken(self, key: str) -> None:
        if self.stat(key) is not None:
            raise AlreadyExists(f"{key} already exists in {self._url}")

    def _place(self, temp_path: str, file: int, key: str) -> str:
        """Give the staged file its final name, durably; returns the new version."""
        path = self._path(key)
        folder = os.path.dirname(path)
        _make_later(file, path)
        for _ in range(PLACE_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):  # a neighbour's delete pruned the folder
                disk.make_folders(folder)
                os.rename(temp_path, path)
                disk.sync_folder(folder)
                return _token(os.fstat(file))
        raise Unavailable(f"{folder} keeps vanishing while {key} is written")

    def _prune(self, folder: str) -> None:
        with contextlib.suppress(OSError):  # not empty: the usual end
            while folder != self._root:
                os.rmdir(folder)
                folder = os.path.dirname(folder)


def _token(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"


def _object_stat(key: str, found: os.stat_result) -> ObjectStat:
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    return ObjectStat(key, found.st_size, _token(found), modified_at)


def _make_later(file: int, replaced_path: str) -> None:
    try:
        replaced = os.stat(replaced_path, follow_symlinks=False).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return
    for step in LATER_BY_NANOSECONDS:
        if os.fstat(file).st_mtime_ns > replaced:
            return
        os.utime(file, ns=(replaced + step, replaced + step))
