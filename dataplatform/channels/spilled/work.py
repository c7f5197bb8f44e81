"""A channel that is compared on disk: described a part at a time, its rows sorted from spools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

import pyarrow as pa

from dataplatform.channels.ports import Described, RowScratch, Spool, StoredFile
from dataplatform.channels.rows import INDEX_SCHEMA, STATE_SCHEMA, state_rows
from dataplatform.channels.spilled.compare import ASKED_SCHEMA, SpilledComparison
from dataplatform.channels.spilled.paths import check_spilled_ids
from dataplatform.channels.spilled.streams import Row, fill, rows_of
from dataplatform.channels.unread import UnreadFiles
from dataplatform.channels.work import Counts, Part, Rows

PART_FILES: Final = 1 << 17


class SpilledWork:
    """What there is to do, on disk; implements `Work`."""

    def __init__(
        self, scratch: RowScratch, found: SpilledComparison, segment_keys: Sequence[str]
    ) -> None:
        self._scratch = scratch
        self._found = found
        self._described = scratch.spool(STATE_SCHEMA)
        self.segment_keys = segment_keys

    @property
    def counts(self) -> Counts:
        """How much there is to do."""
        return self._found.counts

    @property
    def misfits(self) -> UnreadFiles:
        """Files that need not be read to be refused."""
        return self._found.misfits

    def parts(self) -> Iterator[Part]:
        """So many files at a time as go into memory."""
        rows = rows_of(self._found.asked.batches(), ASKED_SCHEMA.names)
        while some := list(islice(rows, PART_FILES)):
            yield _part(some)

    def add(self, described: Sequence[Described], part: Part) -> None:
        """Some files of a part were described."""
        fill(self._described, state_rows(described, part.sidecars).to_batches())

    def rows(self) -> Rows:
        """The rows that stay and those that were added."""
        state = self._state()
        check_spilled_ids(self._scratch, state)
        columns = (_index_columns(batch) for batch in state.batches())
        # What the index is ordered by: time, none last, then path.
        index = self._scratch.sort(columns, INDEX_SCHEMA, ["timestamp", "relative_path"])
        return Rows(state.rows, index, state.batches())

    def _state(self) -> Spool:
        """All rows in order of their paths."""
        kept = self._found.kept
        if not self._described.rows:
            return kept  # it was walked in order
        both = chain(kept.batches(), self._described.batches())
        ordered = self._scratch.sort(both, STATE_SCHEMA, ["relative_path"])
        return fill(self._scratch.spool(STATE_SCHEMA), ordered)


def _part(rows: Sequence[Row]) -> Part:
    unread: list[StoredFile] = []
    rederived: list[StoredFile] = []
    digests: dict[str, str] = {}
    sidecars: dict[str, str] = {}
    for path, size, version, sidecar, sha256 in rows:
        file = StoredFile(path, size, version)
        if sha256:
            rederived.append(file)
            digests[path] = sha256
        else:
            unread.append(file)
        if sidecar:
            sidecars[path] = sidecar
    return Part(unread, rederived, digests, sidecars)


def _index_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = batch.select(INDEX_SCHEMA.names).columns
    return pa.RecordBatch.from_arrays(columns, schema=INDEX_SCHEMA)
