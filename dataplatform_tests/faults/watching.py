"""Watching how much memory a command and everything that it starts take, while it runs."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY_SECONDS = 0.02


@dataclass(frozen=True)
class Watched:
    """How a command ended, and the largest sum of its processes' resident memory."""

    returncode: int
    output: str
    peak_bytes: int


def run_watched(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    *,
    address_bytes: int = resource.RLIM_INFINITY,
) -> Watched:
    """Run a command to its end; memory that processes share is counted once for each.

    `address_bytes` is how much address space each of its processes may have.
    """
    log = folder / "watched.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environ),
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (address_bytes,) * 2),
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(map(_resident_bytes, _family(process.pid))))
            time.sleep(LOOK_EVERY_SECONDS)
    return Watched(process.returncode, log.read_text(encoding="utf-8"), peak)


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        try:
            threads = os.listdir(f"/proc/{parent}/task")
            for thread in threads:
                text = Path(f"/proc/{parent}/task/{thread}/children").read_text(encoding="ascii")
                found.extend(int(child) for child in text.split())
        except OSError:
            continue  # it has ended since
    return found


def _resident_bytes(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
