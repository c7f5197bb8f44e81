"""What passes of their own find out: repetition of fields, and order from row to row.

Here belongs counting each once, however many rules ask for it. A pass also tells how many
different values a field has, which spares the one pass an estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pyarrow as pa

from dataplatform.adapters.contract_engine.obstacles import field_obstacle, obstacle
from dataplatform.adapters.duckdb.repetition import Repetition, find_repetition
from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name, names
from dataplatform.contracts.model import Contract, MonotonicRule, UniqueRule
from opendata.wire.errors import OpenDataError

T = TypeVar("T")
Fields = tuple[str, ...]


@dataclass(frozen=True)
class Turns:
    """How many values were compared with the one before and turned back; `distinct` values if it
    is known."""

    checked: int
    failing: int
    distinct: int | None


class Orders:
    """Counts on demand, and remembers what it counted or why it could not."""

    def __init__(self, session: Session, table: Table) -> None:
        self._session = session
        self._table = table
        self._repetitions: dict[Fields, Repetition | OpenDataError] = {}
        self._turns: dict[MonotonicRule, Turns | OpenDataError] = {}

    def repetition(self, fields: Fields) -> Repetition:
        """Which values of some fields repeat.

        Raises:
            Rejected: where that cannot be found out within the limits.
        """
        if fields not in self._repetitions:
            self._repetitions[fields] = _outcome(
                lambda: find_repetition(self._session, self._table, fields)
            )
        return _value(self._repetitions[fields])

    def prove(self, fields: Fields, rows: int) -> None:
        """Take it that no two of all `rows` have these fields in common."""
        self._repetitions[fields] = Repetition(rows, 0, 0)

    def turns(self, rule: MonotonicRule) -> Turns:
        """How often values turn back.

        Raises:
            Rejected: where that cannot be found out within the limits.
        """
        if rule not in self._turns:
            self._turns[rule] = _outcome(lambda: _count_turns(self._session, self._table, rule))
        return _value(self._turns[rule])

    def distinct(self, contract: Contract) -> dict[str, int]:
        """Different values of single fields, as far as passes tell that rules take anyway."""
        found: dict[str, int] = {}
        for fields in _single_fields(self._table, contract):
            repetition = _outcome(partial(self.repetition, fields))
            if isinstance(repetition, Repetition):
                # Each value that repeats is one value and all of its rows.
                found[fields[0]] = repetition.present - repetition.rows + repetition.groups
        for rule in contract.rules:
            if not isinstance(rule, MonotonicRule) or obstacle(rule, self._table, contract):
                continue
            turns = _outcome(partial(self.turns, rule))
            if isinstance(turns, Turns) and turns.distinct is not None:
                found.setdefault(rule.field, turns.distinct)
        return found


def turned_rows(table: Table, rule: MonotonicRule, shown: Sequence[str]) -> tuple[str, str]:
    """Each value with the one before it as SQL, nulls stepped over; and the condition of turning
    back."""
    return _with_predecessor(table, rule, shown), _turns_back(table, rule)


def _single_fields(table: Table, contract: Contract) -> list[Fields]:
    fields = [contract.primary_key] if contract.primary_key else []
    fields += [rule.fields for rule in contract.rules if isinstance(rule, UniqueRule)]
    return [
        one
        for one in dict.fromkeys(fields)
        if len(one) == 1 and not field_obstacle(one, table, contract)
    ]


def _count_turns(session: Session, table: Table, rule: MonotonicRule) -> Turns:
    source, turned = turned_rows(table, rule, ())
    found = session.row(
        f"SELECT count(*) AS checked, count(*) FILTER (WHERE {turned}) AS failing, "
        f'count(*) FILTER (WHERE {name(rule.field)} <> "#before") AS changes FROM {source}'
    )
    checked, failing = found["checked"], found["failing"]
    is_sorted = not failing and not rule.by
    return Turns(checked, failing, found["changes"] + min(checked, 1) if is_sorted else None)


def _with_predecessor(table: Table, rule: MonotonicRule, shown: Sequence[str]) -> str:
    window = ""
    if rule.by:
        window = f"PARTITION BY {names(rule.by)} ORDER BY {names(('#file', '#row'))}"
    field = name(rule.field)
    selected = list(dict.fromkeys([*shown, *rule.by, rule.field]))
    return (
        f'(SELECT {names(selected)}, lag({field}) OVER ({window}) AS "#before" '
        f"FROM {table.rows_sql} WHERE {field} IS NOT NULL)"
    )


def _turns_back(table: Table, rule: MonotonicRule) -> str:
    field = name(rule.field)
    sign = "<" if rule.order == "increasing" else ">"
    turned = f'{field} {sign}{"=" if rule.strict else ""} "#before"'
    if pa.types.is_floating(table.type_of(rule.field)):
        return f"{turned} OR isnan({field})"
    return turned


def _outcome(count: Callable[[], T]) -> T | OpenDataError:
    try:
        return count()
    except OpenDataError as error:
        return error


def _value(outcome: T | OpenDataError) -> T:
    if isinstance(outcome, OpenDataError):
        raise outcome
    return outcome
