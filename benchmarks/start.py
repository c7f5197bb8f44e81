"""Starting: what an import, a command's help and a run that finds nothing new cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.cases import SECONDS, Action, Case, Goal

OD = str(Path(sys.executable).with_name("od"))


def _nothing(folder: Path, scale: float) -> None:
    """There is nothing to prepare."""


def _process(*command: str) -> Action:
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


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
)
