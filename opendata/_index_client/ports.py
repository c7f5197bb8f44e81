"""What the client needs of the place that it reads: the API, or a store without one.

Here belong the interface and its values; each way to answer it is a module of its own beside it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from opendata._index_client.records import FileRecord
from opendata.reading.bundle_signature import SignatureReader
from opendata.reading.file_index.bundles import FoundBundle
from opendata.reading.file_index.query import FileQuery
from opendata.stores.port import ObjectReader
from opendata.wire.bundle import BundleEntry


@dataclass(frozen=True)
class Ask:
    """Which files of a bundle; without a channel, those of all channels."""

    bundle: FoundBundle
    channel: str | None = None
    query: FileQuery = field(default_factory=FileQuery)


@dataclass(frozen=True)
class Page:
    """Some files, and where to go on; None at the end."""

    files: pa.Table
    cursor: str | None


@dataclass(frozen=True)
class SourceBatch:
    """Some files of one channel, and where to go on after them; None where that is not told.

    Where all channels were asked for, the column `channel` stands first.
    """

    files: pa.RecordBatch
    channel: str
    cursor: str | None


class FileSource(Protocol):
    """Where bundles are looked up.

    Every method raises NotFound, Denied, Corrupt and Unavailable as the place answers.
    """

    @property
    def signatures(self) -> SignatureReader:
        """Where signatures beside a lock are looked for."""
        ...

    @property
    def url(self) -> str:
        """Where it is; carries no secret."""
        ...

    def bundles(self) -> Sequence[BundleEntry]:
        """Every published bundle."""
        ...

    def bundle(
        self, name: str, version: str | None, revision: int | None, type: str | None
    ) -> FoundBundle:
        """The lock that is meant now; None stands for the newest."""
        ...

    def page(self, ask: Ask, *, limit: int | None, cursor: str | None) -> Page:
        """Some files of one channel, at most `limit` and as many as the place likes to give."""
        ...

    def batches(
        self, ask: Ask, batch_size: int, cursor: str | None
    ) -> Generator[SourceBatch, None, None]:
        """All files in batches of exactly `batch_size`, a channel's last one smaller."""
        ...

    def files_of(self, bundle: FoundBundle, channel: str) -> FilePlace:
        """Where the bytes of a channel's files are had."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class FilePlace(Protocol):
    """The bytes of one channel's files."""

    def reader(self, files: Sequence[FileRecord]) -> ObjectReader:
        """Reads those files; the keys are what `key_of` says."""
        ...

    def key_of(self, file: FileRecord) -> str:
        """What the reader calls a file."""
        ...
