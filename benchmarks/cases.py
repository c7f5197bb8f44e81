"""What a benchmark is: a case, its contenders, and what is asked of the figures.

A contender is a function that imports and opens what it needs and returns the action to be timed;
it runs in a process of its own, so that memory and imports are its own too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = "seconds"
"""The action alone, imports excluded."""
PROCESS_SECONDS = "process_seconds"
"""The whole process, from its start to its end."""
CPU_SECONDS = "cpu_seconds"
"""User and system time of the process and its children."""
PEAK_BYTES = "peak_bytes"
"""The largest resident set of the process, or of one of its children."""

Figures = Mapping[str, float]
Action = Callable[[], object]
"""What is timed. A mapping that it returns adds figures of its own, by name; anything else is
dropped after the clock has stopped."""
Contender = Callable[[Path], Action]


@dataclass(frozen=True)
class Goal:
    """What is asked: `figure` of `ours` against that of `peer`, or alone where there is no peer.

    `at_most` is a ratio (or, without a peer, the figure itself); one of the two limits is set.
    """

    text: str
    figure: str
    ours: str
    peer: str | None = None
    at_most: float | None = None
    at_least: float | None = None


@dataclass(frozen=True)
class Case:
    """One thing that several contenders do in turn.

    `prepare` fills a folder once, before anybody is timed; `scale` is the share of the full size.
    `versions` names the distributions whose versions belong beside the figures.
    """

    name: str
    title: str
    prepare: Callable[[Path, float], None]
    contenders: Mapping[str, Contender]
    goals: tuple[Goal, ...] = ()
    versions: tuple[str, ...] = ()
    notes: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
