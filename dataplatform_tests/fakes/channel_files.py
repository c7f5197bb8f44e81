"""A channel's place in memory: its files misbehave when they are told to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from dataplatform.channels.ports import Hashed, StoredFile
from opendata.wire.digest import digest_mismatch
from opendata.wire.errors import Denied, NotFound, Unavailable
from opendata.wire.paths import check_path

PIECE_BYTES = 1 << 16
PIECE_FILES = 3


class FakeChannelFiles:
    """Files by their paths. `put` writes one, `remove` takes it away.

    `hashed` lists what was read whole, `while_reading` is called with the path of a file that is
    being read: what it does to the files happens in the middle. `denied` holds paths that may not
    be read.
    """

    def __init__(self, files: dict[str, bytes] | None = None, url: str = "fake://place/") -> None:
        self._url = url
        self._files: dict[str, tuple[bytes, str]] = {}
        self._versions = 0
        self.exists = True
        self.hashed: list[str] = []
        self.listings = 0
        self.denied: set[str] = set()
        self.while_reading: Callable[[str], None] = lambda path: None
        for path, data in (files or {}).items():
            self.put(path, data)

    def put(self, path: str, data: bytes) -> None:
        """Write a file; it has another version afterwards, also with the same bytes."""
        self._versions += 1
        self._files[path] = (data, f"v{self._versions}")

    def remove(self, path: str) -> None:
        """Take a file away."""
        del self._files[path]

    @property
    def url(self) -> str:
        """As it was given."""
        return self._url

    def listing(self) -> Sequence[StoredFile]:
        """All files, in order of their paths."""
        self.listings += 1
        if not self.exists:
            raise NotFound(f"there is no {self._url}", code="no_channel_files")
        return [self._stored(path) for path in sorted(self._files)]

    def pieces(self) -> Iterator[Sequence[StoredFile]]:
        """The same in pieces of a few, the last ones first."""
        found = [*self.listing()][::-1]
        for at in range(0, len(found), PIECE_FILES):
            yield found[at : at + PIECE_FILES]

    def stat(self, path: str) -> StoredFile | None:
        """One file as it is now, or None."""
        check_path(path)
        return self._stored(path) if path in self._files else None

    def hash(self, path: str, head_bytes: int = 0) -> Hashed:
        """Read a file whole."""
        self.hashed.append(path)
        data = b"".join(self.stream(path))
        return Hashed(self._stored(path), hashlib.sha256(data).hexdigest(), data[:head_bytes])

    def stream(self, path: str) -> Iterator[bytes]:
        """A file's bytes in pieces."""
        check_path(path)
        if path not in self._files:
            raise NotFound(f"there is no {path}", code="no_file")
        if path in self.denied:
            raise Denied(f"{path} may not be read", code="file_denied")
        return self._pieces(path)

    def links(self, paths: Sequence[str], seconds: int) -> Sequence[str]:
        """Addresses that only look like some."""
        return [f"{self._url}{check_path(path)}?seconds={seconds}" for path in paths]

    def write(self, path: str, pieces: Iterator[bytes], *, sha256: str) -> None:
        """Put a file in place if its bytes are right."""
        check_path(path)
        data = b"".join(pieces)
        actual = hashlib.sha256(data).hexdigest()
        if actual != sha256:
            raise digest_mismatch(path, sha256, actual)
        self.put(path, data)

    def _pieces(self, path: str) -> Iterator[bytes]:
        data, version = self._files[path]
        yield data[:PIECE_BYTES]
        self.while_reading(path)
        if path not in self._files or self._files[path][1] != version:
            raise Unavailable(f"{path} changed while it was read", code="changed")
        for at in range(PIECE_BYTES, len(data), PIECE_BYTES):
            yield data[at : at + PIECE_BYTES]

    def _stored(self, path: str) -> StoredFile:
        data, version = self._files[path]
        return StoredFile(path, len(data), version)
