"""The port that brings rows into their canonical order and cuts them into shards.

Here belong the interface and the names of shards. How shards become Parquet is the workbench's
matter; engines that sort are adapters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

UNSHARDED: Final = "all"
UNDATED: Final = "undated"
SHARDS: Final = ("year", "month", "day", "none")

Shards = Iterator[tuple[str, Iterator[pa.RecordBatch]]]


class TableArranger(Protocol):
    """Sorts what does not fit into memory.

    The order is total: `order_by`, then every other column, nulls last, NaN after all numbers. So
    the same rows come out in the same order however they arrived, and rows that compare equal
    throughout are equal in content.
    """

    def arrange(
        self,
        spools: Sequence[str],
        *,
        order_by: Sequence[str],
        shard: str,
        time: str | None,
        schema: pa.Schema | None = None,
    ) -> Shards:
        """The rows by shard: years `2024`, months `2024-01`, days `2024-01-05`, `all`, `undated`.

        Shards come in the order of time, rows without a time last. Every shard's batches have
        65,536 rows but for its last; they are to be read before the next shard is asked for.

        Args:
            spools: Parquet or Arrow IPC files of the rows as they arrived.
            order_by: The columns that lead the order.
            shard: `year`, `month`, `day` (of `time`, in UTC) or `none`.
            time: The time column; needed where there are shards.
            schema: Of the batches that come out; the first spool's where absent. Parquet changes
                some types (seconds, 64-bit dates), which this changes back.

        Raises:
            InvalidInput: where a column is missing, or cannot be sorted or carried.
            Corrupt: where a spool cannot be read.
            Rejected: where a limit does not suffice.
        """
        ...


def shard_ordinals(times: pa.Array, shard: str) -> pa.Array:
    """Times as numbers yyyymmdd in UTC, with zeros for what is not cut by."""
    if pa.types.is_timestamp(times.type) and times.type.tz is not None:
        times = times.cast(pa.int64()).cast(pa.timestamp(times.type.unit))
    ordinal = pc.multiply(pc.year(times), _whole(10_000))
    if shard != "year":
        ordinal = pc.add(ordinal, pc.multiply(pc.month(times), _whole(100)))
    if shard == "day":
        ordinal = pc.add(ordinal, pc.day(times))
    return ordinal.cast(pa.int64())


def _whole(number: int) -> pa.Scalar:
    """A bare number would do, but where memory is short Arrow calls that a wrong type."""
    return pa.scalar(number, pa.int64())


def shard_name(ordinal: int | None, shard: str) -> str:
    """The name of a shard from its time as the number yyyymmdd, months and days as far as cut."""
    if shard == "none":
        return UNSHARDED
    if ordinal is None:
        return UNDATED
    year, rest = divmod(ordinal, 10_000)
    month, day = divmod(rest, 100)
    if shard == "year":
        return f"{year:04d}"
    return f"{year:04d}-{month:02d}" if shard == "month" else f"{year:04d}-{month:02d}-{day:02d}"
