"""When a data set is produced: its cron and how often new data is expected.

Here belongs the meaning of `schedule` and `frequency`; what may be written there belongs to
`cron`. That a schedule runs at all is Dagster's. All crons are in UTC.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from dataplatform.contracts.duration import duration_text, parse_duration
from dataplatform.datasets.cron import Frequency, ScheduleSettings
from dataplatform.datasets.definition import DatasetDefinition

__all__ = ["Schedule", "cron_of", "duration_text", "expected_interval", "parse_duration"]

DEFAULT_CRONS: Final = {
    Frequency.HOURLY: "0 * * * *",
    Frequency.DAILY: "0 6 * * *",
    Frequency.WEEKLY: "0 6 * * 1",
    Frequency.MONTHLY: "0 6 1 * *",
}
_INTERVALS: Final = {
    Frequency.HOURLY: timedelta(hours=1),
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(days=7),
    Frequency.MONTHLY: timedelta(days=31),
}


class Schedule(BaseModel):
    """The cron that holds, after defaults."""

    model_config = ConfigDict(frozen=True)

    cron: str
    enabled: bool
    window: int | None = None


def cron_of(definition: DatasetDefinition) -> Schedule | None:
    """The schedule of a data set: its own cron, else its frequency's; None means on demand."""
    settings = definition.schedule or ScheduleSettings()
    default = DEFAULT_CRONS.get(definition.frequency) if definition.frequency else None
    cron = settings.cron or default
    if not cron:
        return None
    return Schedule(cron=cron, enabled=settings.enabled, window=settings.window)


def expected_interval(definition: DatasetDefinition) -> timedelta | None:
    """How long at most until the source has something new; None where nobody said."""
    return _INTERVALS.get(definition.frequency) if definition.frequency else None
