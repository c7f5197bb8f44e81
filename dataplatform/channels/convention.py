"""The convention that holds where a channel's spec has no pattern: `YYYY/MM/DD/HH/file` (S0-51).

Here belong the time that such a path tells and the id `img_YYYYMMDD_HHMMSS_NNN`. Ids are functions
of a path alone, so a file keeps its own whatever comes beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dataplatform.channels.pattern import PathPattern

_FOLDERS: Final = re.compile(
    r"(?:(?P<before>.+?)/)??(?P<hour>\d{4}/\d{2}/\d{2}/\d{2})(?:/(?P<below>.+))?", re.ASCII
)
_HOURS: Final = PathPattern("{year}/{month}/{day}/{hour}")
_CLOCK: Final = re.compile(
    r"(?:(?P<lead>.*?)[_-])??(?:(?P<date>\d{8})[_T-])?(?P<clock>\d{6})(?:[_-](?P<number>\d+))?",
    re.ASCII,
)
_NUMBERED: Final = re.compile(r"(?:(?P<lead>.+)_)?(?P<number>\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Told:
    """What the convention tells of a path: its time (microseconds since 1970, or None), its id."""

    timestamp: int | None
    file_id: str


def tell(path: str) -> Told:
    """The time and id of a path.

    The folders tell the hour. Minute and second are taken from the name where it carries them
    beyond doubt: `_HHMMSS_NNN` in that very hour, or behind that very date. A path that does not
    follow the convention has no time, and is its own id.

    Raises:
        InvalidInput: code `bad_time`, for folders that name no hour of any calendar.
    """
    folder, _, name = path.rpartition("/")
    told = _tell_folder(folder)
    if told is None:
        return Told(None, path)
    stem, _, _ = name.rpartition(".")
    lead, clock, number = _name_parts(stem or name, told.date, told.hour)
    seconds = int(clock[2:4]) * 60 + int(clock[4:])
    name = "_".join([part for part in (lead, told.date, clock, number) if part])
    return Told(told.timestamp + seconds * 1_000_000, told.prefix + name)


@dataclass(frozen=True, slots=True)
class _Folder:
    timestamp: int
    date: str
    hour: str
    prefix: str


@lru_cache(maxsize=1024)
def _tell_folder(folder: str) -> _Folder | None:
    """What a folder tells of all files in it."""
    found = _FOLDERS.fullmatch(folder)
    if found is None:
        return None
    match = _HOURS.match(found["hour"])
    if match is None or match.timestamp is None:
        raise AssertionError(f"{found['hour']} has the shape of an hour and is none")
    places = [part for part in (found["before"], found["below"]) if part]
    prefix = "".join(f"{place}/" for place in places)
    return _Folder(match.timestamp, found["hour"][:10].replace("/", ""), found["hour"][-2:], prefix)


def _name_parts(stem: str, date: str, hour: str) -> tuple[str, str, str]:
    """What stands before the time, the time of day as HHMMSS, and the number after it."""
    found = _CLOCK.fullmatch(stem)
    if found and _is_clock(found["clock"], hour) and (found["date"] == date or _is_told(found)):
        return found["lead"] or "", found["clock"], found["number"] or ""
    numbered = _NUMBERED.fullmatch(stem)
    if numbered:
        return numbered["lead"] or "", f"{hour}0000", numbered["number"]
    return stem, f"{hour}0000", ""


def _is_clock(clock: str, hour: str) -> bool:
    return clock[:2] == hour and clock[2:4] < "60" and clock[4:] < "60"


def _is_told(found: re.Match[str]) -> bool:
    # Six digits alone may be a sequence number; followed by another number they are a time.
    return found["date"] is None and found["number"] is not None
