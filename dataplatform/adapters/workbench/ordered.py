"""Shards of rows that arrive in their order: written as they come, with nothing spooled or sorted.

Where a batch turns out to come too late, what was written so far is one sorted file after the
other, which the sort takes in like any other rows. Here belongs that attempt and its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pyarrow as pa

from dataplatform.adapters.arrange.cut import sorted_runs_of_one_shard
from dataplatform.adapters.arrange.order_check import OrderCheck
from dataplatform.adapters.workbench.shard_writer import ShardWriter, Target
from dataplatform.releases.arranging import shard_name
from dataplatform.releases.ports import WrittenShard


class OrderedShards:
    """The shards of one build while its rows keep their order."""

    def __init__(self, folder: Path, target: Target) -> None:
        self._folder = folder
        self._target = target
        self._arrangement = target.arrangement
        self._order = OrderCheck(self._arrangement.schema, self._arrangement.order_by)
        self._open: tuple[int | None, ShardWriter] | None = None
        self._finished: list[tuple[Path, Future[WrittenShard]]] = []

    def take(self, batch: pa.RecordBatch) -> bool:
        """Write the batch; False, and nothing was done, where it is not in order."""
        if not batch.num_rows:
            return True
        if not self._order.continues(batch):
            return False
        arrangement = self._arrangement
        runs = sorted_runs_of_one_shard(batch, arrangement.time, arrangement.shard)
        for ordinal, rows in runs:
            self._writer(ordinal).add(rows)
        return True

    def finish(self) -> Iterator[WrittenShard]:
        """All shards in their order; each is waited for when it is asked for."""
        self._end_shard()
        for _, shard in self._finished:
            yield shard.result()

    def give_up(self) -> list[str]:
        """What was written so far, as sorted files."""
        self._end_shard()
        for _, shard in self._finished:
            shard.result()
        return [str(path) for path, _ in self._finished]

    def _writer(self, ordinal: int | None) -> ShardWriter:
        if self._open is None or self._open[0] != ordinal:
            self._end_shard()
            name = shard_name(ordinal, self._arrangement.shard)
            path = self._folder / f"{name}.ordered.parquet"
            self._open = ordinal, ShardWriter(name, path, self._target)
        return self._open[1]

    def _end_shard(self) -> None:
        if self._open is not None:
            writer = self._open[1]
            self._finished.append((writer.path, writer.finish()))
            self._open = None
