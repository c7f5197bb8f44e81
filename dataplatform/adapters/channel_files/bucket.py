"""A channel's files below a prefix of an S3 bucket.

A version is the ETag. Keys with a name that begins with a dot, or with a slash at their end
(folders of other programs), are no files of the channel, as they are none in a folder.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import obstore
from obstore.exceptions import GenericError

from dataplatform.channels.ports import Hashed, StoredFile
from opendata.stores import open_store
from opendata.stores.obstore_errors import FOREIGN_ERRORS, code_of, explain
from opendata.stores.patience import Contact, Patience, Request
from opendata.stores.port import REPLACED, LocalFile, ObjectStat, version_of
from opendata.stores.s3 import open_s3_client
from opendata.wire.digest import digest_mismatch
from opendata.wire.errors import InvalidInput, NotFound, Unavailable
from opendata.wire.paths import check_path

if TYPE_CHECKING:
    from obstore import ObjectMeta

CHANGED: Final = "changed"
LINK_SECONDS_MAX: Final = 7 * 24 * 3600
"""Signed addresses of S3 last a week at most."""
Answer = TypeVar("Answer")


class BucketFiles:
    """The objects below `s3://bucket/prefix`.

    Raises:
        InvalidInput: for an address that is none.
        Denied: where there are no credentials.
    """

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        self._store = open_store(url.rstrip("/"), environ=environ)
        self._client, self._place = open_s3_client(url, environ)
        self._contact = Contact(Patience())

    def __repr__(self) -> str:
        return f"BucketFiles({self.url!r})"

    @property
    def url(self) -> str:
        """`s3://bucket/prefix/`."""
        return self._place.url + "/"

    def listing(self) -> Sequence[StoredFile]:
        """All files, in byte order of their paths."""
        found: Sequence[ObjectMeta] = self._ask(
            lambda: self._client.list(chunk_size=1000).collect(), "list the files"
        )
        files = [
            StoredFile(one["path"], one["size"], _version(one))
            for one in found
            if not _is_hidden(one["path"])
        ]
        return sorted(files, key=lambda file: file.path)

    def stat(self, path: str) -> StoredFile | None:
        """One file as it is now, or None."""
        found = self._store.stat(check_path(path))
        return _stored(path, found) if found else None

    def hash(self, path: str, head_bytes: int = 0) -> Hashed:
        """Read a file whole, once; see the port."""
        sha, head, size = hashlib.sha256(), b"", 0
        pieces = self._store.stream(check_path(path))
        for piece in _of_one_version(path, pieces):
            sha.update(piece)
            size += len(piece)
            if len(head) < head_bytes:
                head += piece[: head_bytes - len(head)]
        version = version_of(pieces)
        if version is None:  # an empty object may tell nothing while it is read
            version = self._store.stat(path)
        if version is None or version.size != size:
            raise Unavailable(f"{path} changed while it was read", code=CHANGED)
        return Hashed(_stored(path, version), sha.hexdigest(), head)

    def stream(self, path: str) -> Iterator[bytes]:
        """A file's bytes in pieces."""
        return _of_one_version(path, self._store.stream(check_path(path)))

    def links(self, paths: Sequence[str], seconds: int) -> Sequence[str]:
        """Signed addresses, made without asking the server."""
        if not paths:
            return []
        lasting = timedelta(seconds=min(seconds, LINK_SECONDS_MAX))
        checked = [check_path(path) for path in paths]
        return list(obstore.sign(self._client, "GET", checked, lasting))

    def write(self, path: str, pieces: Iterator[bytes], *, sha256: str) -> None:
        """Put a file in place, whole or not at all: the bytes are checked before they are sent."""
        with tempfile.TemporaryDirectory(prefix="opendata-write-") as folder:
            spooled, sha = os.path.join(folder, "file"), hashlib.sha256()
            with open(spooled, "wb") as file:
                for piece in pieces:
                    sha.update(piece)
                    file.write(piece)
            if sha.hexdigest() != sha256:
                raise digest_mismatch(path, sha256, sha.hexdigest())
            self._store.put(check_path(path), LocalFile(spooled))

    # --- how -------------------------------------------------------------------

    def _ask(self, request: Callable[[], Answer], what: str) -> Answer:
        """Send a request until it is answered, as stores do."""
        under_way = Request(Patience(), self._contact)
        while True:
            try:
                return request()
            except GenericError as error:
                if "invalid path" in str(error).lower():
                    raise InvalidInput(
                        f"a key in {self._place.url} cannot be the path of a file: {error}",
                        code="unsafe_path",
                        hint="rename the object, or move it out of the channel's place",
                    ) from error
                self._rest(under_way, error, what)
            except FOREIGN_ERRORS as error:
                self._rest(under_way, error, what)

    def _rest(self, under_way: Request, error: BaseException, what: str) -> None:
        explained = explain(error, self._place, what)
        if isinstance(explained, NotFound) and code_of(error):
            explained.hint = "check `storage_path` in the channel's spec, and the endpoint"
        if not isinstance(explained, Unavailable):
            raise explained from error
        under_way.rest_or_give_up(explained)


def _of_one_version(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except Unavailable as error:
        if error.code != REPLACED:
            raise
        raise Unavailable(f"{path} changed while it was read", code=CHANGED) from error


def _is_hidden(path: str) -> bool:
    return path.endswith("/") or path.startswith(".") or "/." in path.replace("/../", "//")


def _version(found: ObjectMeta) -> str:
    return found["e_tag"] or found["last_modified"].isoformat()


def _stored(path: str, found: ObjectStat) -> StoredFile:
    modified = found.modified_at.isoformat() if found.modified_at else ""
    return StoredFile(path, found.size, found.token or modified)
