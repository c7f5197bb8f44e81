"""A process is told apart from one that ended, and from a later one with its number."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from dataplatform.adapters.processes.local import is_running

pytestmark = pytest.mark.platform


def now() -> datetime:
    return datetime.now(UTC)


def test_a_living_process_is_running() -> None:
    assert is_running(os.getpid(), now())


def test_an_ended_process_is_not() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not is_running(process.pid, now())


def test_an_ended_process_that_nobody_has_buried_is_not() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()  # at its end the process is gone, but for its entry
    while not _is_zombie(process.pid):
        pass
    assert not is_running(process.pid, now())
    process.wait()


def _is_zombie(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "Z"


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    assert not is_running(os.getpid(), now() - timedelta(days=400))


def test_a_clock_that_is_set_forward_ends_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    begun_at, two_days_on = now(), time.time() + timedelta(days=2).total_seconds()
    monkeypatch.setattr(time, "time", lambda: two_days_on)
    assert is_running(os.getpid(), begun_at)


def test_somebody_elses_process_counts_as_running() -> None:
    assert is_running(1, now())
