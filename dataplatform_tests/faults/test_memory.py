"""Memory: a build takes the same of it however many rows come, and in whatever order."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dataplatform_tests.faults.watching import Watched, run_watched
from opendata.reading.resolve import Release, read_current
from opendata.stores import FolderStore
from opendata.wire.ids import parse_dataset_id

GIB = 1 << 30
ID = "tests/large"
OD = str(Path(sys.executable).with_name("od"))
DEFINITION = f"""
id: {ID}
title: Large
description: Many narrow rows.
license: CC0-1.0
repo: https://example.org/large
source: {{provider: tests}}
time: at
timeout: 3h
contract: {{primary_key: [id]}}
release: {{shard: month, stable_copy: never}}
"""
# Multiplying by a prime visits every row once, in an order in which no two neighbours follow.
PRODUCER = """
import numpy as np
import pyarrow as pa

ROWS, STEP, PRIME = {rows}, 250_000, {prime}
FIRST = np.datetime64("2022-01-01", "us").astype(np.int64)
BETWEEN = 3 * 365 * 86_400_000_000 // ROWS

def produce(context):
    for start in range(0, ROWS, STEP):
        ids = np.arange(start, min(start + STEP, ROWS), dtype=np.int64) * PRIME % ROWS
        yield pa.record_batch(
            {{
                "at": pa.array(FIRST + ids * BETWEEN).cast(pa.timestamp("us", tz="UTC")),
                "id": pa.array(ids),
                "value": pa.array(np.sqrt(ids.astype(np.float64))),
                "code": pa.array((ids % 97).astype(np.int32)),
            }}
        )
"""


def run(folder: Path, rows: int, prime: int, **limits: int) -> Watched:
    home = folder / "producers" / ID
    home.mkdir(parents=True)
    (home / "opendata.yaml").write_text(DEFINITION, encoding="utf-8")
    (home / "main.py").write_text(PRODUCER.format(rows=rows, prime=prime), encoding="utf-8")
    environ = {
        **os.environ,
        "OPENDATA_STORAGE": str(folder / "store"),
        "OPENDATA_CACHE": str(folder / "cache"),
        "TMPDIR": str(folder),
    }
    return run_watched([OD, "run", ID, "--publish"], folder, environ, **limits)


def published(folder: Path, rows: int, prime: int) -> tuple[Watched, Release]:
    watched = run(folder, rows, prime)
    assert watched.returncode == 0, watched.output
    release = current(folder)
    assert release is not None
    return watched, release


def current(folder: Path) -> Release | None:
    return read_current(FolderStore(str(folder / "store")), parse_dataset_id(ID))


def require_all_rows(release: Release, rows: int) -> None:
    assert release.manifest.row_count == rows
    assert len(release.manifest.files) == 36
    for entry, later in zip(release.manifest.files, release.manifest.files[1:], strict=False):
        assert int(entry.stats["id"].max or "") + 1 == int(later.stats["id"].min or "")


@pytest.mark.platform
def test_ten_million_rows_in_no_order_are_published_within_one_gibibyte(tmp_path: Path) -> None:
    watched, release = published(tmp_path, 10_000_000, prime=7_654_321)
    require_all_rows(release, 10_000_000)
    assert watched.peak_bytes < GIB


@pytest.mark.long
@pytest.mark.platform
@pytest.mark.parametrize("prime", [1, 76_543_217], ids=["in order", "in no order"])
def test_a_hundred_million_rows_are_published_within_one_gibibyte(
    tmp_path: Path, prime: int
) -> None:
    watched, release = published(tmp_path, 100_000_000, prime)
    require_all_rows(release, 100_000_000)
    assert watched.peak_bytes < GIB


@pytest.mark.platform
@pytest.mark.parametrize("mebibytes", [500, 600, 750, 900, 1_000, 1_150])
def test_where_memory_does_not_suffice_it_is_said_and_nothing_is_published(
    tmp_path: Path, mebibytes: int
) -> None:
    watched = run(tmp_path, 300_000, 7_654_321, address_bytes=mebibytes << 20)
    release = current(tmp_path)
    if watched.returncode == 0:
        assert release is not None
        require_all_rows(release, 300_000)
    else:
        assert release is None
        assert "did not expect" not in watched.output
        assert "Traceback" not in watched.output
        if not ended_by_a_library(watched):
            assert "memory" in watched.output.lower(), watched.output


def ended_by_a_library(watched: Watched) -> bool:
    """Libraries that get no memory for a thread of their own end the process, and nothing is said.

    They do it by a signal, or in the loader, whose status is 127.
    """
    return watched.returncode < 0 or watched.returncode == 127
