"""Contract and row diff where the system limits memory, on tables beyond what that leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.adapters.duckdb.session import Limits, locked_session
from opendata.wire.errors import Unavailable

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B44")]
BLOCK_ROWS = 1_000_000

# Libraries map much more than they use, so what counts is what the work adds to that.
CONFINED = """
import json, resource, sys
from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.adapters.duckdb.session import Limits
from dataplatform.adapters.row_diff.duckdb import DuckDBRowDiffer
from dataplatform.contracts.model import Contract

old, new, contract, headroom, memory = sys.argv[1:]
with open("/proc/self/statm") as file:
    mapped = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + int(headroom),) * 2)
limits = Limits(memory_bytes=int(memory))
engine, differ = DuckDBContractEngine(limits), DuckDBRowDiffer(limits)
report, _ = engine.check([new], Contract.model_validate_json(contract), time="at")
diff = differ.diff([old], [new], keys=("id",), columns=("id", "price", "code", "at"))
print(json.dumps({
    "failing": {finding.rule: finding.failing for finding in report.findings},
    "diff": [diff.added, diff.removed, diff.changed],
}))
"""
CONTRACT: dict[str, Any] = {
    "primary_key": ["id"],
    "rules": [
        {"kind": "range", "field": "price", "min": 0},
        {"kind": "regex", "field": "code", "pattern": "[0-9a-f]{32}"},
        {"kind": "unique", "field": "code"},
        {"kind": "monotonic", "field": "at"},
    ],
}


def write(path: Path, rows: int, *, wrong: int) -> None:
    """Rows in no order, whose codes are all different; the first `wrong` prices are negative."""
    with pq.ParquetWriter(path, _block(0, 1, rows, 0).schema) as writer:
        for start in range(0, rows, BLOCK_ROWS):
            count = min(BLOCK_ROWS, rows - start)
            writer.write_table(_block(start, count, rows, wrong if start == 0 else 0))


def _block(start: int, count: int, rows: int, wrong: int) -> pa.Table:
    # A prime step visits every row once, in an order in which no two neighbours follow.
    at = np.arange(start, start + count, dtype=np.int64)
    ids = at * 7_654_321 % rows
    price = np.sqrt(ids.astype(np.float64))
    price[:wrong] = -1
    codes = np.char.zfill(np.char.mod("%x", ids), 32)
    times = pa.array(at, pa.timestamp("us", "UTC"))
    return pa.table({"id": ids, "price": price, "code": pa.array(codes, pa.string()), "at": times})


# DuckDB's join of that many rows spills within 256 MiB and not within 220, and its allocator maps
# several times what it uses.
@pytest.mark.parametrize(
    ("rows", "memory", "headroom"),
    [
        (1_000_000, 100 << 20, 1 << 30),
        pytest.param(20_000_000, 256 << 20, 2 << 30, marks=pytest.mark.long),
    ],
    ids=["a tenth of a gibibyte", "more than two gibibytes"],
)
def test_what_does_not_fit_is_spilled_and_counted_exactly(
    tmp_path: Path, rows: int, memory: int, headroom: int
) -> None:
    old, new = tmp_path / "old.parquet", tmp_path / "new.parquet"
    write(old, rows, wrong=0)
    write(new, rows, wrong=3)
    limits = [str(headroom), str(memory)]
    arguments = [str(old), str(new), json.dumps(CONTRACT), *limits]
    output = subprocess.run(
        [sys.executable, "-c", CONFINED, *arguments], check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(output) == {
        "failing": {
            "fields": 0,
            "primary_key": 0,
            "range(price)": 3,
            "regex(code)": 0,
            "unique(code)": 0,
            "monotonic(at)": 0,
        },
        "diff": [0, 0, 3],
    }


def test_a_process_that_gets_no_thread_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with locked_session([], Limits()) as session:
        monkeypatch.setattr("threading.Timer.start", refuse)
        with pytest.raises(Unavailable, match="no further thread") as refused:
            session.row("SELECT 1 AS one")
    assert "ulimit" in str(refused.value.hint)
