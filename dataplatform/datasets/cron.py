"""What may be written under `schedule` and `frequency`.

Here belongs the grammar of a cron that every scheduler reads alike. Which cron holds for a data
set is said by `schedule`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    model_validator,
)

# Extensions (seconds, L, W, #, @daily) mean different things to different schedulers.
_FIELD: Final = re.compile(r"[0-9A-Z*/,-]+", re.ASCII)
_NAME: Final = re.compile(
    r"JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT"
)
# A step beyond the field's range fires more often in some schedulers than in others.
_STEP_MAX: Final = (59, 23, 31, 12, 7)
# Any fixed moment serves to find out whether a cron ever comes due.
_SOME_MOMENT: Final = datetime(2024, 1, 1, tzinfo=UTC)


#: A run that asks for more than this asks for everything instead.
WINDOW_MAX: Final = 400


class Frequency(StrEnum):
    """How often the source has something new."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ADHOC = "adhoc"


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
    """`schedule:` as written; a bare cron stands for `{cron: …}`.

    `window` is how many of the newest partitions a due run asks for, once there is a release.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cron: Annotated[str, AfterValidator(check_cron)] | None = None
    enabled: bool = True
    window: Annotated[StrictInt, Field(ge=1, le=WINDOW_MAX)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_cron(cls, data: Any) -> Any:
        return {"cron": data} if isinstance(data, str) else data
