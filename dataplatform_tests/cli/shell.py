"""Typing `od …` in a test: what was answered, on which stream, with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from opendata.cli.app import od as root_command


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one document that it has to be."""
        return json.loads(self.out)


def od(*words: str, answer: str | None = None) -> Answer:
    """Run a command in this process."""
    result = CliRunner().invoke(root_command, list(words), input=answer, catch_exceptions=False)
    return Answer(result.exit_code, result.stdout, result.stderr)


def fill_in(folder: Path) -> None:
    """Write what the template of a new producer leaves to say, as its author would."""
    path = folder / "opendata.yaml"
    text = path.read_text()
    for left, said in (
        ("Say in a sentence or two what one row is, and where it comes from.", "Made up rain."),
        ("https://github.com/<org>/<repo>", "https://example.org/rain"),
        ("<licence of the source>", "CC0-1.0"),
    ):
        text = text.replace(left, said)
    path.write_text(text)


def od_process(*words: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "from opendata.cli import main; main()", *words],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
