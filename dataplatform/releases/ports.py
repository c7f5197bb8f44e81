"""What releases need from the outside world, beside the object store.

Each protocol is one technology wide; adapters implement them, `Platform` picks them. They are
gathered in `ReleasePorts` because every verb of this folder takes some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from dataplatform.contracts.engine import ContractEngine
from dataplatform.contracts.model import ExpectationSpec
from dataplatform.contracts.performance import LookUps, Pruning
from dataplatform.contracts.report import Finding
from dataplatform.contracts.segments import SegmentIndex
from dataplatform.contracts.units import NO_UNITS, Units
from dataplatform.datasets.producing import ProducerRunner
from dataplatform.releases.differ import RowDiffer
from dataplatform.releases.interval import Interval
from opendata.reading.trust import TrustRoot
from opendata.stores.port import LocalFile, ObjectStore
from opendata.wire.chunks import ChunkList
from opendata.wire.ids import DatasetId
from opendata.wire.manifest import FileEntry, Manifest
from opendata.wire.version import Version


@dataclass(frozen=True)
class Arrangement:
    """How rows are ordered and cut into shards; `units` enter the content hash."""

    schema: pa.Schema
    order_by: tuple[str, ...]
    shard: str
    time: str | None
    units: Mapping[str, str]


@dataclass(frozen=True)
class WrittenShard:
    """One shard of a candidate, with its first rows for the preview.

    `parquet` and `chunks` are None where the shard is one of the current release's.
    """

    entry: FileEntry
    parquet: LocalFile | None
    chunks: ChunkList | None
    head: pa.RecordBatch | None


Reuse = Callable[[str, str], FileEntry | None]
"""The current release's shard of that name, if it has that content hash and is whole."""


class Workbench(Protocol):
    """Local scratch space in which arriving batches become sorted, hashed Parquet shards."""

    def session(self) -> AbstractContextManager[WorkSession]:
        """Scratch that is gone when the context ends, however it ends."""
        ...


class WorkSession(Protocol):
    """One build's scratch."""

    def begin(self, arrangement: Arrangement, reuse: Reuse) -> None:
        """Say how the rows will be ordered and cut, before the first of them comes.

        `reuse` is asked of every shard once its content is known, from any thread.
        """
        ...

    def receive(self, batch: pa.RecordBatch) -> None:
        """Take the next batch, in arrival order; memory stays bounded."""
        ...

    def insert(self, rows: pa.RecordBatch) -> None:
        """Take rows that go among those that will be received: in order, those stay in order.

        To be called once at most, between `begin` and the first `receive`.
        """
        ...

    def shards(self) -> Iterator[WrittenShard]:
        """What was received, sorted and cut; the files live until the session ends."""
        ...

    def rows(
        self, path: str, columns: Sequence[str] | None, groups: Sequence[int] | None
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Rows of an earlier shard in their order, each batch with the number of its row group.

        Args:
            path: The shard's file.
            columns: Those that are wanted; None for all.
            groups: The row groups that are wanted; None for all.
        """
        ...

    def rows_outside(self, path: str, interval: Interval) -> Iterator[pa.RecordBatch]:
        """The rows of an earlier shard that an interval does not replace."""
        ...

    def keep(self, rows: Sequence[pa.RecordBatch], schema: pa.Schema) -> str:
        """A Parquet file of rows that are at hand; it lives until the session ends."""
        ...

    def head(self, path: str) -> pa.RecordBatch:
        """The first rows of an earlier shard, for the preview."""
        ...

    def combine(self, paths: Sequence[str]) -> tuple[LocalFile, str]:
        """The shards as one Parquet file and its sha256, for the stable copy."""
        ...


class Expectations(Protocol):
    """Great Expectations by their own names."""

    def run(
        self, files: Sequence[str], expectations: Sequence[ExpectationSpec]
    ) -> Sequence[Finding]:
        """One finding per expectation; what crashes has failed."""
        ...


class QueryProbe(Protocol):
    """Asks a release what its readers typically ask: the rows with a given key.

    Which keys is settled by where their rows lie (the first, the last, and some between), so the
    same release is always asked the same.
    """

    def pruning(self, release: Manifest, field: str) -> Pruning:
        """What statistics let look-ups by one field leave unread.

        Raises:
            InvalidInput: for a field that cannot be looked up by.
        """
        ...

    def look_ups(
        self, candidate: Manifest, current: Manifest | None, fields: Sequence[str]
    ) -> LookUps:
        """How long look-ups by some fields take, both releases in turn, several rounds.

        Raises:
            InvalidInput: for fields that cannot be looked up by.
        """
        ...


class SegmentIndexer(Protocol):
    """Measures how keys lie in Parquet files, segment by segment."""

    def index(self, files: Sequence[str], keys: Sequence[str]) -> SegmentIndex:
        """Statistics of every row group, distinct values, order and pruning by keys.

        Raises:
            NotFound, InvalidInput: for a column that does not exist, or has no order.
            Corrupt: where a file is no readable Parquet.
        """
        ...

    def keys_by_group(self, path: str, keys: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
        """Each row group's number, and the different keys in it, one group at a time."""
        ...

    def rows_naming(
        self, path: str, column: str, values: Collection[str]
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a file whose text column holds one of the values, a row group at a time."""
        ...


class ReferenceSystems(Protocol):
    """Knows the reference systems of coordinates by their authorities' codes."""

    def knows(self, code: str) -> bool:
        """Whether there is a reference system of that code."""
        ...

    def can_reproject(self, old: str, new: str) -> bool:
        """Whether coordinates can be computed from the one system into the other and back."""
        ...


class Signer(Protocol):
    """Signs statements; the key never leaves the adapter."""

    @property
    def key_id(self) -> str:
        """Which key signs."""
        ...

    def sign(self, payload: bytes) -> dict[str, Any]:
        """A DSSE envelope over an in-toto statement."""
        ...

    def trust(self) -> TrustRoot:
        """The keys whose releases and verdicts count here: this one, and the trust file's."""
        ...


@dataclass(frozen=True)
class Usage:
    """One user of a release: what kind it is, its name, and the release of ours that it read."""

    kind: str
    name: str
    release: str


class FindUsages(Protocol):
    """Whoever keeps a record of what was read: bundles that lock releases, runs that trained."""

    def __call__(self, dataset: DatasetId, versions: Collection[Version]) -> Sequence[Usage]:
        """Its users of these releases."""
        ...


@dataclass(frozen=True)
class ReleasePorts:
    """Everything that the verbs of this folder act through."""

    store: ObjectStore
    runner: ProducerRunner
    workbench: Workbench
    engine: ContractEngine
    expectations: Expectations
    differ: RowDiffer
    shard_path: Callable[[FileEntry], str]
    reference_systems: ReferenceSystems
    probe: QueryProbe
    segments: SegmentIndexer
    now: Callable[[], datetime]
    signer: Signer | None = None
    units: Units = NO_UNITS
    usages: tuple[FindUsages, ...] = ()
    """Who else, beside the data sets of the store, knows what was read."""
    keep_shard: Callable[[FileEntry, LocalFile], None] = lambda entry, file: None
    """Told of every shard that was stored, whose bytes are at hand and hashed, so that
    `shard_path` need not hash or fetch them again."""
