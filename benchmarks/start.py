"""Starting: what an import, a command's help and a run that finds nothing new cost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.cases import SECONDS, Action, Case, Goal

OD = str(Path(sys.executable).with_name("od"))


def _nothing(folder: Path, scale: float) -> None:
    """There is nothing to prepare."""


def _process(*command: str) -> Action:
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


PRODUCER = """
import pyarrow as pa

def produce(context):
    return pa.table({"day": list(range(1_000)), "rate": [day / 7 for day in range(1_000)]})
"""
DEFINITION = """
id: bench/rates
title: Rates
description: A thousand rates that never change.
license: CC0-1.0
repo: https://example.org/bench
source: {provider: bench}
contract: {primary_key: [day]}
"""


def _publish_once(folder: Path, scale: float) -> None:
    """A small producer with a release, so that the next run finds nothing new."""
    home = folder / "producers" / "bench" / "rates"
    if not home.exists():
        home.mkdir(parents=True)
        (home / "main.py").write_text(PRODUCER, encoding="utf-8")
        (home / "opendata.yaml").write_text(DEFINITION, encoding="utf-8")
    _run_again(folder)()


def _run_again(folder: Path) -> Action:
    environ = {**os.environ, "OPENDATA_STORAGE": str(folder / "store")}
    command = [OD, "run", "bench/rates", "--publish"]

    def action() -> None:
        subprocess.run(command, check=True, cwd=folder, env=environ, capture_output=True)

    return action


CASES = (
    Case(
        name="start",
        title="Starting: a fresh process that imports, or shows its help",
        prepare=_nothing,
        contenders={
            "import opendata": lambda folder: _process(sys.executable, "-c", "import opendata"),
            "od --help": lambda folder: _process(OD, "--help"),
            "python -c pass": lambda folder: _process(sys.executable, "-c", "pass"),
        },
        goals=(
            Goal("import opendata, seconds", SECONDS, "import opendata", at_most=0.3),
            Goal("od --help, seconds", SECONDS, "od --help", at_most=0.3),
        ),
    ),
    Case(
        name="no-change",
        title="A run of a small producer that finds nothing new: od run bench/rates --publish",
        prepare=_publish_once,
        contenders={
            "od run": _run_again,
            "python -c pass": lambda folder: _process(sys.executable, "-c", "pass"),
        },
        goals=(Goal("a no-change run, seconds", SECONDS, "od run", at_most=1.5),),
    ),
)
