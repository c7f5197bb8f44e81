"""What a producer's own contract says of rows, by the real engine."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.contracts.report import Report
from dataplatform.datasets.parse import parse_definition
from dataplatform_tests.producers.recorded import PRODUCERS


def judged(folder: Path, name: str, table: pa.Table, root: Path = PRODUCERS) -> Report:
    """The report on `table`, which is written to `folder`."""
    path = root / "getopendata" / name / "opendata.yaml"
    definition = parse_definition(path.read_bytes(), path.name)
    assert definition.contract is not None
    file = folder / f"{name}.parquet"
    parquet.write_table(table, file)
    report, _ = DuckDBContractEngine().check([str(file)], definition.contract, time=definition.time)
    return report


def failing(report: Report) -> dict[str, int]:
    """How many rows each rule refuses that closes the gate."""
    return {finding.rule: finding.failing for finding in report.failures}
