"""Values as text for a terminal and as JSON for programs.

Titles, cells and log lines come from strangers: what could steer a terminal never reaches it.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

# Control characters but for tab and line break; C1 and the two line separators included.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile(r"\s*[\r\n\t]+\s*")


def clean(text: object) -> str:
    """Text without anything that a terminal would obey."""
    return _CONTROL.sub("\ufffd", str(text))


def shown(value: Any) -> str:
    """A cell on one line; an absent value is an empty cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"0x{value[:16].hex()}{'…' if len(value) > 16 else ''}"
    if isinstance(value, list | tuple | Mapping):
        value = json.dumps(plain(value), ensure_ascii=False)
    if isinstance(value, datetime):
        value = _instant(value)
    return clean(_BREAKS.sub(" ", str(value)))


def plain(value: Any) -> Any:
    """A value as JSON types: times in ISO 8601, NaN and infinity as null, bytes in base64."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
