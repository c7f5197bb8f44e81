"""What channels need from the outside world, beside the object store.

A channel's files lie at its `storage_path`, seldom in the store: `ChannelFiles` is that place.
Describing files (hashing, time, metadata) is the work of an `IndexEngine`; both are given plain
values, so that an engine can do its work in another process or on other machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from dataplatform.ports import Clock
from opendata.reading.trust import TrustRoot
from opendata.stores.port import LocalFile, ObjectStore


class StoredFile(NamedTuple):
    """A file as a listing tells it: its path below the channel's place, its size in bytes, and the
    version by which a change is seen (mtime and inode of a file, the ETag of an object).

    A tuple, because listings have many of them and a frozen dataclass takes three times as long to
    make.
    """

    path: str
    size: int
    version: str


@dataclass(frozen=True, slots=True)
class Described:
    """What reading a file gave. `timestamp` is microseconds since 1970 in UTC, or None; `metadata`
    is one JSON object as canonical text; `file` is as it was listed."""

    file: StoredFile
    file_id: str
    sha256: str
    timestamp: int | None
    metadata: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be described, and why: it vanished, changed while it was read (`code`
    `changed`), cannot be read, or tells no time where it has to."""

    file: StoredFile
    code: str
    reason: str


Outcome = Described | Unread


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file that was read whole and did not change meanwhile: as it is now, the digest of its
    bytes, and as many of its first bytes as were asked for."""

    file: StoredFile
    sha256: str
    head: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source tells of a file: a time (microseconds since 1970 in UTC) and metadata, whose
    values are what JSON can hold."""

    timestamp: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class MetadataReader(Protocol):
    """Reads what a file itself, or the sidecar beside it, tells: EXIF, JSON, a plugin."""

    @property
    def head_bytes(self) -> int:
        """How many of a file's first bytes it needs; 0 for none."""
        ...

    def read(self, file: StoredFile, head: bytes, sidecar: bytes | None) -> Reading:
        """What is told of a file; an empty reading where nothing is.

        Raises:
            InvalidInput: if what is there cannot be understood. The file is unread then.
        """
        ...


@dataclass(frozen=True)
class DescribeTask:
    """All that an engine needs to describe files, as plain values: `spec` is the channel's spec as
    JSON types, `environ` holds what opens `storage_path`. `digests` are those of files whose bytes
    are known, by their paths: they need not be hashed again."""

    storage_path: str
    spec: Mapping[str, Any]
    environ: Mapping[str, str] = field(repr=False)
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)


class ChannelFiles(Protocol):
    """The place where a channel's files lie: a folder, or a prefix of a bucket.

    Paths are relative, with `/`. What is no plain file (links, sockets, folders) is no file of the
    channel. Raises NotFound where the place itself does not exist, Denied and Unavailable.
    """

    @property
    def url(self) -> str:
        """Where it is, without credentials, with a slash at its end."""
        ...

    def listing(self) -> Sequence[StoredFile]:
        """All files, in byte order of their paths."""
        ...

    def pieces(self) -> Iterator[Sequence[StoredFile]]:
        """The same files in any order, in pieces of some ten thousand, so that whoever has no room
        for a whole listing needs none. An empty piece says that the listing had to begin again:
        what was told before is told once more."""
        ...

    def stat(self, path: str) -> StoredFile | None:
        """One file as it is now, or None."""
        ...

    def hash(self, path: str, head_bytes: int = 0) -> Hashed:
        """Read a file whole, once, and say what was read.

        Raises:
            NotFound, Denied: as they say.
            Unavailable: code `changed` if it changed meanwhile.
        """
        ...

    def stream(self, path: str) -> Iterator[bytes]:
        """A file's bytes in pieces; never of two versions. Raises NotFound, Denied, Unavailable."""
        ...

    def links(self, paths: Sequence[str], seconds: int) -> Sequence[str]:
        """An address for each path at which its bytes can be had for so long: a presigned URL, or
        the file's own `file:` address where the place is a folder."""
        ...

    def write(self, path: str, pieces: Iterator[bytes], *, sha256: str) -> None:
        """Put a file in place, whole or not at all, if its bytes have this digest.

        Raises:
            Corrupt: if they have another.
        """
        ...


class IndexEngine(Protocol):
    """Describes files; yields what it has in batches, so that an interruption loses little."""

    @property
    def name(self) -> str:
        """`local` or `spark`."""
        ...

    def describe(
        self, task: DescribeTask, files: Sequence[StoredFile]
    ) -> Iterator[Sequence[Outcome]]:
        """One outcome for each file, in any order.

        Raises:
            Unavailable: where the engine itself cannot run, saying what to install or to start.
        """
        ...


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written for a store, and what its bytes are; sizes in bytes."""

    file: LocalFile
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class StoredState:
    """A state that lies in a file: what its rows were described by, and a fresh pass over them."""

    described_by: str
    batches: Callable[[], Iterator[pa.RecordBatch]]


class IndexWriter(Protocol):
    """Writes an index as Parquet in the layout that queries are fast on.

    What was written lasts until the block ends. Equal rows give equal bytes, however they are cut
    into batches; of them only a row group is in memory at a time.
    """

    def write(self, rows: Iterable[pa.RecordBatch]) -> AbstractContextManager[WrittenFile]:
        """The file of rows that are in order; schema is `channels.rows.INDEX_SCHEMA`."""
        ...

    def write_state(
        self, state: Iterable[pa.RecordBatch], described_by: str
    ) -> AbstractContextManager[WrittenFile]:
        """The file of what the next indexing compares; `channels.rows.STATE_SCHEMA`, in order of
        paths. `described_by` is kept in the schema's metadata."""
        ...

    def read_state(self, data: bytes, what: str) -> pa.Table:
        """What `write_state` wrote.

        Raises:
            Corrupt: naming `what`.
        """
        ...

    def open_state(self, file: LocalFile, what: str) -> StoredState:
        """The same of a file, of which only a batch is in memory at a time.

        Raises:
            Corrupt: naming `what`.
        """
        ...


class Spool(Protocol):
    """Rows on disk: written once, then read as often as needed."""

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    def append(self, batch: pa.RecordBatch) -> None:
        """Put rows behind the others; not once they were read."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in the order in which they came."""
        ...


class RowScratch(Protocol):
    """Room on disk for rows that are too many for memory; it is gone when its block ends."""

    def spool(self, schema: pa.Schema) -> Spool:
        """A new one without rows."""
        ...

    def sort(
        self, rows: Iterable[pa.RecordBatch], schema: pa.Schema, order_by: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """The rows in order of columns: texts by their bytes, what is missing last."""
        ...

    def keep(self, pieces: Iterable[bytes]) -> LocalFile:
        """A file of these bytes."""
        ...


@dataclass(frozen=True)
class ChannelPorts:
    """Everything that indexing channels acts through."""

    store: ObjectStore
    open_files: Callable[[str], ChannelFiles]
    """The place of a `storage_path`. Raises InvalidInput for an address that is none."""
    engines: Mapping[str, IndexEngine]
    writer: IndexWriter
    now: Clock
    environ: Mapping[str, str]
    spark_files: int | None = None
    """From how many files to read on Spark is chosen; None: only where the spec says so."""
    trust: TrustRoot | None = None
    """Whose signatures data sets need that stand as channels; None: digests are enough."""
    scratch: Callable[[], AbstractContextManager[RowScratch]] | None = None
    """Where larger channels are compared; None: any channel is compared in memory."""
    held_files: int = 500_000
    """Up to so many files a channel is compared in memory, which is faster."""
