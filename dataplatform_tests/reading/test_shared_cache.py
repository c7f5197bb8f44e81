"""Processes that fill one cache at once, some of them killed: nobody reads a wrong row."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform_tests.releases.building import Bench, make_bench
from dataplatform_tests.servers.static_http import serving
from opendata._dataset import Dataset
from opendata._settings import Settings
from opendata.stores import FolderStore

FIRST_DAY = 20_454  # 2026-01-01
SECTIONS: dict[str, Any] = {"time": "day", "release": {"shard": "month"}}
LOAD = """
import opendata as od
table = od.load("tests/rates", format="arrow")
print(table.num_rows, od.dataset("tests/rates").load(columns=["id"])["id"].sum(), flush=True)
"""
ROWS = 3_000


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("shared")
    bench = make_bench(FolderStore(str(folder / "store")), folder, **SECTIONS)
    days = pa.array([FIRST_DAY + at // 10 for at in range(ROWS)], pa.int32()).cast(pa.date32())
    texts = pa.array([os.urandom(500).hex() for _ in range(ROWS)])
    bench.release(pa.table({"day": days, "id": pa.array(range(ROWS)), "text": texts}))
    return bench


@pytest.fixture
def environ(bench: Bench, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where a process finds the store, over the web, and the cache that it shares."""
    with serving(Path(bench.store.url)) as url:
        yield {
            "OPENDATA_STORAGE": url,
            "OPENDATA_CACHE": str(tmp_path / "cache"),
            "PYTHONPATH": ":".join(sys.path),
        }


def load(environ: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LOAD]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def race(environ: dict[str, str], seed: int) -> None:
    """Two fill the cache, one of them is killed on its way; the other ends with all rows."""
    killed, other = load(environ), load(environ)
    partial = Path(environ["OPENDATA_CACHE"]) / "partial"
    while killed.poll() is None and not partial.exists():
        time.sleep(0.001)
    time.sleep(random.Random(seed).uniform(0, 0.1))
    killed.send_signal(signal.SIGKILL)
    assert killed.stdout is not None
    killed.stdout.close()
    killed.wait(300)
    said, _ = other.communicate(timeout=300)
    assert said.split() == [str(ROWS), str(sum(range(ROWS)))]


def check_cache(bench: Bench, environ: dict[str, str], tmp_path: Path) -> None:
    """All of it is there, and right: a read needs the network for the pointer alone."""
    handle = Dataset("tests/rates", Settings(environ, tmp_path))
    assert handle.load(format="arrow").equals(bench.read())
    assert handle.stats.requests == 0
    assert list((tmp_path / "cache" / "partial").iterdir()) == []


@pytest.mark.platform
@pytest.mark.requirement("S1-59", "S0-89")
def test_two_processes_fill_one_cache_though_one_is_killed(
    bench: Bench, environ: dict[str, str], tmp_path: Path
) -> None:
    race(environ, seed=1)
    check_cache(bench, environ, tmp_path)


@pytest.mark.long
@pytest.mark.platform
@pytest.mark.requirement("S1-59", "S0-89")
def test_two_processes_fill_one_cache_though_one_is_killed_any_time(
    bench: Bench, environ: dict[str, str], tmp_path: Path
) -> None:
    for seed in range(10):
        cache = tmp_path / str(seed) / "cache"
        race({**environ, "OPENDATA_CACHE": str(cache)}, seed)
        check_cache(bench, {**environ, "OPENDATA_CACHE": str(cache)}, cache.parent)
