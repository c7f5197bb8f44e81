"""Comparing a channel's files with what is known of them: a walk along both, in order of paths.

The rule is that of `known.compare`; what comes of it goes to disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from dataplatform.channels.columns import numbers
from dataplatform.channels.known import fitting
from dataplatform.channels.ports import RowScratch, Spool, StoredFile
from dataplatform.channels.rows import STATE_SCHEMA
from dataplatform.channels.spec import ChannelSpec
from dataplatform.channels.spilled.known import FITS, OF_STATE
from dataplatform.channels.spilled.sidecars import FILES_SCHEMA
from dataplatform.channels.spilled.streams import BLOCK_ROWS, Row, batch_of, looked_up, rows_of
from dataplatform.channels.unread import UnreadFiles
from dataplatform.channels.work import Counts
from opendata.wire.digest import parse_digest

ASKED_SCHEMA: Final = FILES_SCHEMA.append(pa.field("sha256", pa.string(), nullable=False))
"""Files that have to be described; `sha256` is the digest of those whose bytes are known."""
_COMPARED: Final = ("relative_path", "size_bytes", "version", "sidecar", "standing")


@dataclass(frozen=True)
class SpilledComparison:
    """What is to be done with each file of a channel: rows of a state that stay, files to ask
    for, files that need no reading to be refused."""

    kept: Spool
    asked: Spool
    misfits: UnreadFiles
    counts: Counts


class _Earlier(NamedTuple):
    """One known version of a file, and where its row stands."""

    path: str
    size: int
    version: str
    sidecar: str
    standing: int
    batch: pa.RecordBatch
    row: int


def compare_spilled(
    scratch: RowScratch, files: Spool, known: Iterable[pa.RecordBatch], spec: ChannelSpec
) -> SpilledComparison:
    """Which files have to be read.

    Raises:
        InvalidInput: if the spec's pattern is none.
    """
    comparing = _Comparing(scratch, spec)
    rows = rows_of(files.batches(), FILES_SCHEMA.names)
    pairs = looked_up(rows, comparing.groups(known))
    while block := list(islice(pairs, BLOCK_ROWS)):
        comparing.add(block)
    comparing.flush()
    return comparing.result(files.rows)


class _Comparing:
    def __init__(self, scratch: RowScratch, spec: ChannelSpec) -> None:
        self._spec = spec
        self._kept = scratch.spool(STATE_SCHEMA)
        self._asked = scratch.spool(ASKED_SCHEMA)
        self._misfits = UnreadFiles(spec)
        self._batch: pa.RecordBatch | None = None
        self._places: list[int] = []
        self._unread = self._unread_bytes = self._rederived = self._new = 0
        self._before = self._still = 0

    def groups(self, known: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, list[_Earlier]]]:
        """The known versions of each path; counts the paths of the state."""
        for path, versions in groupby(_earlier(known), attrgetter("path")):
            group = list(versions)
            self._before += _is_of_state(group)
            yield path, group

    def add(self, block: list[tuple[Row, tuple[str, list[_Earlier]] | None]]) -> None:
        """Some more files, with what is known of their paths."""
        asked: list[Row] = []
        unread: dict[StoredFile, tuple[Row, bool]] = {}
        for row, entry in block:
            group = entry[1] if entry else []
            was_there = bool(group) and _is_of_state(group)
            self._still += was_there
            file = StoredFile(*row[:3])
            earlier = _of_version(group, file)
            if earlier is None:
                unread[file] = (row, not was_there)
            elif earlier.standing & FITS and earlier.sidecar == row[3]:
                self._keep(earlier)
            else:
                checksum = earlier.batch.column("checksum")[earlier.row].as_py()
                asked.append((*row, parse_digest(checksum)))
                self._rederived += 1
        files, misfits = fitting(self._spec.pattern, list(unread))
        self._misfits.add(misfits)
        for file in files:
            row, is_new = unread[file]
            asked.append((*row, ""))
            self._new += is_new
            self._unread_bytes += file.size
        self._unread += len(files)
        if asked:
            self._asked.append(batch_of(asked, ASKED_SCHEMA))

    def _keep(self, earlier: _Earlier) -> None:
        if earlier.batch is not self._batch:
            self.flush()
            self._batch = earlier.batch
        self._places.append(earlier.row)

    def flush(self) -> None:
        """Write the kept rows of the batch at hand; later ones are of later batches."""
        if self._batch is not None and self._places:
            rows = self._batch.select(STATE_SCHEMA.names)
            if len(self._places) < rows.num_rows:
                rows = rows.take(numbers(np.array(self._places, np.int64)))
            self._kept.append(pa.RecordBatch.from_arrays(rows.columns, schema=STATE_SCHEMA))
        self._batch, self._places = None, []

    def result(self, files: int) -> SpilledComparison:
        """What came of it."""
        counts = Counts(
            files=files,
            kept=self._kept.rows,
            unread=self._unread,
            unread_bytes=self._unread_bytes,
            rederived=self._rederived,
            new=self._new,
            removed=self._before - self._still,
        )
        return SpilledComparison(self._kept, self._asked, self._misfits, counts)


def _earlier(known: Iterable[pa.RecordBatch]) -> Iterator[_Earlier]:
    for batch in known:
        for at, row in enumerate(rows_of([batch], _COMPARED)):
            yield _Earlier._make((*row, batch, at))


def _is_of_state(group: list[_Earlier]) -> bool:
    return group[0].standing < OF_STATE


def _of_version(group: list[_Earlier], file: StoredFile) -> _Earlier | None:
    """What is known of this very version of a file; of two, the later one."""
    for one in reversed(group):
        if one.size == file.size and one.version == file.version:
            return one
    return None
