"""The contract engine on DuckDB.

Here belongs the order of the evaluation: what goes into the one pass, what takes a pass of its own,
and how answers become findings. The questions stand beside it, by subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from dataplatform.adapters.contract_engine.by_shard import measure_by_shard
from dataplatform.adapters.contract_engine.files_agree import check_files
from dataplatform.adapters.contract_engine.guarded import Outcome
from dataplatform.adapters.contract_engine.measure import exact_facts, profile_of
from dataplatform.adapters.contract_engine.obstacles import field_obstacle, obstacle
from dataplatform.adapters.contract_engine.order_rules import monotonic, primary_key, unique
from dataplatform.adapters.contract_engine.orders import Orders
from dataplatform.adapters.contract_engine.plain_rules import plain_rules
from dataplatform.adapters.contract_engine.row_rules import RowRule, nullability, row_rule
from dataplatform.adapters.contract_engine.scan import Scan, scan_of, scan_table
from dataplatform.adapters.contract_engine.user_rules import finding_of, user_findings
from dataplatform.adapters.duckdb.session import Limits, Session, locked_session
from dataplatform.adapters.duckdb.table import Table, open_table
from dataplatform.adapters.duckdb.text import names
from dataplatform.contracts.model import (
    Contract,
    CrossFieldRule,
    CustomRule,
    MetricThreshold,
    MonotonicRule,
    Rule,
    Severity,
    UniqueRule,
)
from dataplatform.contracts.profile import Profile
from dataplatform.contracts.report import SAMPLES_MAX, Finding, Report, not_evaluated
from dataplatform.contracts.schema_fit import check_fields
from dataplatform.contracts.shard_facts import KnownShard
from opendata.wire.errors import OpenDataError
from opendata.wire.words import counted


class DuckDBContractEngine:
    """Evaluates contracts over Parquet files within `limits`; implements `ContractEngine`.

    Args:
        limits: Memory, threads and time of the engine's own statements.
        user_seconds: Time of each statement that a contract brings along.
    """

    def __init__(self, limits: Limits | None = None, *, user_seconds: float = 60) -> None:
        self._limits = limits or Limits()
        self._user_limits = replace(self._limits, statement_seconds=user_seconds)

    def check(
        self,
        files: Sequence[str],
        contract: Contract,
        *,
        time: str | None,
        known: Sequence[KnownShard] = (),
    ) -> tuple[Report, Profile]:
        """Judge and measure a candidate; see the port."""
        table = open_table(files)
        nulls, conditions = _conditions(table, contract)
        with locked_session(table.files, self._limits) as session, table.opened(session):
            plain, orders = plain_rules(session, table, contract), Orders(session, table)
            asked = [*nulls, *conditions, *plain.values()]
            parts = measure_by_shard(session, table, contract, asked, known)
            if parts:
                scan = scan_of(parts, asked)
            else:
                scan = scan_table(session, table, asked, orders.distinct(contract))
            for fields in scan.told_apart:
                orders.prove(fields, scan.rows)
            judge = _Judge(session, table, contract, scan, orders, plain)
            structure = [*check_fields(contract, table.schema), *check_files(table)]
            findings = [
                *structure,
                *scan.unread(table, structure),
                *judge.key(),
                *(judge.condition(condition) for condition in nulls),
                *judge.rules(self._user_limits),
            ]
        profile = profile_of(scan.rows, scan.columns, time)
        report = Report(gate="contract", row_count=scan.rows, findings=tuple(findings))
        return report, parts.kept_in(profile, contract) if parts else profile

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


def _conditions(table: Table, contract: Contract) -> tuple[list[RowRule], list[RowRule]]:
    """What the fields' nullability asks, and what the rules ask row by row."""
    nulls = [c for c in nullability(contract) if set(c.fields) <= set(table.columns)]
    sound = [rule for rule in contract.rules if not obstacle(rule, table, contract)]
    return nulls, [c for c in (row_rule(rule, table) for rule in sound) if c is not None]


