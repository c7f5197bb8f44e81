"""Clocks that tests move: one for stored times, one for waiting."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

from opendata.stores.patience import Patience


class FakeClock:
    """Each look is one second after the last, so that stored times are the same in every run."""

    def __init__(self, start_at: datetime = datetime(2026, 1, 31, 6, tzinfo=UTC)) -> None:
        self.now_at = start_at

    def __call__(self) -> datetime:
        self.now_at += timedelta(seconds=1)
        return self.now_at


class VirtualTime(threading.local):
    """Seconds that pass only by sleeping, at once; what slept is noted. Each thread has its own."""

    def __init__(self) -> None:
        self.now_seconds = 0.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.now_seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_seconds += seconds

    def patience(self, *, seed: int = 0, **limits: float) -> Patience:
        """The product's patience, waiting in this time."""
        dice = random.Random(seed).random
        return Patience(sleep=self.sleep, now=self.now, dice=dice, **limits)  # type: ignore[arg-type]
