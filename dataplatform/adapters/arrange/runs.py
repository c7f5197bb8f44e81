"""An external merge sort over record batches: sorted runs on disk, merged block by block.

Arrow sorts each run and each block of the merge, so only a bounded number of rows is in memory and
no row is touched by Python. Here belong forming, storing and merging runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from dataplatform.adapters.arrange.sort_keys import KeyedRows, SortKeys, concat

FAN_IN: Final = 32
# Of the memory allowed: a run needs room for its rows, their keys and their sorted copy; the merge
# holds one block of each run, their keys, and what it puts out.
_RUN_SHARE: Final = 6
_BLOCKS_PER_RUN: Final = 20


def external_sort(
    batches: Iterable[pa.RecordBatch], keys: SortKeys, folder: Path, memory_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The rows in order, in batches of any size."""
    sorter = _Sorter(keys, folder, memory_bytes)
    runs = sorter.form_runs(batches)
    if isinstance(runs, KeyedRows):
        yield from sorter.cut(runs)
        return
    while len(runs) > FAN_IN:
        runs = [*runs[FAN_IN:], sorter.store(sorter.merge(runs[:FAN_IN]))]
    yield from sorter.merge(runs)


class _Sorter:
    def __init__(self, keys: SortKeys, folder: Path, memory_bytes: int) -> None:
        self._keys = keys
        self._folder = folder
        self._run_bytes = max(memory_bytes // _RUN_SHARE, 1)
        self._block_bytes = max(self._run_bytes // _BLOCKS_PER_RUN, 1)

    def form_runs(self, batches: Iterable[pa.RecordBatch]) -> list[Path] | KeyedRows:
        """Sorted runs on disk; or the sorted rows themselves where they fit into one run."""
        runs: list[Path] = []
        waiting: list[pa.RecordBatch] = []
        size = 0
        for batch in batches:
            waiting.append(batch)
            size += batch.nbytes
            if size >= self._run_bytes:
                runs.append(self.store(self.cut(self._sorted(waiting))))
                waiting, size = [], 0
        if not runs:
            return self._sorted(waiting) if waiting else runs
        if waiting:
            runs.append(self.store(self.cut(self._sorted(waiting))))
        return runs

    def cut(self, rows: KeyedRows) -> Iterator[pa.RecordBatch]:
        """Sorted rows in blocks small enough for a merge to hold one of every run."""
        if not len(rows):
            return
        row_bytes = max(rows.rows.nbytes // len(rows), 1)
        count = max(min(self._block_bytes // row_bytes, 65_536), 1)
        for start in range(0, len(rows), count):
            yield rows.rows.slice(start, count)

    def store(self, blocks: Iterator[pa.RecordBatch]) -> Path:
        """Write blocks as a run; streams may change dictionaries, files may not."""
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".run", delete=False) as file:
            first = next(blocks)
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            with pa.ipc.new_stream(file, first.schema, options=options) as writer:
                writer.write_batch(first)
                for block in blocks:
                    writer.write_batch(block)
        return Path(file.name)

    def merge(self, runs: list[Path]) -> Iterator[pa.RecordBatch]:
        """The rows of sorted runs in order; the runs are removed."""
        heads = [head for head in (_Head(run, self._keys) for run in runs) if head.fill()]
        while heads:
            owner = self._least_last(heads)
            bound = owner.last()
            taken = [h.take_all() if h is owner else h.take_up_to(bound) for h in heads]
            parts = [part for part in taken if len(part)]
            merged = concat(parts, self._keys)
            order = merged.in_order() if len(parts) > 1 else None
            yield merged.rows if order is None else merged.rows.take(order)
            heads = [head for head in heads if head.fill()]

    def _sorted(self, batches: list[pa.RecordBatch]) -> KeyedRows:
        rows = KeyedRows(pa.concat_batches(batches), self._keys)
        order = rows.in_order()
        return rows if order is None else KeyedRows(rows.rows.take(order), self._keys)

    def _least_last(self, heads: list[_Head]) -> _Head:
        """Whose last row is the first in order: up to there, all rows of all runs were read."""
        lasts = concat([head.last() for head in heads], self._keys)
        order = lasts.in_order()
        return heads[0 if order is None else order[0].as_py()]


class _Head:
    """The part of a run that is in memory."""

    def __init__(self, run: Path, keys: SortKeys) -> None:
        self._run = run
        self._keys = keys
        self._blocks = self._read()
        self._rows: KeyedRows | None = None

    def fill(self) -> bool:
        """Have at least one row at hand; False at the end of the run."""
        while self._rows is None or not len(self._rows):
            block = next(self._blocks, None)
            if block is None:
                return False
            self._rows = KeyedRows(block, self._keys)
        return True

    def last(self) -> KeyedRows:
        """The last row at hand."""
        assert self._rows is not None
        return self._rows.slice(len(self._rows) - 1, 1)

    def take_all(self) -> KeyedRows:
        """Hand out the rows at hand."""
        assert self._rows is not None
        taken, self._rows = self._rows, None
        return taken

    def take_up_to(self, bound: KeyedRows) -> KeyedRows:
        """Hand out the rows that do not come after `bound`."""
        assert self._rows is not None
        count = self._rows.count_up_to(bound)
        taken, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        return taken

    def _read(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self._run)) as file, pa.ipc.open_stream(file) as reader:
            yield from reader
        self._run.unlink()
