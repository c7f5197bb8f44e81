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
from opendata.reading.blocks import rechunk

# So many that billions of rows need no pass in between, and blocks still worth a read of their own.
FAN_IN: Final = 64
# Of the memory allowed: forming a run needs room for its rows, their keys and their sorted copy;
# a step of the merge for one block of each run, the rows taken of them, their keys and their copy.
_RUN_SHARE: Final = 4
_BLOCKS_SHARE: Final = 8
# A run of which less than this part of a block is at hand reads the next block.
_REST_SHARE: Final = 8


def external_sort(
    batches: Iterable[pa.RecordBatch], keys: SortKeys, folder: Path, memory_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The rows in order, in batches of any size."""
    sorter = _Sorter(keys, folder, memory_bytes)
    runs = sorter.form_runs(batches)
    if isinstance(runs, pa.RecordBatch):
        yield from sorter.cut(runs)
        return
    while (surplus := len(runs) - FAN_IN) > 0:
        # No more than have to be: each of them is written once more.
        count = min(surplus + 1, FAN_IN)
        runs = [*runs[count:], sorter.store(sorter.merge(runs[:count]))]
    yield from sorter.merge(runs)


class _Sorter:
    def __init__(self, keys: SortKeys, folder: Path, memory_bytes: int) -> None:
        self._keys = keys
        self._folder = folder
        self._run_bytes = max(memory_bytes // _RUN_SHARE, 1)
        self._block_bytes = max(memory_bytes // _BLOCKS_SHARE // FAN_IN, 1)

    def form_runs(self, batches: Iterable[pa.RecordBatch]) -> list[Path] | pa.RecordBatch:
        """Sorted runs on disk; or the sorted rows themselves where they fit into one run."""
        runs: list[Path] = []
        waiting: list[pa.RecordBatch] = []
        size = 0
        for batch in batches:
            if not batch.num_rows:
                continue
            waiting.append(batch)
            size += batch.nbytes
            if size >= self._run_bytes:
                runs.append(self.store([self._sorted(waiting)]))
                size = 0
        if not runs:
            return self._sorted(waiting) if waiting else runs
        if waiting:
            runs.append(self.store([self._sorted(waiting)]))
        return runs

    def cut(self, rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Sorted rows in blocks small enough for a merge to hold one of every run."""
        yield from rechunk([rows], max_bytes=self._block_bytes)

    def store(self, batches: Iterable[pa.RecordBatch]) -> Path:
        """Write sorted rows as a run; streams may change dictionaries, files may not.

        What a merge puts out is cut like any other rows: it is as large as the blocks of all its
        runs together, and the next merge holds one block of each.
        """
        blocks = (block for batch in batches for block in self.cut(batch))
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
        heads = [_Head(run, self._keys) for run in runs]
        while heads := [head for head in heads if head.fill()]:
            yield self._next(heads)

    def _next(self, heads: list[_Head]) -> pa.RecordBatch:
        """The rows up to which all runs were read, in order.

        A function of its own, so that what they were made of is gone while they are used.
        """
        owner = self._least_last(heads)
        bound = owner.last()
        taken = [h.take_all() if h is owner else h.take_up_to(bound) for h in heads]
        parts = [part for part in taken if len(part)]
        merged = concat(parts, self._keys)
        order = merged.in_order() if len(parts) > 1 else None
        return merged.rows if order is None else merged.rows.take(order)

    def _sorted(self, waiting: list[pa.RecordBatch]) -> pa.RecordBatch:
        """The waiting rows in order; the list is empty then, since they are held once."""
        rows = KeyedRows(pa.concat_batches(waiting), self._keys)
        waiting.clear()
        order = rows.in_order()
        return rows.rows if order is None else rows.rows.take(order)

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
        self._enough = 0

    def fill(self) -> bool:
        """Have rows at hand for a step that is worth it; False at the end of the run.

        A step goes up to where the first run ends in memory. With a rest of few rows anywhere it
        would take few rows of every run, and compare all of them.
        """
        while self._rows is None or len(self._rows) <= self._enough:
            block = next(self._blocks, None)
            if block is None:
                break
            more = KeyedRows(block, self._keys)
            self._rows = more if self._rows is None else concat([self._rows, more], self._keys)
            self._enough = len(more) // _REST_SHARE
        return self._rows is not None

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
        taken, rest = self._rows.slice(0, count), self._rows.slice(count)
        self._rows = rest if len(rest) else None
        return taken

    def _read(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self._run)) as file, pa.ipc.open_stream(file) as reader:
            yield from reader
        self._run.unlink()
