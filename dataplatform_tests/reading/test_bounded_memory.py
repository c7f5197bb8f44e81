"""Bounded memory: a release larger than what a process may take is streamed all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from dataplatform_tests.releases.building import make_bench
from opendata.stores import FolderStore

TEXT_BYTES = 1_000
ROWS = 150_000
ROOM_BYTES = 80 << 20
STREAM = """
import json, resource, sys
import opendata as od
dataset = od.dataset("tests/rates")
batches = dataset.batches(batch_size=500)
rows = next(batches).num_rows
def address_bytes():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = address_bytes() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
decoded = 0
for batch in batches:
    rows += batch.num_rows
    decoded += batch.nbytes
print(json.dumps({"rows": rows, "decoded": decoded}))
"""


def stream(tmp_path: Path, rows: int) -> dict[str, int]:
    """Stream a release of so many rows of a kilobyte in a process that may take `ROOM_BYTES`."""
    bench = make_bench(FolderStore(str(tmp_path / "store")), tmp_path, group_rows=1_000)
    texts = pa.array([f"{at:09} " * (TEXT_BYTES // 10) for at in range(rows)])
    bench.release(pa.table({"id": pa.array(range(rows)), "text": texts}))
    environ = {
        "OPENDATA_STORAGE": str(tmp_path / "store"),
        "OPENDATA_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": ":".join(sys.path),
        "MALLOC_ARENA_MAX": "1",  # an arena a thread takes addresses, and no memory
    }
    done = subprocess.run(
        [sys.executable, "-c", STREAM, str(ROOM_BYTES)],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.platform
@pytest.mark.requirement("S1-89")
@pytest.mark.parametrize("rows", [ROWS, pytest.param(10 * ROWS, marks=pytest.mark.long)])
def test_batches_of_a_release_that_does_not_fit_into_memory(tmp_path: Path, rows: int) -> None:
    found = stream(tmp_path, rows)
    assert found["rows"] == rows
    assert found["decoded"] > 1.5 * ROOM_BYTES * (rows / ROWS)
