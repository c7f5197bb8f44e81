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
import os
import threading
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final
from urllib.parse import quote

from dataplatform.adapters.channel_files.folder_reading import PIECE_BYTES, Changed, FolderReader
from dataplatform.adapters.channel_files.hash_processes import file_version
from dataplatform.adapters.channel_files.placing import place_file
from dataplatform.channels.ports import Hashed, StoredFile
from opendata.stores.disk import explain_os_error
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Unavailable
from opendata.wire.paths import check_path

CHANGED: Final = "changed"
_new: Final = tuple.__new__
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV})


class FolderFiles:
    """The plain files below a folder."""

    def __init__(self, path: str) -> None:
        self._root = os.path.realpath(path)
        self._local = threading.local()

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
                hint="check `storage_path` in the channel's spec (a relative one begins where od "
                "or Dagster was started), and that the disk is mounted",
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
        found.sort(key=itemgetter(0))
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
        try:
            found, sha256, head = self._reader.hash(check_path(path), head_bytes)
        except Changed as error:
            raise _changed(path) from error
        except OSError as error:
            raise self._explained(error, path) from error
        return Hashed(_stored(path, found), sha256, head)

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
        try:
            file = self._reader.open(check_path(path))
        except OSError as error:
            raise self._explained(error, path) from error
        try:
            yield file
        finally:
            os.close(file)

    @property
    def _reader(self) -> FolderReader:
        """Each thread has its own."""
        reader: FolderReader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = FolderReader(self._root)
        return reader

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


def _scan(path: str, folder: str, found: list[StoredFile], waiting: list[str]) -> None:
    prefix = f"{folder}/" if folder else ""
    add = found.append
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                continue
            if entry.is_file(follow_symlinks=False):
                try:
                    stat = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone since its folder was read
                # As `_stored`, written out: an unchanged channel costs these lines.
                version = "%x-%x" % (stat.st_mtime_ns, stat.st_ino)  # noqa: UP031 - twice as fast
                add(_new(StoredFile, (prefix + name, stat.st_size, version)))
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(prefix + name)


def _stored(path: str, found: os.stat_result) -> StoredFile:
    return StoredFile(path, found.st_size, file_version(found.st_mtime_ns, found.st_ino))


def _changed(path: str) -> Unavailable:
    return Unavailable(f"{path} changed while it was read", code=CHANGED)
