"""Lengths of time as people write them: `30m`, `24h`, `7d`, `1h30m`.

Calendar lengths (months, years) do not belong here: they have no fixed length.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer

_UNIT_SECONDS: Final = {
    "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800,
}  # fmt: skip
_PART: Final = re.compile(r"(\d{1,9})\s*([a-z]+)\s*", re.ASCII)
_SHAPE: Final = "write a number with s, m, h, d or w, such as 90s, 30m, 24h or 7d"


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `30m` (or `30min`), `24h`, `7d`, `2w` or a row of them such as `1h30m`.

    Raises:
        ValueError: one sentence with the accepted shape.
    """
    rest = text.strip().lower()
    seconds, at = 0, 0
    for part in _PART.finditer(rest):
        if part.start() != at or part.group(2) not in _UNIT_SECONDS:
            break
        seconds += int(part.group(1)) * _UNIT_SECONDS[part.group(2)]
        at = part.end()
    if not rest or at < len(rest):
        raise ValueError(f"{text!r} is no duration: {_SHAPE}")
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any calendar") from None


def duration_text(duration: timedelta) -> str:
    """The shortest spelling that `parse_duration` reads back: `7d`, `1h30m`."""
    rest = int(duration.total_seconds())
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, _UNIT_SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _read(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(f"{value!r} is no duration: {_SHAPE}")


Duration = Annotated[
    timedelta, BeforeValidator(_read), PlainSerializer(duration_text, when_used="json")
]
