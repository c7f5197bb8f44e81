"""Which rows of an index an interval holds: a run of them, since an index is in order of time.

Its first and its last row are found by bisection, over the row groups' bounds and then inside of
two row groups, so that nothing else is decoded for it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from opendata.reading.file_index.groups import Groups
from opendata.reading.file_index.query import FileQuery, microseconds

Side = Literal["left", "right"]


def span_of(groups: Groups, query: FileQuery) -> tuple[int, int]:
    """First row of the interval, and the first row after it.

    Raises:
        Corrupt: if a row group's times are not what the footer says.
    """
    footer = groups.footer
    if query.is_open:
        return 0, footer.rows
    start = 0 if query.start is None else _row_at(groups, microseconds(query.start), "left")
    stop = footer.dated_rows
    if query.end is not None:
        stop = _row_at(groups, microseconds(query.end), "right")
    return start, max(start, stop)


def is_measured(groups: Groups, query: FileQuery) -> bool:
    """Whether `span_of` decodes nothing: what it looks into is decoded already."""
    ends = []
    if query.start is not None:
        ends.append(_edge(groups, microseconds(query.start), "left"))
    if query.end is not None:
        ends.append(_edge(groups, microseconds(query.end), "right"))
    return all(inside is None or groups.has_times(inside) for _, inside in ends)


def decode_together(groups: Groups, query: FileQuery, limit: int) -> None:
    """Decode the few row groups that a short interval touches, in one go and before it is measured:
    its ends lie in them, so that looking for those costs nothing more.

    Raises:
        Corrupt: as `Groups.rows`.
    """
    footer = groups.footer
    if query.is_open or query.metadata or not len(footer.lows):
        return
    first, last = 0, len(footer.lows) - 1
    if query.start is not None:
        first = int(np.searchsorted(footer.highs, microseconds(query.start)))
    if query.end is not None:
        last = int(np.searchsorted(footer.lows, microseconds(query.end), side="right")) - 1
    per_group = int(footer.first_rows[1])
    if first <= last <= first + 1 + limit // per_group:
        groups.rows(range(first, last + 1))


def _row_at(groups: Groups, at: int, side: Side) -> int:
    """How many dated rows lie before an instant; with "right", before or at it."""
    first, inside = _edge(groups, at, side)
    if inside is None:
        return first
    return first + int(np.searchsorted(groups.times(inside), at, side=side))


def _edge(groups: Groups, at: int, side: Side) -> tuple[int, int | None]:
    """A row, and the row group that begins with it if the instant lies inside of that."""
    footer = groups.footer
    number = int(np.searchsorted(footer.highs, at, side=side))
    if number == len(footer.highs):
        return footer.dated_rows, None
    low = int(footer.lows[number])
    is_before = at < low or (at == low and side == "left")
    return int(footer.first_rows[number]), None if is_before else number
