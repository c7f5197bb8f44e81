"""Judging a few rows by a contract written as in `opendata.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.contracts.model import Contract
from dataplatform.contracts.profile import Profile
from dataplatform.contracts.report import Finding, Report
from dataplatform_tests.adapters.parquet import written


def judge(
    folder: Path,
    rows: pa.Table | dict[str, Any],
    *rules: dict[str, Any],
    engine: DuckDBContractEngine | None = None,
    time: str | None = None,
    **contract: Any,
) -> tuple[Report, Profile]:
    """Report and profile of rows under a contract."""
    judged = Contract.model_validate({"rules": list(rules), **contract})
    return (engine or DuckDBContractEngine()).check([written(folder, rows)], judged, time=time)


def judged_by(
    folder: Path, rows: pa.Table | dict[str, Any], *rules: dict[str, Any], **more: Any
) -> list[Finding]:
    """The findings of the rules alone, in their order."""
    report, _ = judge(folder, rows, *rules, **more)
    return list(report.findings[-len(rules) :])


def rule_finding(
    folder: Path, rows: pa.Table | dict[str, Any], rule: dict[str, Any], **more: Any
) -> Finding:
    """The finding of the one rule."""
    return judged_by(folder, rows, rule, **more)[0]
