"""How far a long intake is, told every few seconds and to nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dataplatform.releases.pace import LOOK_EVERY_ROWS, Pace

START_AT = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Each look is four seconds after the last."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return START_AT + timedelta(seconds=4 * self.looks)


def test_rows_bytes_and_rate_are_told_every_ten_seconds() -> None:
    told: list[str] = []
    pace = Pace(Clock(), told.append)
    for _ in range(7):
        pace.passed(LOOK_EVERY_ROWS, 8_000_000)
    assert told == [
        "2,000,000 rows (32 MB) so far, 125,000 a second",
        "3,500,000 rows (56 MB) so far, 125,000 a second",
    ]


def test_a_small_build_never_looks_at_the_clock() -> None:
    clock = Clock()
    pace = Pace(clock, print)
    for _ in range(4):
        pace.passed(LOOK_EVERY_ROWS // 5, 1)
    assert clock.looks == 0
