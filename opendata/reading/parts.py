"""The bytes of an object from afar: by one stream, or by parts side by side, in order.

A far store gives each connection a share of the line, so that several are faster than one; a near
one is as fast as the disk. Which it is shows while bytes arrive. So a download begins as a stream,
and leaves it for parts if it is slow and much is missing. Of these one more is on its way after
each that came soon, and one fewer after each that did not: a slow line carries one at a time, and
whoever stops a download never waits long.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from opendata.reading.ahead import give_way
from opendata.stores.port import ObjectReader

PART_BYTES = 4 << 20
FROM_BYTES = 8 * PART_BYTES
"""A smaller object is one request."""
FAST_BYTES_PER_SECOND = 100 << 20
"""A stream that is as fast as this gains nothing from others beside it."""
SOON_SECONDS = 5.0
AT_ONCE_MAX = 8
"""Parts on their way or waiting, over all downloads of the process; each may have one in any case,
so that none waits for another."""

_others = threading.BoundedSemaphore(AT_ONCE_MAX - 1)

Part = tuple[bytes, float]


def missing_pieces(
    reader: ObjectReader, key: str, have: int, size: int
) -> Generator[bytes, None, None]:
    """The object's bytes from `have` on, in order; `size` is what it should have.

    What one stream brings may be more or less than `size`, as the object is.

    Raises:
        NotFound, Denied, Corrupt, Unavailable: as the store answers, after what came before.
    """
    if not have:
        have = yield from _stream_while_fast(reader, key, size)
        if not have:
            return
    if reader.serves_ranges:
        with closing(parts_in_order(reader, key, have, size)) as parts:
            for part in parts:
                have += len(part)
                yield part
        if have == size:
            return
    skipped = 0  # whoever sends no ranges sends all of it once more
    for piece in reader.stream(key):
        begin = min(have - skipped, len(piece))
        skipped += begin
        if begin < len(piece):
            yield piece[begin:]


def _stream_while_fast(reader: ObjectReader, key: str, size: int) -> Generator[bytes, None, int]:
    """The object's first pieces; returns where parts should go on, or 0 if all were handed over."""
    have, is_judged, began_at = 0, size < FROM_BYTES, time.monotonic()
    for piece in reader.stream(key):
        if not have:  # what it takes to be answered says nothing of the line
            began_at = time.monotonic()
        have += len(piece)
        yield piece
        if not is_judged and have >= PART_BYTES:
            is_judged = True
            needed = time.monotonic() - began_at
            if reader.serves_ranges and have < FAST_BYTES_PER_SECOND * needed:
                return have
    return 0


def parts_in_order(
    reader: ObjectReader,
    key: str,
    start: int,
    size: int,
    *,
    now: Callable[[], float] = time.monotonic,
) -> Generator[bytes, None, None]:
    """The object's bytes from `start` to `size` in parts; how many are held is bounded.

    It ends early, after a whole part, if the server turns out to send whole objects for ranges.

    Raises:
        NotFound, Denied, Corrupt, Unavailable: as `get_ranges` of the reader does; all parts
            before the failed one were handed over.
    """

    def fetch(offset: int) -> Part:
        began_at = now()
        (data,) = reader.get_ranges(key, [(offset, min(PART_BYTES, size - offset))])
        return data, now() - began_at

    window = _Window(fetch, iter(range(start, size, PART_BYTES)))
    try:
        while (data := window.take()) is not None:
            yield data
            if not reader.serves_ranges:
                return
    finally:
        window.close()


class _Window:
    """The parts of one download that are on their way, the first of them at its head."""

    def __init__(self, fetch: Callable[[int], Part], offsets: Iterator[int]) -> None:
        self._fetch = fetch
        self._offsets = offsets
        self._limit = 1
        self._waiting: deque[Future[Part]] = deque()
        self._pool = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="opendata-part")

    def take(self) -> bytes | None:
        """The next part, once it is there; None after the last one."""
        give_way()
        self._fill()
        if not self._waiting:
            return None
        head = self._waiting.popleft()
        if self._waiting:  # the next one is the head now, for which there is always room
            _others.release()
        data, seconds = head.result()
        if seconds >= SOON_SECONDS:
            self._limit = max(self._limit - 1, 1)
        else:
            self._limit = min(self._limit + 1, AT_ONCE_MAX)
        return data

    def close(self) -> None:
        """Begin no other part, and wait for those that are on their way."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for _ in range(len(self._waiting) - 1):
            _others.release()
        self._waiting.clear()

    def _fill(self) -> None:
        while len(self._waiting) < self._limit:
            if self._waiting and not _others.acquire(blocking=False):
                return
            offset = next(self._offsets, None)
            if offset is None:
                if self._waiting:
                    _others.release()
                return
            self._waiting.append(self._pool.submit(self._fetch, offset))
