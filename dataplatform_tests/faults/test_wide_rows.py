"""Wide rows: what a build and a stream take of memory is bounded in bytes, not only in rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataplatform_tests.faults.test_memory import GIB, OD
from dataplatform_tests.faults.watching import run_watched
from opendata.reading.resolve import read_current
from opendata.stores import FolderStore
from opendata.wire.ids import parse_dataset_id

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S1-89")]
ID = "tests/pages"
DEFINITION = f"""
id: {ID}
title: Pages
description: Rows of nearly 20 kB each, a text and a list of words with their places.
license: CC0-1.0
repo: https://example.org/pages
source: {{provider: tests}}
time: at
timeout: 1h
contract:
  primary_key: [id]
  rules:
    - {{kind: regex, field: text, pattern: "[0-9a-z ]*"}}
release: {{shard: month, stable_copy: never}}
"""
# A prime step visits every row once. Words repeat inside of a text, so that the disk needs little.
PRODUCER = """
import numpy as np
import pyarrow as pa

ROWS, STEP, PRIME = {rows}, 1_000, {prime}
FIRST = np.datetime64("2024-01-01", "us").astype(np.int64)
BETWEEN = 90 * 86_400_000_000 // ROWS
WORDS = pa.struct([("word", pa.string()), ("place", pa.int64())])

def produce(context):
    for start in range(0, ROWS, STEP):
        ids = np.arange(start, min(start + STEP, ROWS), dtype=np.int64) * PRIME % ROWS
        named = pa.array(np.repeat(ids, 200).astype(str))
        placed = pa.array(np.tile(np.arange(200), len(ids)))
        words = pa.StructArray.from_arrays([named, placed], fields=list(WORDS))
        places = pa.array(np.arange(len(ids) + 1) * 200, pa.int32())
        yield pa.record_batch(
            {{
                "at": pa.array(FIRST + ids * BETWEEN).cast(pa.timestamp("us", tz="UTC")),
                "id": pa.array(ids),
                "text": pa.array([f"{{number:09}} " * 1_500 for number in ids]),
                "words": pa.ListArray.from_arrays(places, words),
            }}
        )
"""
STREAM = """
import json
import opendata as od

rows = decoded = largest = 0
for batch in od.dataset("tests/pages").batches():
    rows += batch.num_rows
    decoded += batch.nbytes
    largest = max(largest, batch.nbytes)
# What `getrusage` says begins with the peak of the process that started this one.
with open("/proc/self/status") as status:
    [peak] = [int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM")]
print(json.dumps({"rows": rows, "decoded": decoded, "largest": largest, "peak": peak}))
"""


def environ_of(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "OPENDATA_STORAGE": str(folder / "store"),
        "OPENDATA_CACHE": str(folder / "cache"),
        "PYTHONPATH": ":".join(sys.path),
        "TMPDIR": str(folder),
    }


def publish(folder: Path, rows: int, prime: int) -> int:
    """Publish so many rows by `od run`; returns the peak memory of all its processes."""
    home = folder / "producers" / ID
    home.mkdir(parents=True)
    (home / "opendata.yaml").write_text(DEFINITION, encoding="utf-8")
    (home / "main.py").write_text(PRODUCER.format(rows=rows, prime=prime), encoding="utf-8")
    watched = run_watched([OD, "run", ID, "--publish"], folder, environ_of(folder))
    assert watched.returncode == 0, watched.output
    release = read_current(FolderStore(str(folder / "store")), parse_dataset_id(ID))
    assert release is not None
    assert release.manifest.row_count == rows
    return watched.peak_bytes


def stream(folder: Path) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", STREAM],
        env=environ_of(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


SIZES = [
    pytest.param(40_000, id="seven hundred megabytes"),
    pytest.param(200_000, id="four gigabytes", marks=pytest.mark.long),
]


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("prime", [1, 7_654_321], ids=["in order", "in no order"])
def test_wide_rows_are_published_and_streamed_in_bounded_memory(
    tmp_path: Path, rows: int, prime: int
) -> None:
    assert publish(tmp_path, rows, prime) < GIB
    found = stream(tmp_path)
    assert found["rows"] == rows
    assert found["decoded"] > rows * 18_000
    assert found["largest"] <= 40 << 20
    assert found["peak"] < 650 << 20
