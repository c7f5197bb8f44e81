"""Gates that decide as a test tells them, without an engine behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from dataplatform.contracts.model import Contract, ExpectationSpec, MetricThreshold
from dataplatform.contracts.profile import ColumnProfile, Profile
from dataplatform.contracts.report import Finding, Report
from dataplatform.contracts.rules import Severity
from dataplatform.contracts.shard_facts import KnownShard


@dataclass
class FakeContractEngine:
    """Reads the files' footers and says yes, or no when `passes` is turned off."""

    passes: bool = True

    def check(
        self,
        files: Sequence[str],
        contract: Contract,
        *,
        time: str | None,
        known: Sequence[KnownShard] = (),
    ) -> tuple[Report, Profile]:
        profile = self.profile(files, contract, (), time=time)
        finding = Finding(
            rule="scripted",
            fields=(),
            severity=Severity.ERROR,
            passed=self.passes,
            checked=profile.row_count,
            failing=0 if self.passes else 1,
            message="as the test said",
        )
        report = Report(gate="contract", row_count=profile.row_count, findings=(finding,))
        return report, profile

    def profile(
        self,
        files: Sequence[str],
        contract: Contract,
        thresholds: Sequence[MetricThreshold],
        *,
        time: str | None,
    ) -> Profile:
        rows = sum(pq.read_metadata(path).num_rows for path in files)
        columns = {name: ColumnProfile(null_count=0) for name in contract.field_names}
        return Profile(row_count=rows, columns=columns)


class NoExpectations:
    """For data sets without expectations: nothing may be asked of it."""

    def run(
        self, files: Sequence[str], expectations: Sequence[ExpectationSpec]
    ) -> Sequence[Finding]:
        raise AssertionError("no expectation was declared")
