"""The judge: answers become findings, one for each rule of a contract, in its order.

Here belongs which way a kind of rule is judged. The ways themselves stand beside it, by subject;
opening the table and asking the one pass belong to `duckdb`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from dataplatform.adapters.contract_engine.arrival import arrival_finding
from dataplatform.adapters.contract_engine.guarded import Outcome
from dataplatform.adapters.contract_engine.obstacles import field_obstacle, obstacle
from dataplatform.adapters.contract_engine.order_rules import monotonic, primary_key, unique
from dataplatform.adapters.contract_engine.orders import Orders
from dataplatform.adapters.contract_engine.references import References
from dataplatform.adapters.contract_engine.row_rules import RowRule, row_rule
from dataplatform.adapters.contract_engine.scan import Scan
from dataplatform.adapters.contract_engine.user_rules import finding_of, user_findings
from dataplatform.adapters.duckdb.session import Limits, Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import names
from dataplatform.contracts.dimensions import judge_dimensions
from dataplatform.contracts.measures import Measures
from dataplatform.contracts.model import (
    ArrivalTimeRule,
    Contract,
    CrossFieldRule,
    CustomRule,
    DimCheckRule,
    FieldSpec,
    MonotonicRule,
    ReferentialRule,
    Rule,
    Severity,
    UniqueRule,
)
from dataplatform.contracts.report import SAMPLES_MAX, Finding, not_evaluated
from opendata.wire.errors import OpenDataError
from opendata.wire.words import counted


@dataclass(frozen=True)
class Judge:
    """Turns answers into findings, and asks what takes a pass of its own."""

    session: Session
    table: Table
    contract: Contract
    scan: Scan
    orders: Orders
    plain: Mapping[CrossFieldRule, RowRule]
    references: References
    units: Measures

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
            (next(user) if self._is_guarded(rule) else self._rule(rule)).of_rule(rule)
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
            return crashed(condition.label, condition.fields, condition.severity, answer)
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
        if isinstance(rule, DimCheckRule):
            return judge_dimensions(rule, self._fields(), self.units)
        why = obstacle(rule, self.table, self.contract)
        if why:
            return not_evaluated(rule.label, rule.concerned, rule.severity, why)
        if isinstance(rule, ReferentialRule):
            return self._referential(rule)
        if (judged := self._of_several_rows(rule)) is not None:
            return self._own_pass(rule.label, rule.concerned, rule.severity, judged)
        condition = row_rule(rule, self.table)
        assert condition is not None, f"no way to judge {rule.label}"
        return self.condition(condition)

    def _of_several_rows(self, rule: Rule) -> Callable[[], Finding] | None:
        """How a rule that takes a pass of its own is judged, or None where it takes none."""
        session, table, orders = self.session, self.table, self.orders
        if isinstance(rule, UniqueRule):
            return lambda: unique(session, table, rule, orders.repetition(rule.fields))
        if isinstance(rule, MonotonicRule):
            return lambda: monotonic(session, table, rule, self._identity(), orders.turns(rule))
        if isinstance(rule, ArrivalTimeRule):
            return lambda: arrival_finding(session, table, rule, self._fields(), self.units)
        return None

    def _referential(self, rule: ReferentialRule) -> Finding:
        why = self.references.obstacles.get(rule)
        if why is None:
            found = self.condition(self.references.conditions[rule])
            return self._own_pass(
                rule.label,
                rule.fields,
                rule.severity,
                lambda: self.references.finding(self.session, self.table, rule, found),
            )
        if isinstance(why, OpenDataError):
            return crashed(rule.label, rule.fields, rule.severity, why)
        return not_evaluated(rule.label, rule.fields, rule.severity, why)

    def _fields(self) -> dict[str, FieldSpec]:
        return {field.name: field for field in self.contract.fields}

    def _own_pass(
        self, label: str, fields: tuple[str, ...], severity: Severity, judge: Callable[[], Finding]
    ) -> Finding:
        try:
            return judge()
        except OpenDataError as error:
            return crashed(label, fields, severity, error)

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


def crashed(
    label: str, fields: tuple[str, ...], severity: Severity, error: OpenDataError
) -> Finding:
    """The finding of a rule whose evaluation failed."""
    return not_evaluated(label, fields, severity, error.message, error.hint)
