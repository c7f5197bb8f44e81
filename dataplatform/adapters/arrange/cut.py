"""Cutting rows by time: a batch in pieces of one shard each.

Here belongs the cut of batches. The numbers of shards, and what they are called, stand with the
port.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from dataplatform.releases.arranging import shard_ordinals


def runs_of_one_shard(
    rows: pa.RecordBatch, ordinals: pa.Array
) -> Iterator[tuple[int | None, pa.RecordBatch]]:
    """The rows cut where the number of their shard changes; null is a shard of its own."""
    codes = ordinals.fill_null(-1).to_numpy(zero_copy_only=False)
    starts = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), rows.num_rows]
    for start, end in pairwise(starts):
        if end > start:
            yield ordinals[start].as_py(), rows.slice(start, end - start)


def sorted_runs_of_one_shard(
    rows: pa.RecordBatch, time: str | None, shard: str
) -> Iterator[tuple[int | None, pa.RecordBatch]]:
    """The same for rows that lie in the order of time, where most batches are of one shard."""
    if not rows.num_rows:
        return
    if time is None or shard == "none":
        yield None, rows
        return
    times = rows.column(time)
    ends = shard_ordinals(pa.concat_arrays([times[:1], times[-1:]]), shard)
    if ends[0] == ends[1] or ends.null_count == len(ends):
        yield ends[0].as_py(), rows
    else:
        yield from runs_of_one_shard(rows, shard_ordinals(times, shard))
