"""Cutting rows by time: which shard a time belongs to, and a batch in pieces of one shard each.

Here belong the numbers of shards. What they are called stands with the port.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def shard_ordinals(times: pa.Array, shard: str) -> pa.Array:
    """Times as numbers yyyymmdd in UTC, with zeros for what is not cut by."""
    if pa.types.is_timestamp(times.type) and times.type.tz is not None:
        times = times.cast(pa.int64()).cast(pa.timestamp(times.type.unit))
    ordinal = pc.multiply(pc.year(times), 10_000)
    if shard != "year":
        ordinal = pc.add(ordinal, pc.multiply(pc.month(times), 100))
    if shard == "day":
        ordinal = pc.add(ordinal, pc.day(times))
    return ordinal.cast(pa.int64())


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
