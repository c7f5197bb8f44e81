"""Gates that decide as a test tells them, without an engine behind them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pyarrow.parquet as pq

from dataplatform.contracts.engine import NOTHING_PINNED, BrokenRows
from dataplatform.contracts.model import Contract, ExpectationSpec, MetricThreshold
from dataplatform.contracts.performance import LookUps, Pruning
from dataplatform.contracts.profile import ColumnProfile, Profile
from dataplatform.contracts.referential import Pinned
from dataplatform.contracts.report import Finding, Report
from dataplatform.contracts.rules import Severity
from dataplatform.contracts.shard_facts import KnownShard
from opendata.wire.errors import InvalidInput
from opendata.wire.manifest import Manifest


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
        pinned: Pinned = NOTHING_PINNED,
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

    def broken_rows(
        self, files: Sequence[str], contract: Contract, *, pinned: Pinned = NOTHING_PINNED
    ) -> AbstractContextManager[BrokenRows]:
        raise AssertionError("a test of quarantine takes the real engine")

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


@dataclass
class FakeQueryProbe:
    """Says what a test tells it, and keeps what it was asked."""

    look_up: LookUps | InvalidInput
    pruned: Pruning | InvalidInput
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def pruning(self, release: Manifest, field: str) -> Pruning:
        self.asked.append(("pruning", field))
        if isinstance(self.pruned, InvalidInput):
            raise self.pruned
        return self.pruned

    def look_ups(
        self, candidate: Manifest, current: Manifest | None, fields: Sequence[str]
    ) -> LookUps:
        self.asked.append(("look_ups", *fields))
        if isinstance(self.look_up, InvalidInput):
            raise self.look_up
        return self.look_up


class NoExpectations:
    """For data sets without expectations: nothing may be asked of it."""

    def run(
        self, files: Sequence[str], expectations: Sequence[ExpectationSpec]
    ) -> Sequence[Finding]:
        raise AssertionError("no expectation was declared")
