"""A synthetic channel index of any size: pictures of four cameras, one every 0.4 seconds.

Everything in it is made up. What it shares with real ones is what costs: ids and paths that differ
row by row, digests that cannot be compressed, and metadata of which there are few.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from opendata.reading.file_index.schema import INDEX_SCHEMA

ROWS = 50_000_000
STEP_MICROSECONDS = 400_000
EPOCH_MICROSECONDS = 1_735_689_600_000_000  # 2025-01-01
CAMERAS = ("front", "rear", "left", "right")
WEATHER = ("sun", "rain", "fog")
_PART_ROWS = 1 << 20
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
Bytes = npt.NDArray[np.uint8]


def write_index(path: Path, rows: int, group_rows: int, options: dict[str, Any]) -> None:
    """Write it part by part, so that its size does not matter."""
    random = np.random.default_rng(1)
    step = _PART_ROWS // group_rows * group_rows
    with pq.ParquetWriter(path, INDEX_SCHEMA, **options) as writer:
        for start in range(0, rows, step):
            part = make_rows(start, min(step, rows - start), random)
            writer.write_table(part, row_group_size=group_rows)


def make_rows(start: int, count: int, random: np.random.Generator) -> pa.Table:
    """Some rows of it."""
    numbers = np.arange(start, start + count, dtype=np.int64)
    ticks = EPOCH_MICROSECONDS + numbers * STEP_MICROSECONDS
    date, clock = _date_digits(ticks), _clock_digits(ticks)
    serial = _digits(numbers, 9)
    metadata = [
        json.dumps({"camera_id": camera, "weather": weather}, separators=(",", ":"))
        for camera in CAMERAS
        for weather in WEATHER
    ]
    chosen = random.integers(0, len(metadata), count).astype(np.int32)
    coded = pa.DictionaryArray.from_arrays(pa.array(chosen), pa.array(metadata))
    columns = [
        _texts("img_", date, "_", clock, "_", serial),
        _texts(date[:, :4], "/", date[:, 4:6], "/", date[:, 6:], "/", clock[:, :2], "/img_",
               serial, ".jpg"),
        pa.array(ticks).cast(INDEX_SCHEMA.field("timestamp").type),
        pa.array(random.integers(20_000, 2_000_000, count)),
        _texts("sha256:", _hex_digests(random, count)),
        coded.cast(pa.string()),
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=INDEX_SCHEMA)


def _texts(*parts: Bytes | str) -> pa.Array:
    count = next(len(part) for part in parts if not isinstance(part, str))
    wide = [
        np.broadcast_to(np.frombuffer(part.encode(), np.uint8), (count, len(part)))
        if isinstance(part, str)
        else part
        for part in parts
    ]
    data = np.ascontiguousarray(np.hstack(wide))
    places = np.arange(count + 1, dtype=np.int32) * data.shape[1]
    return pa.StringArray.from_buffers(count, pa.py_buffer(places), pa.py_buffer(data))


def _digits(values: npt.NDArray[np.int64], width: int) -> Bytes:
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def _date_digits(ticks: npt.NDArray[np.int64]) -> Bytes:
    days, places = np.unique(ticks // 86_400_000_000, return_inverse=True)
    named = [int(str(day).replace("-", "")) for day in days.astype("datetime64[D]")]
    return _digits(np.array(named, np.int64)[places], 8)


def _clock_digits(ticks: npt.NDArray[np.int64]) -> Bytes:
    seconds = ticks // 1_000_000 % 86_400
    return _digits(seconds // 3600 * 10_000 + seconds % 3600 // 60 * 100 + seconds % 60, 6)


def _hex_digests(random: np.random.Generator, count: int) -> Bytes:
    raw = random.integers(0, 256, (count, 32), dtype=np.uint8)
    text = np.empty((count, 64), np.uint8)
    text[:, 0::2], text[:, 1::2] = _HEX[raw >> 4], _HEX[raw & 15]
    return text
