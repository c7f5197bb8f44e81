"""Parcels in rounds: each round is one job of Spark, whose outcomes are taken when it is done.

Two rounds are under way at a time, so that the last task of one keeps nobody waiting. Rounds grow
until one takes a while: short ones lose little where a run is interrupted, long ones cost less.
The driver's memory holds the outcomes of two, however many files a channel has; where files tell
much metadata, rounds shrink.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Final

ROUND_MIN_PARCELS: Final = 16
ROUND_MAX_PARCELS: Final = 512
"""At 256 files a parcel, 131,072 files and some 60 MB of outcomes."""
ROUND_MAX_BYTES: Final = 96 << 20
"""A round whose outcomes are more is followed by smaller ones."""
_SHORT_SECONDS: Final = 5.0
_LONG_SECONDS: Final = 20.0
_UNDER_WAY: Final = 2

Row = tuple[bytes | None, bytes | None]
Work = Callable[[Iterable[Any]], Iterator[Any]]


class Pace:
    """How many parcels the next round has; kept from one job to the next, for a large channel
    comes in many."""

    def __init__(self) -> None:
        self.parcels = ROUND_MIN_PARCELS

    def learn(self, seconds: float, size_bytes: int) -> None:
        """What a round of late took, and how much its outcomes were."""
        self.parcels = next_size(self.parcels, seconds, size_bytes)


def run_rounds(
    session: Any,
    parcels: Iterator[bytes],
    work: Callable[[Sequence[bytes]], Work],
    columns: str,
    *,
    pace: Pace | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Row]:
    """The rows that `work` makes of all parcels, round after round.

    Args:
        parcels: Taken as rounds begin; may be endless.
        work: Given a round's parcels, the function for `mapInArrow` over their numbers.
        columns: The schema of its rows, as Spark writes it.
        pace: What was learned from rounds before.
    """
    pace = pace or Pace()

    def run(taken: Sequence[bytes]) -> tuple[list[Any], float]:
        began = clock()
        numbers = session.range(0, len(taken), 1, len(taken))  # a task each
        rows = numbers.mapInArrow(work(taken), columns).collect()
        return rows, clock() - began

    under_way: deque[Future[tuple[list[Any], float]]] = deque()
    with ThreadPoolExecutor(_UNDER_WAY, thread_name_prefix="round") as threads:
        while True:
            while len(under_way) < _UNDER_WAY and (taken := list(islice(parcels, pace.parcels))):
                under_way.append(threads.submit(run, taken))
            if not under_way:
                return
            rows, seconds = under_way.popleft().result()
            pace.learn(seconds, sum(len(row[0] or b"") for row in rows))
            rows.reverse()
            while rows:  # each is let go once it was taken
                row = rows.pop()
                yield _bytes(row[0]), _bytes(row[1])


def next_size(size: int, seconds: float, size_bytes: int = 0) -> int:
    """How many parcels the next round has, after one of this size took so long and told so much."""
    if size_bytes > ROUND_MAX_BYTES:
        return max(min(size * ROUND_MAX_BYTES // size_bytes, size // 2), 1)
    if seconds < _SHORT_SECONDS:
        # Not where twice as much would be too much.
        return size if 2 * size_bytes > ROUND_MAX_BYTES else min(2 * size, ROUND_MAX_PARCELS)
    if seconds > _LONG_SECONDS:
        return min(size, max(size // 2, ROUND_MIN_PARCELS))
    return size


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
