"""The object-store port: what every store does, and what it promises.

Here belong the interface and its values; each technology is a module of its own beside it.
One conformance suite (`dataplatform_tests/stores/`) runs on every implementation.

Promises:

- A write is visible whole or not at all, and visible to the next read once it has returned.
- `put_new` and `put_if_match` are atomic with respect to each other and to `put`, across threads
  and processes. Of many concurrent `put_new` on one key exactly one succeeds.
- `Unavailable` from a write means *outcome unknown*: the write may have happened. Nothing may be
  deleted or reported as failed on such an outcome; read back and settle it.
- `list` returns keys in byte order, whatever the technology's own order is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from opendata.wire.errors import Conflict


class AlreadyExists(Conflict):
    """`put_new` found the key taken (perhaps by one's own earlier, lost answer)."""


class PreconditionFailed(Conflict):
    """`put_if_match` found other bytes than the caller had read, or none."""


@dataclass(frozen=True)
class LocalFile:
    """Bytes to store that lie in a file, so that they are streamed and never held whole.

    A `spare` file is scratch that nobody will change any more, so that a store on the same disk
    may take the file itself in place of a copy.
    """

    path: str
    spare: bool = False


Payload = bytes | LocalFile


@dataclass(frozen=True)
class ObjectStat:
    """What a store knows of an object without reading it.

    `token` is the opaque version that `put_if_match` compares; `size` is in bytes.
    """

    key: str
    size: int
    token: str
    modified_at: datetime | None = None


@dataclass(frozen=True)
class Blob:
    """An object's bytes together with the version that they are."""

    data: bytes
    token: str


@runtime_checkable
class ObjectReader(Protocol):
    """The reading half; all that a consumer needs (a public HTTPS address offers only this)."""

    @property
    def url(self) -> str:
        """Where this store is, as a person would type it; carries no secret."""
        ...

    def get(self, key: str) -> Blob:
        """The whole object. Raises NotFound, Denied, Unavailable."""
        ...

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Bytes of several `(offset, length)` ranges, fetched coalesced and in parallel.

        Raises NotFound, Denied, Unavailable; Corrupt when the object ends before a range does.
        """
        ...

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        """The object in pieces, for bytes that should not be held whole."""
        ...

    def stat(self, key: str) -> ObjectStat | None:
        """What is known of the object, or None where there is none."""
        ...

    def local_path(self, key: str) -> str | None:
        """The object's path where it lies in a local folder (and exists), else None."""
        ...


@runtime_checkable
class ObjectStore(ObjectReader, Protocol):
    """A store that can be written."""

    def put(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Write unconditionally; returns the new token.

        For derived copies, and for objects whose key names their content.
        """
        ...

    def put_new(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        """Create; raises AlreadyExists where the key is taken. Returns the token."""
        ...

    def put_if_match(
        self, key: str, data: bytes, token: str, *, content_type: str | None = None
    ) -> str:
        """Replace the version `token`; raises PreconditionFailed. Returns the new token."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """All objects whose key begins with `prefix`, in byte order of their keys."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""
        ...
