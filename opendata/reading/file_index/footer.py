"""An index's footer, parsed once: where its row groups begin in rows and in time.

Here belongs what makes an index one that can be asked: its columns, limits on what decoding may
take, and an order by time that a search can rely on. All is checked before a row is decoded, since
a digest says that bytes are those that were published, not that they are harmless.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from opendata.reading.file_index.schema import INDEX_SCHEMA, TIME_POSITION, is_index_schema
from opendata.reading.limits import FOOTER_BYTES_MAX, GROUP_BYTES_MAX, refused

GROUP_ROWS_MAX: Final = 2 << 20
"""A row group is decoded at once, whoever wrote it."""
_TAIL_BYTES: Final = 8

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Footer:
    """The parsed footer and, of every row group, its first row and its rows with a time.

    `first_rows` has one number more than there are groups: the number of rows. `lows` and `highs`
    are microseconds, of the `timed` first groups only; those after them have no times at all.
    """

    parquet: pq.FileMetaData
    first_rows: Numbers
    dated: Numbers
    lows: Numbers
    highs: Numbers

    @property
    def rows(self) -> int:
        """How many files the index has."""
        return int(self.first_rows[-1])

    @property
    def dated_rows(self) -> int:
        """How many of them, the first ones, have a time."""
        return int(self.dated.sum())

    def group_of(self, row: int) -> int:
        """The row group that holds a row."""
        return bisect_right(self.first_rows, row) - 1

    def groups_of(self, start: int, stop: int) -> range:
        """The row groups that hold the rows from `start` up to but without `stop`."""
        if stop <= start:
            return range(0)
        return range(self.group_of(start), self.group_of(stop - 1) + 1)


def parse_footer(read: Callable[[int, int], memoryview], size: int, what: str) -> Footer:
    """The footer of an index of `size` bytes; `read` hands out `(offset, length)` of them.

    Raises:
        Corrupt: naming the object, if it is no index, not in order of time, or larger than any
            index is.
    """
    if size < 2 * _TAIL_BYTES:
        raise refused(what, "is no readable Parquet: it is too short")
    length = int.from_bytes(read(size - _TAIL_BYTES, 4), "little") + _TAIL_BYTES
    if length > min(size - 4, FOOTER_BYTES_MAX):
        raise refused(what, f"has a footer of {length} bytes")
    try:
        framed = b"PAR1" + bytes(read(size - length, length))
        parquet = pq.read_metadata(pa.BufferReader(framed))
        schema = parquet.schema.to_arrow_schema()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refused(what, f"is no readable Parquet: {error}") from error
    _check_columns(parquet, schema, what)
    return _measured(parquet, what)


def _check_columns(parquet: pq.FileMetaData, schema: pa.Schema, what: str) -> None:
    if not is_index_schema(schema):
        raise refused(
            what,
            f"is no index of files: its columns are {', '.join(schema.names)}",
            hint="index the channel again: od bundle index",
        )
    if parquet.num_columns != len(INDEX_SCHEMA):
        raise refused(what, "is no index of files: it has nested columns")


def _measured(parquet: pq.FileMetaData, what: str) -> Footer:
    rows: list[int] = []
    dated: list[int] = []
    lows: list[int] = []
    highs: list[int] = []
    for number in range(parquet.num_row_groups if parquet.num_rows else 0):
        group = parquet.row_group(number)
        count = group.num_rows
        if not 0 < count <= GROUP_ROWS_MAX or not 0 <= group.total_byte_size <= GROUP_BYTES_MAX:
            raise refused(
                what,
                f"has a row group of {count:,} files and {group.total_byte_size:,} bytes",
                hint="index the channel again: od bundle index",
            )
        statistics = group.column(TIME_POSITION).statistics
        if statistics is None or not statistics.has_null_count:
            raise refused(
                what,
                "does not tell the times of its row groups",
                hint="index the channel again: od bundle index",
            )
        rows.append(count)
        dated.append(count - statistics.null_count)
        if dated[-1]:
            if not statistics.has_min_max:
                raise refused(what, "does not tell the times of its row groups")
            lows.append(statistics.min_raw)
            highs.append(statistics.max_raw)
    first_rows = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(rows, out=first_rows[1:])
    footer = Footer(parquet, first_rows, _numbers(dated), _numbers(lows), _numbers(highs))
    _check_order(footer, what)
    return footer


def _numbers(values: list[int]) -> Numbers:
    return np.array(values, np.int64)


def _check_order(footer: Footer, what: str) -> None:
    """Times rise over the whole index, and rows without one come last."""
    rows = np.diff(footer.first_rows)
    timed = len(footer.lows)
    partly = np.flatnonzero(footer.dated != rows)
    is_last = not len(partly) or (
        int(partly[0]) >= timed - 1 and not footer.dated[int(partly[0]) + 1 :].any()
    )
    rises = (footer.lows <= footer.highs).all() and (footer.highs[:-1] <= footer.lows[1:]).all()
    if (
        (footer.dated < 0).any()
        or not (rises and is_last)
        or footer.rows != footer.parquet.num_rows
    ):
        raise refused(
            what, "is not in order of time", hint="index the channel again: od bundle index"
        )
