"""What a pattern makes of a relative path: whether it matches, its time, its fields (S0-51).

Here belongs the meaning of `pattern.path`. Where a pattern could be understood in two ways it is
refused when it is written, and where a path could be, when it is matched: a time or a camera that
was guessed is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from dataplatform.channels.pattern_text import Part, PatternFault, cut
from opendata.wire.errors import InvalidInput

VARIABLE_MAX: Final = 4
"""So many parts of no fixed length may stand in one name: each more makes matching slower for
whoever chooses a file's name."""
STARS_WEIGHT: Final = 2
"""For so many of those a `**` counts, since it reaches over a whole path. The first `**/` counts
for none: it comes to each name in one way; nor does a `**` at the end, which always matches."""
RESERVED: Final = frozenset({"stem", "name", "ext", "folder", "path"})
"""What templates call the parts of a path; see `template`."""
_ORDER: Final = ("year", "month", "day", "hour", "minute", "second", "microsecond")
_WIDTHS: Final = {
    "year": r"\d{4}", "short_year": r"\d{2}", "month": r"\d{2}", "day": r"\d{2}",
    "day_of_year": r"\d{3}", "hour": r"\d{2}", "minute": r"\d{2}", "second": r"\d{2}",
    "millisecond": r"\d{3}", "microsecond": r"\d{1,6}", "epoch": r"(?:\d{10}|\d{13}|\d{16}|\d{19})",
}  # fmt: skip
_LOOSE: Final = frozenset({"month", "day", "hour", "minute", "second"})
_EPOCH_UNITS: Final = {10: 1_000_000, 13: 1_000, 16: 1, 19: 1}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BASE_FIELDS: Final = {
    "short_year": "year", "day_of_year": "month", "millisecond": "microsecond",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Match:
    """What a path tells: microseconds since 1970 in UTC, or None, and the named fields."""

    timestamp: int | None
    fields: Mapping[str, str]


class PathPattern:
    """A pattern that is ready to be matched.

    Raises:
        PatternFault: if it is none, or can be understood in two ways.
    """

    def __init__(self, text: str, zone: str = "UTC") -> None:
        parts = _checked(cut(text), text)
        self.names: tuple[str, ...] = tuple(_names(parts, "name"))
        self.tells_time = any(part.kind == "time" for part in parts)
        self.ending = _literal_ending(parts)
        self._times: tuple[str, ...] = tuple(_names(parts, "time"))
        self._zone = zone
        self._lazy = re.compile(_regex(parts, lazy=True), re.ASCII)
        self._greedy = re.compile(_regex(parts, lazy=False), re.ASCII) if _is_loose(parts) else None

    def match(self, path: str) -> Match | None:
        """What the path tells, or None where it does not match.

        Raises:
            InvalidInput: code `bad_time` for a date that no calendar has, `ambiguous_path` for a
                path that matches in two ways.
        """
        found = self._lazy.fullmatch(path)
        if found is None:
            return None
        values = found.groupdict()
        if self._greedy and (other := self._greedy.fullmatch(path)):
            _check_same(path, values, other.groupdict())
        if not self.tells_time:
            return Match(None, values)
        fields = {name: values[name] for name in self.names}
        return Match(
            _time_of(self._times, tuple(values[t] for t in self._times), self._zone), fields
        )


@lru_cache(maxsize=1024)
def _time_of(names: tuple[str, ...], digits: tuple[str, ...], zone: str) -> int:
    """The time that groups of digits tell; neighbouring files tell the same ones again."""
    told = dict(zip(names, digits, strict=True))
    if "epoch" in told:
        text = told["epoch"]
        return int(text[:16]) * _EPOCH_UNITS[len(text)]
    year = int(told["year"]) if "year" in told else 2000 + int(told["short_year"])
    if "short_year" in told and int(told["short_year"]) >= 69 and "year" not in told:
        year -= 100  # as strptime reads it
    micro = int((told.get("microsecond") or told.get("millisecond") or "0").ljust(6, "0"))
    try:
        hour, minute, second = (int(told.get(part, "0")) for part in ("hour", "minute", "second"))
        clock = time(hour, minute, second, micro)
        day = date(year, int(told.get("month", "1")), int(told.get("day", "1")))
        if "day_of_year" in told:
            day += timedelta(days=int(told["day_of_year"]) - 1)
            if day.year != year:
                raise ValueError(f"{year} has no day {told['day_of_year']}")
        return microseconds(_placed(datetime.combine(day, clock), zone))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"its path tells no time: {error}", code="bad_time") from error


