"""How much memory a diff may take on the machine that it runs on.

Here belongs the choice alone, from what the system says is available. What the memory is used for
belongs to `passes` and to the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

LOW_MEMORY_BYTES: Final = 256 << 20
"""Under which joins of tens of millions of rows still spill and end, and not far below."""
_MEMORY_FILE: Final = Path("/proc/meminfo")
_GROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_GROUP_USE: Final = Path("/sys/fs/cgroup/memory.current")


def memory_for(wanted: int, *, low: bool) -> int:
    """At most a quarter of what is available, and no less than what a large join needs."""
    if low:
        return min(wanted, LOW_MEMORY_BYTES)
    quarters = (available // 4 for available in _available())
    return min(wanted, max(min(quarters, default=wanted), LOW_MEMORY_BYTES))


def _available() -> Iterator[int]:
    """What the machine has left, and what the control group of this process has."""
    for line in _text(_MEMORY_FILE).splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            yield int(amount.removesuffix("kB")) * 1024
    limit, used = _text(_GROUP_LIMIT).strip(), _text(_GROUP_USE).strip()
    if limit.isdigit() and used.isdigit():
        yield max(int(limit) - int(used), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:  # another system, or another kind of control group
        return ""
