"""Politeness: a pause between two requests to one host, and waits that can be cut short.

Here belongs when to ask next. How often to ask again after a failure is decided in `http`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_STEP_SECONDS = 0.1


class Pace:
    """Keeps requests to one host `interval_seconds` apart, across all runs of a process."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval = interval_seconds
        self._next_free: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait_for_turn(self, host: str, stopped: Callable[[], bool]) -> None:
        """Take the host's next free moment and wait for it."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next_free.get(host, now))
            self._next_free[host] = turn + self._interval
        pause(turn - now, stopped)


def pause(seconds: float, stopped: Callable[[], bool]) -> None:
    """Sleep, but no longer than `stopped()` stays false."""
    end = time.monotonic() + seconds
    while not stopped() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _STEP_SECONDS))
