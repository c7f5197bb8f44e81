"""`od run --publish` as people type it, with every real part, killed in the middle."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import opendata as od
from opendata.reading.verify import verify_dataset
from opendata.stores import FolderStore
from opendata.wire.ids import parse_reference

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "S4-8", "B46", "S1-90")]

MAIN = """
from pathlib import Path
import pyarrow as pa

def produce(context):
    value = float(Path(__file__).with_name("value").read_text())
    days = pa.array(range(20_454, 20_514), pa.int32()).cast(pa.date32())
    yield pa.table({"day": days, "rate": [value] * 60})
"""
DEFINITION = """
id: tests/rates
title: Rates
description: Sixty days of one rate.
license: CC0-1.0
repo: https://example.org/rates
source: {provider: example}
time: day
contract:
  primary_key: [day]
  fields:
    - {name: day, type: date32}
    - {name: rate, type: float64, unit: percent}
  rules: [{kind: range, field: rate, min: 0, max: 1000}]
quality:
  - {metric: completeness, field: rate, min: 1}
release: {shard: month}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    producer = tmp_path / "producers" / "tests" / "rates"
    producer.mkdir(parents=True)
    (producer / "main.py").write_text(MAIN)
    (producer / "opendata.yaml").write_text(DEFINITION)
    monkeypatch.chdir(tmp_path)
    set_value(tmp_path, 1)
    return tmp_path


def set_value(project: Path, value: int) -> None:
    (project / "producers" / "tests" / "rates" / "value").write_text(str(value))


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from opendata.cli import main; main()", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # to be killed together with its producer's process
    )


def finish(*words: str) -> str:
    child = start(*words)
    said, _ = child.communicate(timeout=300)
    assert child.returncode == 0, said
    return said


def values() -> set[float]:
    table = od.load("tests/rates", format="arrow")
    assert table.num_rows == 60
    return set(table["rate"].to_pylist())


def kill_runs(project: Path, kills: int) -> None:
    began = time.monotonic()
    finish("run", "tests/rates", "--publish")
    one_run_seconds = time.monotonic() - began
    assert values() == {1.0}
    dice = random.Random(kills)
    for value in range(2, kills + 2):
        set_value(project, value)
        child = start("run", "tests/rates", "--publish")
        # The last third is where the store is written to.
        time.sleep(one_run_seconds * dice.uniform(0.6, 1.0))
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate(timeout=300)
        assert values() in ({float(value - 1)}, {float(value)})
        finish("repair", "tests/rates")
        finish("run", "tests/rates", "--publish")
        assert values() == {float(value)}
        assert od.verify("tests/rates").passed
    store = FolderStore(str(project / ".opendata" / "store"))
    assert verify_dataset(store, parse_reference("tests/rates"), None).passed


def test_a_run_that_is_killed_leaves_one_whole_release(project: Path) -> None:
    kill_runs(project, kills=2)


@pytest.mark.long
def test_runs_that_are_killed_often_leave_one_whole_release(project: Path) -> None:
    kill_runs(project, kills=50)
