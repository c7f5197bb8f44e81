"""Values that have to exist in another data set's release, as conditions on single rows.

Here belong the other tables: opening them beside the one that is judged, whether their columns can
be compared with its own, and which values are missing there. The lookup is part of the one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from dataplatform.adapters.contract_engine.obstacles import obstacle
from dataplatform.adapters.contract_engine.row_rules import RowRule
from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table, open_table
from dataplatform.adapters.duckdb.text import name, names
from dataplatform.contracts.model import Contract, ReferentialRule, Rule
from dataplatform.contracts.referential import Pinned, PinnedTable, referential_rules
from dataplatform.contracts.report import SAMPLES_MAX, Finding
from dataplatform.contracts.values import is_text
from opendata.wire.codec import replace
from opendata.wire.errors import OpenDataError
from opendata.wire.words import counted


@dataclass(frozen=True)
class References:
    """The referential rules of a contract over one table: as conditions, or why they are none."""

    conditions: Mapping[ReferentialRule, RowRule]
    obstacles: Mapping[ReferentialRule, OpenDataError | str]
    pins: Mapping[ReferentialRule, PinnedTable]
    tables: tuple[Table, ...] = field(default=())

    @property
    def files(self) -> tuple[str, ...]:
        """The files of all tables that are referred to."""
        return tuple(path for table in self.tables for path in table.files)

    def condition(self, rule: Rule) -> RowRule | None:
        """The rule as a condition, if it is referential and nothing stands in the way."""
        return self.conditions.get(rule) if isinstance(rule, ReferentialRule) else None

    @contextmanager
    def opened(self, session: Session) -> Iterator[None]:
        """Make their rows readable in a session."""
        with ExitStack() as stack:
            for table in self.tables:
                stack.enter_context(table.opened(session))
            yield

    def finding(
        self, session: Session, table: Table, rule: ReferentialRule, found: Finding
    ) -> Finding:
        """The finding with the values that are missing, how many rows each has, and the pin."""
        pin, condition = self.pins[rule], self.conditions[rule]
        told = replace(found, reference=pinned_json(pin))
        if not found.failing:
            return told
        missing = (
            f'SELECT {names(rule.fields)}, count(*) AS "#rows" FROM {table.rows_sql} '
            f"WHERE {condition.breaks} GROUP BY {names(rule.fields)}"
        )
        values = session.row(f"SELECT count(*) AS n FROM ({missing})")["n"]
        order = f'ORDER BY "#rows" DESC, {names(rule.fields)} LIMIT {SAMPLES_MAX}'
        return replace(
            told,
            message=f"{counted(values, 'value')} in {found.failing:,} of "
            f"{counted(found.checked, 'row')} {condition.fault}",
            samples=tuple(table.json_row(row) for row in session.rows(f"{missing} {order}")),
        )


def read_references(table: Table, contract: Contract, pinned: Pinned) -> References:
    """Open what the contract's rules refer to."""
    conditions: dict[ReferentialRule, RowRule] = {}
    obstacles: dict[ReferentialRule, OpenDataError | str] = {}
    pins: dict[ReferentialRule, PinnedTable] = {}
    tables: dict[tuple[str, ...], Table] = {}
    for rule in referential_rules(contract.rules):
        pin = pinned.get(rule.references)
        if not isinstance(pin, PinnedTable):
            obstacles[rule] = pin or f"no release of {rule.references.dataset} is pinned for it"
            continue
        pins[rule] = pin
        try:
            files = tuple(pin.files)
            other = tables.get(files) or open_table(files, f"reference_{len(tables)}")
        except OpenDataError as error:
            obstacles[rule] = f"{pin} cannot be read: {error.message}"
            continue
        why = obstacle(rule, table, contract) or _misfit(rule, table, pin, other)
        if why:
            obstacles[rule] = why
            continue
        tables[files] = other
        conditions[rule] = _condition(rule, pin, other)
    return References(conditions, obstacles, pins, tuple(tables.values()))


def pinned_json(pin: PinnedTable) -> dict[str, str]:
    """Which release a verdict was reached with."""
    return {"id": pin.id, "release": pin.release, "manifest_sha256": pin.manifest_sha256}


def _condition(rule: ReferentialRule, pin: PinnedTable, other: Table) -> RowRule:
    here, there = names(rule.fields), names(rule.references.fields)
    present = " AND ".join(f"{name(column)} IS NOT NULL" for column in rule.fields)
    known = " AND ".join(f"{name(column)} IS NOT NULL" for column in rule.references.fields)
    one, other_one = (here, there) if len(rule.fields) == 1 else (f"({here})", f"({there})")
    missing = f"{one} NOT IN (SELECT {other_one} FROM {other.rows_sql} WHERE {known})"
    ignores = rule.nulls == "ignore"
    return RowRule(
        label=rule.label,
        fields=rule.fields,
        severity=rule.severity,
        breaks=f"({present} AND {missing})" if ignores else f"(NOT ({present}) OR {missing})",
        looks_at=f"count(*) FILTER (WHERE {present})" if ignores else "count(*)",
        fault=f"without a row in {pin} ({', '.join(rule.references.fields)})",
        hint=f"correct the values, or publish what is missing: od run {pin.id} --publish",
    )


def _misfit(rule: ReferentialRule, table: Table, pin: PinnedTable, other: Table) -> str | None:
    for here, there in zip(rule.fields, rule.references.fields, strict=True):
        if there not in other.columns:
            return other.unreadable.get(there) or f"{pin} has no column {there!r}"
        if there in other.inexact:
            return f"{there!r} of {pin} cannot be compared exactly: {other.inexact[there]}"
        ours, theirs = table.type_of(here), other.type_of(there)
        if _sort_of(ours) != _sort_of(theirs):
            return (
                f"{here!r} is {ours}, {there!r} of {pin} is {theirs}: they never compare as equal"
            )
    return None


def _sort_of(kind: pa.DataType) -> str:
    """Types of one sort compare by value, whatever their width."""
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return "exact number"
    if is_text(kind):
        return "text"
    if pa.types.is_floating(kind):
        return "float"
    if pa.types.is_timestamp(kind):
        return "instant" if kind.tz else "local time"
    if pa.types.is_date(kind):
        return "date"
    return str(kind)
