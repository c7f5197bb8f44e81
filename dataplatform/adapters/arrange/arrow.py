"""Sorting and cutting on Arrow, which leaves every type and every bit as it was.

Here belongs the way from spools to shards. Sorting what does not fit into
memory stands in `runs`, its keys in `sort_keys`. (DuckDB sorts too, but drops the sign of zero,
zones, units and widths on the way, and runs out of memory on wide rows however far it may spill.)
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Final

import pyarrow as pa

from dataplatform.adapters.arrange.cut import runs_of_one_shard
from dataplatform.adapters.arrange.runs import external_sort
from dataplatform.adapters.arrange.sort_keys import sort_keys
from dataplatform.adapters.arrange.spool import Spool, open_spool
from dataplatform.adapters.arrange.travel import arrive, depart, travel_schema
from dataplatform.releases.arranging import SHARDS, Shards, shard_name, shard_ordinals
from opendata.reading.blocks import rechunk
from opendata.reading.bounds import is_time_type
from opendata.wire.errors import InvalidInput

SHARD: Final = "#shard"
# The sort takes up to about this, beside what a build takes anyway; with more it is no faster.
MEMORY_BYTES: Final = 256 << 20


class ArrowArranger:
    """Sorts and cuts within about `memory_bytes`; implements `TableArranger`.

    Args:
        memory_bytes: How much memory rows and their keys may take; more is spilled beside them.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes

    def arrange(
        self,
        spools: Sequence[str],
        *,
        order_by: Sequence[str],
        shard: str,
        time: str | None,
        schema: pa.Schema | None = None,
    ) -> Shards:
        """The rows by shard, in their canonical order; see the port."""
        with ExitStack() as stack:
            opened = [stack.enter_context(open_spool(s, self._memory_bytes)) for s in spools]
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="sort-", dir=os.path.dirname(spools[0]))
            )
            target = schema or opened[0].schema
            for spool in opened:
                _check(spool.schema, target, order_by, shard, time)
            travelling = travel_schema(target).insert(0, pa.field(SHARD, pa.int64()))
            keys = sort_keys(travelling, (SHARD, *order_by))
            rows = (row for spool in opened for row in _with_shard(spool, travelling, shard, time))
            batches = external_sort(rows, keys, Path(folder), self._memory_bytes)
            yield from _shards(batches, target, shard)


def _check(
    actual: pa.Schema, target: pa.Schema, order_by: Sequence[str], shard: str, time: str | None
) -> None:
    if shard not in SHARDS:
        raise InvalidInput(f"{shard!r} is no way to shard; there are {', '.join(SHARDS)}")
    if len({*actual.names, SHARD}) <= len(actual.names):
        raise InvalidInput("two columns have the same name", code="repeated_column")
    wanted = [*target.names, *order_by, *([time] if time else [])]
    missing = [name for name in wanted if name not in actual.names or name not in target.names]
    if missing:
        raise InvalidInput(f"the rows have no column {missing[0]!r}", code="no_such_column")
    if shard != "none" and (time is None or not is_time_type(target.field(time).type)):
        raise InvalidInput(
            f"shards by {shard} need a time column of type date or timestamp",
            hint="name one with `time:`, or leave `release.shard` out",
        )


def _with_shard(
    spool: Spool, schema: pa.Schema, shard: str, time: str | None
) -> Iterator[pa.RecordBatch]:
    """The spool's rows as they travel, each with the number of its shard in front."""
    own = schema.remove(0)
    for batch in spool.batches:
        plain = depart(batch, own)
        ordinal = pa.nulls(batch.num_rows, pa.int64())
        if shard != "none" and time is not None:
            ordinal = shard_ordinals(plain.column(time), shard)
        yield pa.RecordBatch.from_arrays([ordinal, *plain.columns], schema=schema)


def _shards(batches: Iterator[pa.RecordBatch], schema: pa.Schema, shard: str) -> Shards:
    pieces = (
        piece
        for batch in batches
        for piece in runs_of_one_shard(batch.select(range(1, batch.num_columns)), batch.column(0))
    )
    for ordinal, group in groupby(pieces, key=lambda piece: piece[0]):
        rows = rechunk(piece for _, piece in group)
        yield shard_name(ordinal, shard), (arrive(batch, schema) for batch in rows)
