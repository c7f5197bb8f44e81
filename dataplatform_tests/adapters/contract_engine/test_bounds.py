"""How much the engine takes: memory by the size of its limit, not of the data."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.adapters.duckdb.session import Limits
from dataplatform.contracts.model import Contract
from opendata.wire.errors import Rejected

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B44")]
ROWS = 2_000_000
LIMIT_BYTES = 100 << 20

MEASURED = """
import json, sys
from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.adapters.duckdb.session import Limits
from dataplatform.contracts.model import Contract

def peak_bytes():
    # What `getrusage` says begins with the peak of the process that started this one.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))

file, contract, limit = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
before = peak_bytes()
engine = DuckDBContractEngine(Limits(memory_bytes=limit))
report, _ = engine.check([file], Contract.model_validate(contract), time="at")
after = peak_bytes()
failing = {finding.rule: finding.failing for finding in report.findings}
print(json.dumps({"failing": failing, "used_bytes": after - before}))
"""

CONTRACT: dict[str, Any] = {
    "primary_key": ["id"],
    "rules": [
        {"kind": "range", "field": "price", "min": 0, "max": 1_000_000},
        {"kind": "regex", "field": "code", "pattern": "[0-9a-f]{32}"},
        {"kind": "unique", "field": "code"},
        {"kind": "monotonic", "field": "at"},
    ],
}


@pytest.fixture(scope="module")
def unsorted_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Rows whose keys and codes take a multiple of the limit to group, with known faults."""
    random = np.random.default_rng(7)
    ids = random.permutation(ROWS)
    ids[5] = ids[6]
    price = random.uniform(0, 100, ROWS)
    price[[3, 30, 300]] = -1
    codes = [f"{number:032x}" for number in random.integers(0, 2**63 - 1, ROWS)]
    codes[1] = codes[0]
    codes[2] = "none"
    at = pa.array(np.arange(ROWS), pa.timestamp("us", "UTC"))
    path = tmp_path_factory.mktemp("large") / "rows.parquet"
    table = pa.table({"id": ids, "price": price, "code": codes, "at": at})
    pq.write_table(table, path, row_group_size=200_000)
    return str(path)


def test_a_table_many_times_the_limit_is_judged_exactly_by_spilling(unsorted_file: str) -> None:
    arguments = [unsorted_file, json.dumps(CONTRACT), str(LIMIT_BYTES)]
    output = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments], check=True, capture_output=True, text=True
    ).stdout
    measured = json.loads(output)
    assert measured["failing"] == {
        "fields": 0,
        "primary_key": 2,
        "range(price)": 3,
        "regex(code)": 1,
        "unique(code)": 2,
        "monotonic(at)": 0,
    }
    # Beyond the engine's own accounting lie allocator slack and Arrow's buffers.
    assert measured["used_bytes"] < 4 * LIMIT_BYTES


@pytest.mark.requirement("M-10")
def test_a_table_that_cannot_be_read_in_time_gets_no_report(unsorted_file: str) -> None:
    engine = DuckDBContractEngine(Limits(statement_seconds=0.001))
    with pytest.raises(Rejected, match="longer than") as refused:
        engine.check([unsorted_file], Contract(), time=None)
    assert refused.value.code == "statement_timeout"
