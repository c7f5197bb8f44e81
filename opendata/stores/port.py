"""The object-store port: what every store does, and what it promises.

Here belong the interface and its values; each technology is a module of its own beside it.
One conformance suite (`dataplatform_tests/stores/`) runs on every implementation.

Promises:

- A write is visible whole or not at all, and visible to the next read once it has returned.
- `put_new` and `put_if_match` are atomic with respect to each other and to `put`, across threads
  and processes. Of many concurrent `put_new` on one key exactly one succeeds.
- `Unavailable` from a write means *outcome unknown*: the write may have happened. Nothing may be
  deleted or reported as failed on such an outcome; read back and settle it. `patient_store` does
  so for every store behind a network, and what it cannot settle comes out as such.
- A conditional write that is refused did not happen, or happened unanswered and was replaced
  since: whoever has to know which (the pointer's swap) looks at the history. One whose answer was
  lost is known by its bytes: where it matters who wrote them, they hold something of the writer's
  own (the pointer's random digits).
- `list` returns keys in byte order, whatever the technology's own order is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from opendata.wire.errors import Conflict

# Codes of `Unavailable` that say more than that there was no answer.
RATE_LIMITED = "rate_limited"
SLOW_DOWN = "slow_down"
UNREACHABLE = "store_unreachable"
WRITE_CONFLICT = "write_conflict"
REPLACED = "replaced_while_read"
WITHOUT_EFFECT = frozenset({RATE_LIMITED, UNREACHABLE, WRITE_CONFLICT})
"""The request did nothing: it was not let in, or never arrived."""
LASTING = frozenset({REPLACED, "disk_full", "disk_error", "locked", "outcome_unknown"})
"""Waiting alone cures none of these."""


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


Opened = Callable[[ObjectStat], None]


class ByteStream(Iterator[bytes]):
    """An object's pieces; `version` says what they are pieces of, once the first was asked for.

    `pieces` makes them, and is given a function to tell the version to.
    """

    def __init__(self, pieces: Callable[[Opened], Iterator[bytes]]) -> None:
        self.version: ObjectStat | None = None
        self._pieces = pieces(self._note)

    def __next__(self) -> bytes:
        return next(self._pieces)

    def _note(self, version: ObjectStat) -> None:
        self.version = version


def version_of(stream: Iterator[bytes]) -> ObjectStat | None:
    """What a stream's pieces are pieces of, where it knows."""
    return stream.version if isinstance(stream, ByteStream) else None


@runtime_checkable
class ObjectReader(Protocol):
    """The reading half; all that a consumer needs (a public HTTPS address offers only this)."""

    @property
    def url(self) -> str:
        """Where this store is, as a person would type it; carries no secret."""
        ...

    @property
    def serves_ranges(self) -> bool:
        """False once the server was seen to answer a range with the whole object.

        Ranges are had all the same, but each costs everything that lies before it.
        """
        ...

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """The whole object. Raises NotFound, Denied, Unavailable.

        With `max_bytes` a larger object is refused as Corrupt before it is read: no document
        that others may write decides how much memory its reader needs.
        """
        ...

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Bytes of several `(offset, length)` ranges, fetched coalesced and in parallel.

        Raises NotFound, Denied, Unavailable; Corrupt when the object ends before a range does.
        """
        ...

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        """The object in pieces, for bytes that should not be held whole; all of one version."""
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