def microseconds(at: datetime) -> int:
    """Microseconds from 1970 to an aware time."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def _placed(local: datetime, zone: str) -> datetime:
    """The instant of a clock on a wall; of an hour that a zone has twice it is the first."""
    if zone == "UTC":
        return local.replace(tzinfo=UTC)
    place: tzinfo = ZoneInfo(zone)
    instant = local.replace(tzinfo=place).astimezone(UTC)
    if instant.astimezone(place).replace(tzinfo=None) != local:
        raise ValueError(f"{zone} has no {local}, because its clocks were put forward then")
    return instant


def _check_same(path: str, one: Mapping[str, str], other: Mapping[str, str]) -> None:
    for name, value in one.items():
        if other[name] != value:
            raise InvalidInput(
                f"its path matches in two ways: {{{name}}} is {value!r} or {other[name]!r}",
                code="ambiguous_path",
                hint=f"say what {{{name}}} or its neighbour holds: {{{name}:d}} is digits alone",
                details={"path": path},
            )


# --- from parts to regular expressions -------------------------------------------------------


def _names(parts: Sequence[Part], kind: str) -> list[str]:
    return list(dict.fromkeys(part.value for part in parts if part.kind == kind))


def _is_variable(part: Part) -> bool:
    return part.kind in ("star", "stars") or (part.kind == "name" and not part.digits)


def _is_loose(parts: Sequence[Part]) -> bool:
    """Whether a path could match in two ways, so that both have to be looked at."""
    return any(part.kind == "stars" for part in parts) or any(
        count > 1 for count in _variables_by_name(parts)
    )


def _variables_by_name(parts: Sequence[Part]) -> list[int]:
    """How many parts of no fixed length each name between slashes has."""
    counts = [0]
    for part in parts:
        counts.extend([0] * part.value.count("/") if part.kind in ("text", "stars") else [])
        counts[-1] += _is_variable(part) and part.kind != "stars"
    return counts


def _literal_ending(parts: Sequence[Part]) -> str:
    """The ending that every matching path has, such as `.jpg`; empty where it is not fixed."""
    last = parts[-1].value if parts and parts[-1].kind == "text" else ""
    stem, dot, ending = last.rpartition(".")
    return dot + ending if dot and "/" not in ending and (stem or len(parts) > 1) else ""


def _checked(parts: list[Part], text: str) -> list[Part]:
    if not parts:
        raise PatternFault("the pattern is empty", 0, "leave it out for YYYY/MM/DD/HH/file")
    if text.startswith("/") or text.endswith("/"):
        raise PatternFault(
            "a pattern matches a path below the channel's place: no slash begins or ends it",
            0 if text.startswith("/") else len(text) - 1,
        )
    for part in parts:
        if part.kind == "name" and part.value in RESERVED:
            raise PatternFault(
                f"{{{part.value}}} is what templates call a part of the path",
                part.offset,
                "call it otherwise, or write * for what should not become metadata",
            )
    for one, other in pairwise(parts):
        if _is_variable(one) and _is_variable(other) and one.value[-1:] != "/":
            raise PatternFault(
                f"nothing tells where {_shown(one)} ends and {_shown(other)} begins",
                other.offset,
                "put a character between them, or say how many digits one has: {name:4d}",
            )
    _check_work(parts)
    _check_times(parts)
    return parts


def _check_work(parts: Sequence[Part]) -> None:
    """Whoever chooses a file's name does not choose for how long it is looked at."""
    variable = max(_variables_by_name(parts))
    if variable > VARIABLE_MAX:
        raise PatternFault(
            f"more than {VARIABLE_MAX} parts of one name have no fixed length",
            0,
            "say how many digits some have: {name:4d}",
        )
    stars = [part for part in parts[:-1] if part.kind == "stars"]
    first = next((part for part in stars if part.value.endswith("/")), None)
    counted = [part for part in stars if part is not first]
    if counted and variable + STARS_WEIGHT * len(counted) > VARIABLE_MAX:
        raise PatternFault(
            "with ** beside them, too many parts have no fixed length",
            counted[-1].offset,
            "write * for each folder, or say how many digits some parts have: {name:4d}",
        )


def _check_times(parts: Sequence[Part]) -> None:
    told = {_BASE_FIELDS.get(part.value, part.value) for part in parts if part.kind == "time"}
    offsets = {part.value: part.offset for part in parts if part.kind == "time"}
    if not told or told == {"epoch"}:
        return
    if "epoch" in told:
        raise PatternFault(
            "seconds since 1970 tell all of the time; another part contradicts it or says nothing",
            offsets["epoch"],
        )
    needed = [*_ORDER]
    if "day_of_year" in offsets:
        if {"month", "day"} & offsets.keys():
            raise PatternFault("the day of the year stands beside month or day",
                               offsets["day_of_year"])  # fmt: skip
        needed.remove("day")
    finest = max(needed.index(name) for name in told)
    for name in needed[:finest]:
        if name not in told:
            raise PatternFault(
                f"the path tells {needed[finest]} but no {name}",
                min(offsets.values()),
                f"add {{{name}}}, or give {{{needed[finest]}}} another name to make it metadata",
            )


def _shown(part: Part) -> str:
    return f"{{{part.value}}}" if part.kind == "name" else part.value


def _regex(parts: Sequence[Part], *, lazy: bool) -> str:
    pieces: list[str] = []
    seen: set[str] = set()
    for at, part in enumerate(parts):
        if part.kind in ("name", "time") and part.value in seen:
            pieces.append(f"(?P={part.value})")  # told twice, it has to be the same
            continue
        seen.add(part.value)
        pieces.append(_piece(parts, at, "?" if lazy else ""))
    return "".join(pieces)


def _piece(parts: Sequence[Part], at: int, lazy: str) -> str:
    part = parts[at]
    match part.kind:
        case "text":
            return re.escape(part.value)
        case "any":
            return "[^/]"
        case "star":
            return f"[^/]*{lazy}"
        case "stars":
            return f"(?:[^/]+/)*{lazy}" if part.value.endswith("/") else f".*{lazy}"
        case "time":
            digits = _WIDTHS[part.value]
            if part.value in _LOOSE and _stands_alone(parts, at):
                digits = r"\d{1,2}"
            return f"(?P<{part.value}>{digits})"
    body = r"[^/]" if part.digits is None else r"\d"
    count = f"{{{part.digits}}}" if part.digits else f"+{lazy}"
    return f"(?P<{part.value}>{body}{count})"


def _stands_alone(parts: Sequence[Part], at: int) -> bool:
    """Whether no digits can stand beside a part, so that `6` is as clear as `06`."""
    before = parts[at - 1] if at else None
    after = parts[at + 1] if at + 1 < len(parts) else None
    return all(
        one is None or (one.kind == "text" and not one.value[edge].isdigit())
        for one, edge in ((before, -1), (after, 0))
    )
