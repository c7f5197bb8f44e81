"""Rules over several rows: the primary key, uniqueness, and order from row to row.

Here belong the findings, with the rows that are to blame. Counting belongs to `orders`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dataplatform.adapters.contract_engine.orders import Turns, turned_rows
from dataplatform.adapters.duckdb.repetition import (
    Repetition,
    null_rows,
    repeated_rows,
)
from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.contracts.model import MonotonicRule, Severity, UniqueRule
from dataplatform.contracts.report import SAMPLES_MAX, Finding
from opendata.wire.words import counted

KEY_HINT: Final = "drop repeated rows, or name the fields that tell rows apart"


def primary_key(
    session: Session,
    table: Table,
    key: tuple[str, ...],
    rows: int,
    repetition: Repetition,
) -> Finding:
    """No key has a null part, and no two of the table's `rows` have the same key.

    Raises:
        Rejected: where the offending rows cannot be read within the limits.
    """
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


def unique(session: Session, table: Table, rule: UniqueRule, repetition: Repetition) -> Finding:
    """No two rows have the same values; rows with a null among them are left out.

    Raises:
        Rejected: where the offending rows cannot be read within the limits.
    """
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
    session: Session, table: Table, rule: MonotonicRule, identity: Sequence[str], turns: Turns
) -> Finding:
    """Values never turn back from row to row, within each group of `by`; `turns` counts them.

    Raises:
        Rejected: where the offending rows cannot be read within the limits.
    """
    checked, failing = turns.checked, turns.failing
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
        samples=tuple(_turned_samples(session, table, rule, identity) if failing else ()),
    )


def _turned_samples(
    session: Session, table: Table, rule: MonotonicRule, identity: Sequence[str]
) -> list[dict[str, Any]]:
    source, turned = turned_rows(table, rule, identity)
    rows = session.rows(f"SELECT * FROM {source} WHERE {turned} LIMIT {SAMPLES_MAX}")
    return [table.json_row(row) for row in rows]
