"""The contract engine on DuckDB.

Here belongs the order of the evaluation: what goes into the one pass, what takes a pass of its own,
and how answers become findings. The questions stand beside it, by subject.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from dataplatform.adapters.contract_engine.arrival import undeclared_arrival
from dataplatform.adapters.contract_engine.broken import BrokenTable, find_broken
from dataplatform.adapters.contract_engine.by_shard import measure_by_shard
from dataplatform.adapters.contract_engine.files_agree import check_files
from dataplatform.adapters.contract_engine.judge import Judge
from dataplatform.adapters.contract_engine.measure import exact_facts, profile_of
from dataplatform.adapters.contract_engine.obstacles import obstacle
from dataplatform.adapters.contract_engine.orders import Orders
from dataplatform.adapters.contract_engine.plain_rules import plain_rules
from dataplatform.adapters.contract_engine.references import References, read_references
from dataplatform.adapters.contract_engine.row_rules import RowRule, nullability, row_rule
from dataplatform.adapters.contract_engine.scan import scan_of, scan_table
from dataplatform.adapters.duckdb.session import Limits, locked_session
from dataplatform.adapters.duckdb.table import Table, open_table
from dataplatform.adapters.units.measures import PintMeasures
from dataplatform.contracts.engine import NOTHING_PINNED
from dataplatform.contracts.measures import Measures
from dataplatform.contracts.model import Contract, MetricThreshold
from dataplatform.contracts.profile import Profile
from dataplatform.contracts.referential import Pinned
from dataplatform.contracts.report import Report
from dataplatform.contracts.schema_fit import check_fields
from dataplatform.contracts.shard_facts import KnownShard, facts_digest


class DuckDBContractEngine:
    """Evaluates contracts over Parquet files within `limits`; implements `ContractEngine`.

    Args:
        limits: Memory, threads and time of the engine's own statements.
        user_seconds: Time of each statement that a contract brings along.
        units: What units measure; by default pint's registry.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        user_seconds: float = 60,
        units: Measures | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._units = units or PintMeasures()
        self._user_limits = replace(self._limits, statement_seconds=user_seconds)

    def check(
        self,
        files: Sequence[str],
        contract: Contract,
        *,
        time: str | None,
        known: Sequence[KnownShard] = (),
        pinned: Pinned = NOTHING_PINNED,
    ) -> tuple[Report, Profile]:
        """Judge and measure a candidate; see the port."""
        table = open_table(files)
        references = read_references(table, contract, pinned)
        nulls, conditions = _conditions(table, contract, references)
        with (
            locked_session((*table.files, *references.files), self._limits) as session,
            table.opened(session),
            references.opened(session),
        ):
            plain, orders = plain_rules(session, table, contract), Orders(session, table)
            asked = [*nulls, *conditions, *plain.values()]
            parts = measure_by_shard(session, table, contract, asked, known)
            if parts:
                scan = scan_of(parts, asked)
            else:
                scan = scan_table(session, table, asked, orders.distinct(contract))
            for fields in scan.told_apart:
                orders.prove(fields, scan.rows)
            judge = Judge(session, table, contract, scan, orders, plain, references, self._units)
            structure = [*check_fields(contract, table.schema), *check_files(table)]
            findings = [
                *structure,
                *undeclared_arrival(table, contract),
                *scan.unread(table, structure),
                *judge.key(),
                *(judge.condition(condition) for condition in nulls),
                *judge.rules(self._user_limits),
            ]
        profile = profile_of(scan.rows, scan.columns, time)
        report = Report(gate="contract", row_count=scan.rows, findings=tuple(findings))
        return report, parts.kept_in(profile, facts_digest(contract, pinned)) if parts else profile

    @contextmanager
    def broken_rows(
        self, files: Sequence[str], contract: Contract, *, pinned: Pinned = NOTHING_PINNED
    ) -> Iterator[BrokenTable]:
        """The rows that quarantine takes; see the port."""
        table = open_table(files)
        references = read_references(table, contract, pinned)
        with (
            locked_session((*table.files, *references.files), self._limits) as session,
            table.opened(session),
            references.opened(session),
        ):
            yield find_broken(session, table, contract, references, self._user_limits)

    def profile(
        self,
        files: Sequence[str],
        contract: Contract,
        thresholds: Sequence[MetricThreshold],
        *,
        time: str | None,
    ) -> Profile:
        """Measure only, exactly where `thresholds` ask for it; see the port."""
        table = open_table(files)
        with locked_session(table.files, self._limits) as session, table.opened(session):
            scan = scan_table(session, table, [])
            for error in scan.errors.values():
                raise error
            facts = list(exact_facts(session, table, thresholds))
        return profile_of(scan.rows, scan.columns, time, facts)


def _conditions(
    table: Table, contract: Contract, references: References
) -> tuple[list[RowRule], list[RowRule]]:
    """What the fields' nullability asks, and what the rules ask row by row."""
    nulls = [c for c in nullability(contract) if set(c.fields) <= set(table.columns)]
    sound = [rule for rule in contract.rules if not obstacle(rule, table, contract)]
    asked = (references.condition(rule) or row_rule(rule, table) for rule in sound)
    return nulls, [condition for condition in asked if condition is not None]
