"""Rules over several rows: the primary key, uniqueness, and order from row to row.

Here belong the statements that look beyond one row. Each takes a pass of its own over the columns
that it names; a key that already lies in order is proven without a hash table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from dataplatform.adapters.duckdb.repetition import (
    Repetition,
    find_repetition,
    null_rows,
    repeated_rows,
)
from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name, names
from dataplatform.contracts.model import MonotonicRule, Severity, UniqueRule
from dataplatform.contracts.report import SAMPLES_MAX, Finding, counted

KEY_HINT: Final = "drop repeated rows, or name the fields that tell rows apart"


def primary_key(
    session: Session,
    table: Table,
    key: tuple[str, ...],
    rows: int,
    proven: Repetition | None = None,
) -> Finding:
    """No key has a null part, and no two of the table's `rows` have the same key.

    Args:
        proven: What is known about its repetition already.

    Raises:
        Rejected: where that cannot be found out within the limits.
    """
    repetition = proven or find_repetition(session, table, key)
    nulls = rows - repetition.present
    faults, samples = [], []
    if nulls:
        faults.append(f"{counted(nulls, 'row')} with a null in the key")
        samples = null_rows(session, table, key)
    if repetition.groups:
        faults.append(repetition.sentence("key"))
        samples = samples[: SAMPLES_MAX // 2] + repeated_rows(session, table, key)
    return Finding(
        rule="primary_key",
        fields=key,
        severity=Severity.ERROR,
        passed=not faults,
        checked=rows,
        failing=nulls + repetition.rows,
        message="; ".join(faults) or f"{', '.join(key)} identifies every row",
        hint=KEY_HINT if faults else None,
        samples=tuple(samples[:SAMPLES_MAX]),
    )


def unique(
    session: Session, table: Table, rule: UniqueRule, proven: Repetition | None = None
) -> Finding:
    """No two rows have the same values; rows with a null among them are left out.

    Args:
        proven: What is known about their repetition already.

    Raises:
        Rejected: where that cannot be found out within the limits.
    """
    repetition = proven or find_repetition(session, table, rule.fields)
    broken = repetition.groups > 0
    good = f"{counted(repetition.present, 'value')}, none of them twice"
    return Finding(
        rule=rule.label,
        fields=rule.fields,
        severity=rule.severity,
        passed=not broken,
        checked=repetition.present,
        failing=repetition.rows,
        message=repetition.sentence("value") if broken else good,
        hint=KEY_HINT if broken else None,
        samples=tuple(repeated_rows(session, table, rule.fields) if broken else ()),
    )


def monotonic(
    session: Session, table: Table, rule: MonotonicRule, identity: Sequence[str]
) -> Finding:
    """Values never turn back from row to row, within each group of `by`.

    Raises:
        Rejected: where that cannot be found out within the limits.
    """
    source = _with_predecessor(table, rule, identity)
    turned = _turns_back(table, rule)
    counts = session.row(
        f"SELECT count(*) AS checked, count(*) FILTER (WHERE {turned}) AS failing FROM {source}"
    )
    checked, failing = counts["checked"], counts["failing"]
    way, back = ("ris", "fall") if rule.order == "increasing" else ("fall", "ris")
    asked = f"always {way}ing" if rule.strict else f"never {back}ing"
    return Finding(
        rule=rule.label,
        fields=rule.concerned,
        severity=rule.severity,
        passed=not failing,
        checked=checked,
        failing=failing,
        message=f"{failing:,} of {counted(checked, 'value')} not {way}ing from the row before"
        if failing
        else f"{counted(checked, 'value')}, {asked}",
        hint="sort the rows, or look for values that were delivered twice or late"
        if failing
        else None,
        samples=tuple(_turned_samples(session, table, source, turned) if failing else ()),
    )


def _with_predecessor(table: Table, rule: MonotonicRule, identity: Sequence[str]) -> str:
    """Each value with the one before it; nulls are stepped over."""
    window = ""
    if rule.by:
        window = f"PARTITION BY {names(rule.by)} ORDER BY {names(('#file', '#row'))}"
    field = name(rule.field)
    shown = list(dict.fromkeys([*identity, *rule.by, rule.field]))
    return (
        f'(SELECT {names(shown)}, lag({field}) OVER ({window}) AS "#before" '
        f"FROM {table.rows_sql} WHERE {field} IS NOT NULL)"
    )


def _turns_back(table: Table, rule: MonotonicRule) -> str:
    field = name(rule.field)
    sign = "<" if rule.order == "increasing" else ">"
    turned = f'{field} {sign}{"=" if rule.strict else ""} "#before"'
    if pa.types.is_floating(table.type_of(rule.field)):
        return f"{turned} OR isnan({field})"
    return turned


def _turned_samples(
    session: Session, table: Table, source: str, turned: str
) -> list[dict[str, Any]]:
    rows = session.rows(f"SELECT * FROM {source} WHERE {turned} LIMIT {SAMPLES_MAX}")
    return [table.json_row(row) for row in rows]
