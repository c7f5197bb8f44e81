"""When a data set is produced: its cron and how often new data is expected.

Here belongs the meaning of `schedule` and `frequency`. That a schedule runs at all is Dagster's.
All crons are in UTC and have five fields that every scheduler reads alike.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from dataplatform.contracts.duration import duration_text, parse_duration

if TYPE_CHECKING:
    from dataplatform.datasets.definition import DatasetDefinition

__all__ = [
    "Frequency",
    "Schedule",
    "ScheduleSettings",
    "cron_of",
    "duration_text",
    "expected_interval",
    "parse_duration",
]


class Frequency(StrEnum):
    """How often the source has something new."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ADHOC = "adhoc"


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
# Extensions (seconds, L, W, #, @daily) mean different things to different schedulers.
_FIELD: Final = re.compile(r"[0-9A-Z*/,-]+", re.ASCII)
_NAME: Final = re.compile(
    r"JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT"
)
# A step beyond the field's range fires more often in some schedulers than in others.
_STEP_MAX: Final = (59, 23, 31, 12, 7)
# Any fixed moment serves to find out whether a cron ever comes due.
_SOME_MOMENT: Final = datetime(2024, 1, 1, tzinfo=UTC)


def check_cron(text: str) -> str:
    """The cron with single spaces.

    Raises:
        ValueError: when it is no five-field cron, or never comes due.
    """
    fields = text.upper().split()
    if len(fields) != 5:
        raise ValueError(
            f"{text!r} is no cron: five fields are expected (minute hour day month weekday), "
            'such as "0 6 * * 1-5"'
        )
    for field, step_max in zip(fields, _STEP_MAX, strict=True):
        words = re.findall(r"[A-Z]+", field)
        if not _FIELD.fullmatch(field) or not all(_NAME.fullmatch(word) for word in words):
            raise ValueError(f"{field!r} in {text!r} is outside of standard cron (numbers * , - /)")
        if any(int(step) > step_max for step in re.findall(r"/(\d{1,9})", field)):
            raise ValueError(f"{field!r} in {text!r} steps further than the field reaches")
    cron = " ".join(fields)
    try:
        next(CronSim(cron, _SOME_MOMENT))
    except CronSimError as error:
        raise ValueError(f"{text!r} is no cron: {str(error).lower()}") from error
    except StopIteration:
        raise ValueError(f"{text!r} never comes due") from None
    return cron


class ScheduleSettings(BaseModel):
    """`schedule:` as written; a bare cron stands for `{cron: …}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cron: Annotated[str, AfterValidator(check_cron)] | None = None
    enabled: bool = True

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_cron(cls, data: Any) -> Any:
        return {"cron": data} if isinstance(data, str) else data


class Schedule(BaseModel):
    """The cron that holds, after defaults."""

    model_config = ConfigDict(frozen=True)

    cron: str
    enabled: bool


def cron_of(definition: DatasetDefinition) -> Schedule | None:
    """The schedule of a data set: its own cron, else its frequency's; None means on demand."""
    settings = definition.schedule or ScheduleSettings()
    default = DEFAULT_CRONS.get(definition.frequency) if definition.frequency else None
    cron = settings.cron or default
    return Schedule(cron=cron, enabled=settings.enabled) if cron else None


def expected_interval(definition: DatasetDefinition) -> timedelta | None:
    """How long at most until the source has something new; None where nobody said."""
    return _INTERVALS.get(definition.frequency) if definition.frequency else None
