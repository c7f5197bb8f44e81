"""An index of a table by some keys: what its segments' statistics tell, and how keys lie in it.

Here belong the values that `build_index` returns (S4-47). Measuring belongs to an adapter; a
segment is a row group of a Parquet file.
"""

from __future__ import annotations

from typing import Literal

from opendata.wire.chunks import ColumnStats
from opendata.wire.codec import Wire

KeyOrder = Literal["strict", "with repeats", "none"]


class Segment(Wire):
    """One row group: its place (both numbers count from 0), its rows, and the keys' bounds."""

    file: int
    row_group: int
    row_count: int
    columns: dict[str, ColumnStats]


class SegmentIndex(Wire):
    """What was measured of a table.

    `distinct_est` are the distinct values of each key, `distinct_keys` those of all keys together
    (exact, over rows without a null among them). `order` says how the rows lie by the keys;
    `pruning` is the share of needless row groups that look-ups by a key leave unread, null where
    there is only one.
    """

    keys: tuple[str, ...]
    row_count: int
    segments: tuple[Segment, ...]
    files: tuple[dict[str, ColumnStats], ...]
    distinct_est: dict[str, int | None]
    distinct_keys: int
    null_rows: int
    repeated_rows: int
    order: KeyOrder
    pruning: dict[str, float | None]

    @property
    def is_unique(self) -> bool:
        """Whether the keys tell all rows apart."""
        return not self.null_rows and not self.repeated_rows
