"""The synthetic table that the large cases share: sensor readings, sorted by time and station.

Eight columns as they are met in practice: a time, a key, two texts of few values, an identifier,
two measurements with nulls, and a flag. The same count of rows always gives the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FULL_ROWS = 20_000_000
BATCH_ROWS = 1 << 18
FIRST = np.datetime64("2022-01-01T00:00:00", "us")
LAST = np.datetime64("2025-01-01T00:00:00", "us")  # 36 months
COUNTRIES = np.array(["AT", "BR", "CH", "DE", "ES", "FR", "GB", "IN", "JP", "KE", "NZ", "US"])
SCHEMA = pa.schema(
    [
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("id", pa.int64(), nullable=False),
        pa.field("country", pa.string(), nullable=False),
        pa.field("station", pa.string(), nullable=False),
        pa.field("reading", pa.float64()),
        pa.field("quality", pa.int32(), nullable=False),
        pa.field("drift", pa.float64()),
        pa.field("valid", pa.bool_(), nullable=False),
    ]
)


def batches(rows: int, *, first: int = 0, total: int | None = None) -> Iterator[pa.RecordBatch]:
    """Rows `first` to `first + rows` of a table of `total` rows, which spans all 36 months."""
    total = total or rows
    for start in range(first, first + rows, BATCH_ROWS):
        yield _batch(start, min(BATCH_ROWS, first + rows - start), total)


def write_plain(path: Path, rows: int) -> None:
    """The table as one Parquet file of a million rows a row group; kept if it is there already."""
    if path.exists():
        return
    unfinished = path.with_suffix(".unfinished")
    with pq.ParquetWriter(unfinished, SCHEMA, compression="zstd") as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in batches(rows):
            waiting.append(batch)
            if len(waiting) * BATCH_ROWS >= 1 << 20:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    unfinished.rename(path)


def _batch(start: int, count: int, total: int) -> pa.RecordBatch:
    random = np.random.default_rng(start)
    ids = np.arange(start, start + count, dtype=np.int64)
    span = int((LAST - FIRST).astype(np.int64)) - 1
    times = FIRST.astype(np.int64) + (ids * (span / total)).astype(np.int64)
    stations = random.integers(0, 400, count)
    readings = np.round(random.normal(12, 8, count), 2)
    nulls = random.random(count) < 0.01
    arrays = [
        pa.array(times, pa.timestamp("us")).cast(SCHEMA.field("ts").type),
        pa.array(ids),
        pa.array(COUNTRIES[stations % len(COUNTRIES)]),
        pa.array(np.char.add("S", np.char.zfill(stations.astype("U3"), 4))),
        pa.array(readings, mask=nulls),
        pa.array(random.integers(0, 100, count), pa.int32()),
        pa.array(np.round(random.normal(0, 1, count), 4), mask=nulls),
        pa.array(random.random(count) < 0.97),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
