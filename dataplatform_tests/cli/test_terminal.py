"""What is drawn where a terminal is attached: steps that live, a table that fits."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import sys
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest

from dataplatform_tests.cli.shell import od

pytestmark = pytest.mark.platform


def on_a_terminal(cwd: Path, *words: str, columns: int = 60) -> tuple[int, str]:
    """Run `od` with a terminal on all three streams; the exit code and what was drawn."""
    return run_on_a_terminal(cwd, "from opendata.cli import main; main()", *words, columns=columns)


def run_on_a_terminal(cwd: Path, code: str, *words: str, columns: int = 60) -> tuple[int, str]:
    """Run Python code with a terminal on all three streams."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    drawn = read_to_the_end(ours)
    os.close(ours)
    return process.wait(timeout=300), drawn


def environment() -> dict[str, str]:
    """That of the tests, but for what would overrule the terminal's own size."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**kept, "TERM": "xterm"}


def read_to_the_end(terminal: int) -> str:
    """Everything until the other side closes."""
    drawn, deadline = b"", time.monotonic() + 300
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break  # this is how Linux says that nobody holds the other side
        if not piece:
            break
        drawn += piece
    return drawn.decode()


def test_steps_live_and_log_lines_stand_above_them(project: Path) -> None:
    od("init", "me/weather")
    code, drawn = on_a_terminal(project, "run", "me/weather")
    assert code == 0
    assert "✓" in drawn
    assert "comparing with the current release" in drawn
    assert "│ these are made-up sample rows" in drawn
    assert "it would become me/weather@1.0.0" in drawn


def test_a_table_fits_the_terminal_and_says_what_it_left_out(rates: str, project: Path) -> None:
    code, drawn = on_a_terminal(project, "load", rates, columns=22)
    assert code == 0
    assert "currency" in drawn
    assert "no room for 1 more column;" in drawn


def test_verifying_draws_a_bar_and_ends_with_the_outcome(rates: str, project: Path) -> None:
    code, drawn = on_a_terminal(project, "verify", rates, columns=100)
    assert code == 0
    assert "verifying me/rates" in drawn
    assert "digests hold" in drawn


def test_a_push_asks_first_and_a_no_publishes_nothing(project: Path) -> None:
    (project / "rows.csv").write_text("n\n1\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from opendata.cli import main; main()"]
    process = subprocess.Popen(
        [*command, "push", "rows.csv", "me/rows"],
        cwd=project, env=dict(os.environ), stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, b"n\n")
    drawn = read_to_the_end(ours)
    os.close(ours)
    assert process.wait(timeout=300) == 3
    assert "publish rows.csv as me/rows in" in drawn
    assert "nothing was published" in drawn
    assert not (project / ".opendata" / "store").exists()


def test_saving_rows_draws_bytes_rate_and_time_left(rates: str, project: Path) -> None:
    code, drawn = on_a_terminal(project, "load", rates, "-o", "rates.csv", columns=120)
    assert code == 0
    assert "reading me/rates" in drawn
    assert re.search(r"(\d\.\d)/\1 kB", drawn), "all of the bytes, and their unit"
    assert "to rates.csv" in drawn
    assert (project / "rates.csv").exists()


def test_rows_that_go_to_the_terminal_are_not_drawn_over(rates: str, project: Path) -> None:
    code, drawn = on_a_terminal(project, "load", rates, "--format", "csv", columns=120)
    assert code == 0
    assert "currency" in drawn
    assert "reading me/rates" not in drawn


@pytest.mark.parametrize(
    "total",
    ["8_000_000", "8_000_000 + draws"],  # each shard that is opened tells its share more exactly
)
def test_a_bar_of_bytes_tells_the_rate_and_the_time_left(tmp_path: Path, total: str) -> None:
    code, drawn = run_on_a_terminal(
        tmp_path,
        f"""
import threading
from opendata.cli.output import Output
draws, enough = 0, threading.Event()

def measure():
    global draws
    draws += 1
    if draws == 15:
        enough.set()
    return draws * 100_000, {total}

with Output().transfer("reading", measure):
    assert enough.wait(300)
""",
        columns=120,
    )
    assert code == 0
    assert re.search(r"\d\.\d [kM]B/s", drawn), "how fast depends on the machine"
    assert "/8.0 MB" in drawn
    assert re.search(r"\d:\d\d:\d\d", drawn)
