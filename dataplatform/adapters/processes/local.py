"""Whether a process of this machine still runs, told apart from a later one with its number.

Linux tells when a process began; elsewhere a number that is in use counts as the same process,
because calling a living process dead is the worse mistake.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Final

# A process that began this long after the moment asked about is another one.
_CLOCK_SLACK_SECONDS = 60.0
_STATE, _START_TICKS = 0, 19  # fields of /proc/<pid>/stat after the command's name


def is_running(pid: int, begun_at: datetime) -> bool:
    """Whether the process that had this number at `begun_at` still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's, hence not gone for certain
    facts = _stat_fields(pid)
    if facts is None:
        return True
    if facts[_STATE] == "Z":
        return False
    return _started_at(int(facts[_START_TICKS])) <= begun_at.timestamp() + _CLOCK_SLACK_SECONDS


def _stat_fields(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()  # a command's name may hold spaces and brackets


def _started_at(ticks: int) -> float:
    booted_at = min(_BOOTED_AT, _booted_at())
    return booted_at + ticks / os.sysconf("SC_CLK_TCK")


def _booted_at() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


# A clock that is set forward moves the boot, and with it the beginning of every process, while what
# was noted before stays: the earlier boot is the safe one.
_BOOTED_AT: Final = _booted_at() if hasattr(time, "CLOCK_BOOTTIME") else inf
