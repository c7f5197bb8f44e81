"""Pace: how far a long intake of rows is, told every few seconds.

Here belongs when something is told and in which words; who listens is the caller's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

TELL_EVERY_SECONDS: Final = 10.0
# Looking at the clock is cheap, but a small build need not do it at all.
LOOK_EVERY_ROWS: Final = 500_000


class Pace:
    """Counts rows and bytes, and says now and then how many there are and how fast they come."""

    def __init__(self, now: Callable[[], datetime], say: Callable[[str], None]) -> None:
        self._now = now
        self._say = say
        self._rows = 0
        self._bytes = 0
        self._looked_at_rows = 0
        self._told: tuple[datetime, int] | None = None

    def passed(self, rows: int, size_bytes: int) -> None:
        """These came."""
        self._rows += rows
        self._bytes += size_bytes
        if self._rows - self._looked_at_rows < LOOK_EVERY_ROWS:
            return
        self._looked_at_rows = self._rows
        now = self._now()
        if self._told is None:
            self._told = now, self._rows
            return
        told_at, told_rows = self._told
        seconds = (now - told_at).total_seconds()
        if seconds < TELL_EVERY_SECONDS:
            return
        rate = (self._rows - told_rows) / seconds
        self._say(f"{self._rows:,} rows ({self._bytes / 1e6:,.0f} MB) so far, {rate:,.0f} a second")
        self._told = now, self._rows
