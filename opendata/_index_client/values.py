"""Columns of an index as Python's values, quicker than Arrow's own way to them.

Arrow makes one scalar object per cell; here texts are cut out of one text, and times are made by
NumPy. What is measured stands in `benchmarks/file_queries.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

NO_TIME = np.iinfo(np.int64).min
"""NumPy's "not a time"."""


def column_values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """The cells: texts, whole numbers, and times in UTC or None."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    values: list[Any] = []
    for chunk in chunks:
        values += _values(chunk)
    return values


def _values(chunk: pa.Array) -> list[Any]:
    if not len(chunk):
        return []
    if pa.types.is_timestamp(chunk.type) and chunk.type.unit == "us":
        return _times(chunk)
    if pa.types.is_int64(chunk.type) and not chunk.null_count:
        return list(_numbers(chunk).tolist())
    if pa.types.is_string(chunk.type) and not chunk.null_count:
        return _texts(chunk)
    return list(chunk.to_pylist())


def _texts(chunk: pa.StringArray) -> list[str]:
    _, places, data = chunk.buffers()
    ends = np.frombuffer(places, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    first = int(ends[0])
    raw = bytes(memoryview(data)[first : int(ends[-1])]) if data is not None else b""
    marks = (ends - first).tolist()
    if raw.isascii():
        text = raw.decode("ascii")
        return [text[begin:end] for begin, end in pairwise(marks)]
    return [raw[begin:end].decode() for begin, end in pairwise(marks)]


def _times(chunk: pa.TimestampArray) -> list[datetime | None]:
    ticks = _numbers(chunk)
    if chunk.null_count:
        ticks = np.where(_is_valid(chunk), ticks, NO_TIME)
    naive = ticks.view("datetime64[us]").tolist()
    return [None if at is None else at.replace(tzinfo=UTC) for at in naive]


def _is_valid(chunk: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    bits = np.unpackbits(np.frombuffer(chunk.buffers()[0], np.uint8), bitorder="little")
    return bits[chunk.offset : chunk.offset + len(chunk)].astype(np.bool_)


def _numbers(chunk: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    values = np.frombuffer(chunk.buffers()[1], np.int64)
    return values[chunk.offset : chunk.offset + len(chunk)]
