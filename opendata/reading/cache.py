"""The download cache: objects by their digest, so that nothing in it can ever be stale.

`OPENDATA_CACHE` names its folder, or is `off`. A cache that cannot be written is a slower cache,
never a failed read: it says so once, and downloads go to a folder that ends with the process.

::

    blobs/<aa>/<digest>    complete objects, verified when they were written
    partial/               downloads in progress or interrupted
    verified/              which files were hashed, and how they looked then
    seen/                  the last pointers that were read, for offline use
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping

from opendata.reading.downloads import download, wrong_size
from opendata.reading.spool import Spool, scratch_folder
from opendata.reading.verified import Check, VerifiedFiles, replace_file
from opendata.stores.disk import explain_os_error
from opendata.stores.port import ObjectReader
from opendata.wire.digest import digest_mismatch, parse_digest

CACHE_VARIABLE = "OPENDATA_CACHE"
OFF = "off"

_log = logging.getLogger("opendata.cache")


class Cache:
    """Objects by digest in a folder; `Cache(None)` keeps nothing."""

    def __init__(self, folder: str | None) -> None:
        self._folder = os.path.abspath(folder) if folder else None
        self._is_writable = self._folder is not None
        self._verified = VerifiedFiles(self._in_folder("verified") if self._folder else None)

    def __repr__(self) -> str:
        return f"Cache({self._folder!r})"

    @property
    def folder(self) -> str | None:
        """Where it is, or None where it keeps nothing."""
        return self._folder

    @property
    def enabled(self) -> bool:
        """Whether what is fetched now will be found next time."""
        return self._is_writable

    # --- objects -----------------------------------------------------------------

    def get(self, digest: str) -> str | None:
        """A file with exactly these bytes, if one is kept; a damaged one is dropped."""
        digest = parse_digest(digest)
        if self._folder is None:
            return None
        path = os.path.join(self._folder, *_blob(digest))
        if self._verified.digest_of(path) == digest:
            return path
        try:
            with open(path, "rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
        if actual == digest:
            self.record_verified(path, digest)
            return path
        _log.warning("%s was damaged in the cache and is fetched again", digest[:12])
        with contextlib.suppress(OSError):
            os.unlink(path)
        return None

    def fetch(self, reader: ObjectReader, key: str, digest: str, size: int) -> str:
        """A file with the object's bytes: the kept one, or one that is downloaded now.

        An interrupted download goes on where it stopped, in this process or another.

        Raises:
            Corrupt: naming the key, if the store's bytes are not those of `digest`.
            NotFound, Denied, Unavailable: as the store answers, or if no disk has room.
        """
        digest = parse_digest(digest)
        kept = self.get(digest)
        if kept is not None:
            return kept
        if self._folder is not None and self._is_writable:
            try:
                return self._download(self._folder, reader, key, digest, size)
            except OSError as error:
                self._give_up(error)
        try:
            return self._download(scratch_folder(), reader, key, digest, size)
        except OSError as error:
            raise explain_os_error(error, tempfile.gettempdir(), size) from error

    def put_stream(
        self, digest: str, chunks: Iterable[bytes], size: int, *, key: str | None = None
    ) -> str:
        """Keep bytes that come in pieces; returns their file.

        Raises:
            Corrupt: naming the key, if they are not those of `digest`; nothing is kept.
            Unavailable: if no disk has room.
        """
        digest = parse_digest(digest)
        kept = self.get(digest)
        if kept is not None:
            return kept
        folder = self._folder if self._is_writable else None
        try:
            with contextlib.closing(Spool(folder, self._give_up)) as spool:
                _pour(chunks, spool, digest, size, key or digest)
                path = spool.keep_as(*_blob(digest))
        except OSError as error:
            raise explain_os_error(error, tempfile.gettempdir(), size) from error
        self.record_verified(path, digest)
        return path

    # --- files that were hashed ----------------------------------------------------

    def verified(self, path: str) -> str | None:
        """The digest that this file was found to have, if nothing touched it since."""
        return self._verified.digest_of(path)

    def record_verified(self, path: str, digest: str) -> None:
        """Remember that this file was just hashed."""
        with self._giving_up():
            self._verified.record(path, parse_digest(digest))

    def is_checked(self, path: str, check: Check) -> bool:
        """Whether this file was looked through so before, and nothing touched it since."""
        return self._verified.is_checked(path, check)

    def record_check(self, path: str, check: Check) -> None:
        """Remember that this file, hashed before, was looked through and found safe."""
        with self._giving_up():
            self._verified.record_check(path, check)

    # --- what was seen last --------------------------------------------------------

    def remember(self, name: str, data: bytes) -> None:
        """Keep a small mutable thing (a pointer) as it was last seen."""
        if self._folder is not None and self._is_writable:
            with self._giving_up():
                replace_file(self._seen(name), data)

    def recall(self, name: str) -> bytes | None:
        """What was remembered under that name."""
        if self._folder is None:
            return None
        try:
            with open(self._seen(name), "rb") as file:
                return file.read()
        except OSError:
            return None

    # --- how -----------------------------------------------------------------------

    def _in_folder(self, *names: str) -> str:
        return os.path.join(self._folder or "", *names)

    def _seen(self, name: str) -> str:
        return self._in_folder("seen", hashlib.sha256(name.encode()).hexdigest())

    def _download(self, folder: str, reader: ObjectReader, key: str, digest: str, size: int) -> str:
        path = os.path.join(folder, *_blob(digest))
        partial = os.path.join(folder, "partial")
        download(reader, key, digest, size, partial=partial, target=path)
        self.record_verified(path, digest)
        return path

    @contextlib.contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Say once that the cache cannot be written, and go on without."""
        if self._is_writable:
            self._is_writable = False
            _log.warning(
                "the cache %s cannot be written (%s); going on without it. "
                "Set %s to a folder with room, or to %s",
                self._folder,
                error.strerror or error,
                CACHE_VARIABLE,
                OFF,
            )


def open_cache(environ: Mapping[str, str]) -> Cache:
    """The cache that `OPENDATA_CACHE` names; by default one in the user's cache folder."""
    named = environ.get(CACHE_VARIABLE, "").strip()
    if named.lower() == OFF:
        return Cache(None)
    if named:
        return Cache(os.path.expanduser(named))
    from platformdirs import user_cache_dir

    return Cache(user_cache_dir("opendata", appauthor=False))


def _blob(digest: str) -> tuple[str, str, str]:
    return "blobs", digest[:2], digest


def _pour(chunks: Iterable[bytes], spool: Spool, digest: str, size: int, key: str) -> None:
    hasher, have = hashlib.sha256(), 0
    for chunk in chunks:
        have += len(chunk)
        if have > size:
            raise wrong_size(key, size, f"more than {size}")
        hasher.update(chunk)
        spool.write(chunk)
    if have != size:
        raise wrong_size(key, size, str(have))
    if hasher.hexdigest() != digest:
        raise digest_mismatch(key, digest, hasher.hexdigest())
