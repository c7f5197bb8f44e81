"""Measuring: every contender in a process of its own, in turn, several rounds; then medians."""

from __future__ import annotations

import importlib.metadata
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cases import CPU_SECONDS, PEAK_BYTES, PROCESS_SECONDS, Case, Goal

Say = Callable[[str], None]
Measured = dict[str, dict[str, list[float]]]
"""Contender → figure → one value per round."""


@dataclass(frozen=True)
class Plan:
    """How a case is run: so many rounds, at this share of its full size, on data in `folder`."""

    rounds: int
    scale: float
    folder: Path


def run_case(module: str, case: Case, plan: Plan, say: Say) -> dict[str, Any]:
    """Prepare, warm up once, measure `plan.rounds` times in turn; the result as it is kept."""
    folder = plan.folder / f"{case.name}-{plan.scale:g}"
    folder.mkdir(parents=True, exist_ok=True)
    say(f"{case.name}: preparing")
    # In a process of its own too: a child is born with the peak memory of its parent.
    _start("prepare", module, case.name, str(folder), str(plan.scale), environ=case.environ)
    measured: Measured = {name: {} for name in case.contenders}
    for number in range(plan.rounds + 1):
        for name in case.contenders:
            figures = _run_alone(module, case, name, folder)
            say(f"  round {number} {name}: {_short(figures)}")
            if number:  # the first one warms caches up and does not count
                for figure, value in figures.items():
                    measured[name].setdefault(figure, []).append(value)
    return _result(case, plan, measured)


def run_contender(case: Case, name: str, folder: Path) -> dict[str, float]:
    """In the contender's own process: time its action."""
    action = case.contenders[name](folder)
    began = time.perf_counter()
    answer = action()
    figures = {"seconds": time.perf_counter() - began}
    if isinstance(answer, Mapping):
        figures |= {str(key): float(value) for key, value in answer.items()}
    return figures


def _run_alone(module: str, case: Case, name: str, folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    lines, usage = _start("contender", module, case.name, name, str(folder), environ=case.environ)
    return {
        **json.loads(lines[-1]),
        PROCESS_SECONDS: time.perf_counter() - began,
        CPU_SECONDS: usage.ru_utime + usage.ru_stime,
        PEAK_BYTES: usage.ru_maxrss * 1024,
    }


def _start(*words: str, environ: Mapping[str, str]) -> tuple[list[str], resource.struct_rusage]:
    """What a process of this package printed, and what it and its children used."""
    command = [sys.executable, "-m", "benchmarks", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ}
    )
    assert process.stdout is not None
    with process.stdout as out:
        lines = out.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return lines, usage


def _result(case: Case, plan: Plan, measured: Measured) -> dict[str, Any]:
    medians = {
        name: {figure: statistics.median(values) for figure, values in figures.items()}
        for name, figures in measured.items()
    }
    spread = {
        name: {figure: [min(values), max(values)] for figure, values in figures.items()}
        for name, figures in measured.items()
    }
    return {
        "name": case.name,
        "title": case.title,
        "notes": case.notes,
        "measured_on": datetime.now(UTC).date().isoformat(),
        "rounds": plan.rounds,
        "scale": plan.scale,
        "machine": machine(),
        "versions": {name: importlib.metadata.version(name) for name in case.versions},
        "medians": medians,
        "spread": spread,
        "goals": list(_judged(case.goals, medians)),
    }


def _judged(
    goals: tuple[Goal, ...], medians: Mapping[str, Mapping[str, float]]
) -> Iterator[dict[str, Any]]:
    for goal in goals:
        value = medians[goal.ours][goal.figure]
        if goal.peer is not None:
            value /= medians[goal.peer][goal.figure]
        low, high = goal.at_least, goal.at_most
        met = (high is None or value <= high) and (low is None or value >= low)
        yield {"text": goal.text, "value": value, "at_most": high, "at_least": low, "met": met}


def machine() -> dict[str, Any]:
    """What it was measured on; nothing that tells which machine it was."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "memory_gib": round(memory / 2**30),
        "python": ".".join(str(part) for part in sys.version_info[:3]),
    }


def _short(figures: Mapping[str, float]) -> str:
    return ", ".join(
        f"{name} {value / 1e6:,.0f} MB" if name.endswith("_bytes") else f"{name} {value:.3f}"
        for name, value in figures.items()
    )