@dataclass(frozen=True)
class _Judge:
    """Turns answers into findings, and asks what takes a pass of its own."""

    session: Session
    table: Table
    contract: Contract
    scan: Scan
    orders: Orders
    plain: Mapping[CrossFieldRule, RowRule]

    def key(self) -> Iterator[Finding]:
        """The primary key's finding, where there is a key."""
        key = self.contract.primary_key
        if not key:
            return
        why = field_obstacle(key, self.table, self.contract)
        if why:
            yield not_evaluated("primary_key", key, Severity.ERROR, why)
            return
        yield self._own_pass(
            "primary_key",
            key,
            Severity.ERROR,
            lambda: primary_key(
                self.session, self.table, key, self.scan.rows, self.orders.repetition(key)
            ),
        )

    def rules(self, user_limits: Limits) -> list[Finding]:
        """One finding per rule, in the contract's order."""
        guarded = [r for r in self.contract.rules if self._is_guarded(r)]
        user = iter(
            user_findings(self.table, guarded, self._identity(), self.scan.rows, user_limits)
        )
        return [
            next(user) if self._is_guarded(rule) else self._rule(rule)
            for rule in self.contract.rules
        ]

    def _is_guarded(self, rule: Rule) -> TypeGuard[CrossFieldRule | CustomRule]:
        """Whether a rule is SQL that needs a process of its own."""
        if isinstance(rule, CrossFieldRule):
            return rule not in self.plain
        return isinstance(rule, CustomRule)

    def condition(self, condition: RowRule) -> Finding:
        """The finding of a condition that the one pass counted."""
        answer = self.scan.counts[condition]
        if isinstance(answer, OpenDataError):
            return _crashed(condition.label, condition.fields, condition.severity, answer)
        failing, checked = answer["failing"], answer["checked"]
        samples = self._samples(condition) if failing else []
        return Finding(
            rule=condition.label,
            fields=condition.fields,
            severity=condition.severity,
            passed=not failing,
            checked=checked,
            failing=failing,
            message=f"{failing:,} of {counted(checked, 'value')} {condition.fault}"
            if failing
            else f"{counted(checked, 'value')}, all good",
            hint=condition.hint if failing else None,
            samples=tuple(samples),
        )

    def _plain(self, rule: CrossFieldRule) -> Finding:
        """The finding of an expression, as the process tells it that judges all others."""
        condition = self.plain[rule]
        answer = self.scan.counts[condition]
        if isinstance(answer, OpenDataError):
            outcome = Outcome(at=0, error=answer.message, hint=answer.hint)
        else:
            samples = self._samples(condition) if answer["failing"] else []
            outcome = Outcome(at=0, fields=condition.fields, samples=tuple(samples), **answer)
        return finding_of(self.table, rule, outcome, self.scan.rows)

    def _rule(self, rule: Rule) -> Finding:
        if isinstance(rule, CrossFieldRule):
            return self._plain(rule)
        why = obstacle(rule, self.table, self.contract)
        if why:
            return not_evaluated(rule.label, rule.concerned, rule.severity, why)
        if isinstance(rule, UniqueRule):
            return self._own_pass(
                rule.label,
                rule.fields,
                rule.severity,
                lambda: unique(self.session, self.table, rule, self.orders.repetition(rule.fields)),
            )
        if isinstance(rule, MonotonicRule):
            return self._own_pass(
                rule.label,
                rule.concerned,
                rule.severity,
                lambda: monotonic(
                    self.session, self.table, rule, self._identity(), self.orders.turns(rule)
                ),
            )
        condition = row_rule(rule, self.table)
        assert condition is not None, f"no way to judge {rule.label}"
        return self.condition(condition)

    def _own_pass(
        self, label: str, fields: tuple[str, ...], severity: Severity, judge: Callable[[], Finding]
    ) -> Finding:
        try:
            return judge()
        except OpenDataError as error:
            return _crashed(label, fields, severity, error)

    def _samples(self, condition: RowRule) -> list[dict[str, object]]:
        shown = names(dict.fromkeys([*self._identity(), *condition.fields]))
        sql = f"SELECT {shown} FROM {self.table.rows_sql} WHERE {condition.breaks}"
        try:
            rows = self.session.rows(f"{sql} LIMIT {SAMPLES_MAX}")
        except OpenDataError as error:
            return [{"#error": f"the rows could not be read: {error.message}"}]
        return [self.table.json_row(row) for row in rows]

    def _identity(self) -> tuple[str, ...]:
        """What names a row in samples: its key, or its place."""
        key = self.contract.primary_key
        return key if key and set(key) <= set(self.table.columns) else self.table.place


def _crashed(
    label: str, fields: tuple[str, ...], severity: Severity, error: OpenDataError
) -> Finding:
    return not_evaluated(label, fields, severity, error.message, error.hint)
