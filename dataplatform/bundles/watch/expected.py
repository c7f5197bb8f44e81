"""How many files there have to be, and when: from what a spec declares, never from an index.

Here belongs the arithmetic of a cadence over a range of data time. A span that the range covers in
part is expected in part. A cadence that goes into a day stands on the clock (the hour, midnight in
UTC); any other one begins where the range does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from dataplatform.channels.spec import Expected
from opendata.wire.bundle import DataRange
from opendata.wire.times import parse_instant

Numbers = npt.NDArray[np.int64]
MICROSECOND: Final = timedelta(microseconds=1)
HOUR: Final = timedelta(hours=1) // MICROSECOND
DAY: Final = timedelta(days=1) // MICROSECOND
SPANS_MAX: Final = 5_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Grid:
    """Spans of equal length side by side: `first` is where the first begins, in microseconds since
    1970. `expected` holds the files of each, or is None where nobody declared any."""

    first: int
    length: int
    count: int
    expected: Numbers | None = None

    def place(self, times: Numbers) -> Numbers:
        """Which span each time is in; those outside of all are left out."""
        spans = (times - self.first) // self.length
        return spans[(spans >= 0) & (spans < self.count)]

    def start(self, span: int) -> datetime:
        """When a span begins."""
        return from_microseconds(self.first + span * self.length)


@dataclass(frozen=True)
class Cadence:
    """What a cadence asks for, or why that cannot be said."""

    grid: Grid | None
    reason: str | None = None


def cadence(expected: Expected, data_range: DataRange, now: datetime) -> Cadence:
    """The spans of a declared cadence over a range; nothing is expected after `now`."""
    if expected.every is None:
        raise AssertionError("a count in all has no cadence")
    if not expected.every:
        return Cadence(None, "the spec's `every` is no time at all")
    if data_range.start_time is None or data_range.end_time is None:
        open_end = "start" if data_range.start_time is None else "end"
        return Cadence(None, f"the bundle's data range has no {open_end} to count a cadence from")
    length = expected.every // MICROSECOND
    start = to_microseconds(parse_instant(data_range.start_time))
    end = to_microseconds(min(parse_instant(data_range.end_time), now)) + 1
    first = start - (start % length) if DAY % length == 0 else start
    count = max(0, -(-(end - first) // length))
    if count > SPANS_MAX:
        return Cadence(None, f"the range has {count:,} spans; at most {SPANS_MAX:,} are counted")
    begins = first + np.arange(count, dtype=np.int64) * length
    covered = np.minimum(begins + length, end) - np.maximum(begins, start)
    files = np.floor(covered / length * expected.count + 0.5).astype(np.int64)
    return Cadence(Grid(first, length, count, files))


def hours_of(low: int, high: int) -> Grid:
    """Spans of an hour from the earliest time to the latest; longer where those are too many."""
    length = HOUR
    while (high - low) // length >= SPANS_MAX:
        length *= 24
    first = low - low % length
    return Grid(first, length, (high - first) // length + 1)


def to_microseconds(at: datetime) -> int:
    """An instant as microseconds since 1970."""
    return (at - _EPOCH) // MICROSECOND


def from_microseconds(at: int) -> datetime:
    """The instant of so many microseconds since 1970."""
    return _EPOCH + at * MICROSECOND
