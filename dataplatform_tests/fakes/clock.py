"""A clock that only moves when it is looked at, so that stored times are the same in every run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Each look is one second after the last."""

    def __init__(self, start_at: datetime = datetime(2026, 1, 31, 6, tzinfo=UTC)) -> None:
        self.now_at = start_at

    def __call__(self) -> datetime:
        self.now_at += timedelta(seconds=1)
        return self.now_at
