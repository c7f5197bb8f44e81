"""Memory of several processes: each page counts once, however many of them share it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def memory_of_group(group: int) -> float:
    """The proportional set size of all processes of a group, in bytes."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getpgid(int(folder.name)) == group:
                total += _proportional_bytes(folder)
    return total


def _proportional_bytes(folder: Path) -> int:
    for line in (folder / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
