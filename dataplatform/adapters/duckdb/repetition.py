"""Which values of some fields stand in more than one row, exactly and in bounded memory.

Here belong counting and showing repeated and absent keys, for whoever needs rows to be told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name, names
from dataplatform.contracts.report import SAMPLES_MAX
from opendata.wire.words import counted


@dataclass(frozen=True)
class Repetition:
    """`present` rows have no null among the fields; `groups` values stand in `rows` of them."""

    present: int
    groups: int
    rows: int

    def sentence(self, noun: str) -> str:
        """How a report says it."""
        return f"{counted(self.groups, noun)} in more than one row ({self.rows:,} rows)"


def find_repetition(session: Session, table: Table, fields: Sequence[str]) -> Repetition:
    """Which values repeat, exactly.

    Raises:
        Rejected: where that cannot be found out within the limits.
    """
    present, distinct = _look_at_neighbours(session, table, fields)
    return Repetition(present, 0, 0) if distinct else count_repetition(session, table, fields)


def count_repetition(session: Session, table: Table, fields: Sequence[str]) -> Repetition:
    """The same for rows that are known to lie in no order.

    Raises:
        Rejected: where that cannot be found out within the limits.
    """
    groups = f"SELECT count(*) AS n FROM {table.rows_sql} WHERE {_present(fields)}"
    found = session.row(
        "SELECT coalesce(sum(n), 0)::BIGINT AS present, count(*) FILTER (n > 1) AS groups, "
        "coalesce(sum(n) FILTER (n > 1), 0)::BIGINT AS rows "
        f"FROM ({groups} GROUP BY {names(fields)})"
    )
    return Repetition(found["present"], found["groups"], found["rows"])


def key_order(
    session: Session, table: Table, fields: Sequence[str]
) -> Literal["strict", "with repeats", "none"]:
    """How rows without a null among the fields lie by them, in the files' order.

    Raises:
        Rejected: where that cannot be found out within the limits.
    """
    found = session.row(
        f"SELECT count(*) AS n, count(*) FILTER (WHERE {_rises(fields)}) AS rising, "
        f"count(*) FILTER (WHERE {_repeats(fields)}) AS equal FROM ({_with_before(table, fields)})"
    )
    if found["rising"] >= found["n"] - 1:
        return "strict"
    return "with repeats" if found["rising"] + found["equal"] >= found["n"] - 1 else "none"


def rises_strictly(session: Session, table: Table, fields: Sequence[str], rows: int) -> bool:
    """Whether all of the table's `rows` have these fields and lie in strictly rising order."""
    present, rising = _look_at_neighbours(session, table, fields)
    return rising and present == rows


def null_rows(session: Session, table: Table, fields: Sequence[str]) -> list[dict[str, Any]]:
    """Some rows with a null among the fields, by their place."""
    shown = names([*fields, *table.place])
    sql = f"SELECT {shown} FROM {table.rows_sql} WHERE NOT ({_present(fields)})"
    return [table.json_row(row) for row in session.rows(f"{sql} LIMIT {SAMPLES_MAX}")]


def repeated_rows(session: Session, table: Table, fields: Sequence[str]) -> list[dict[str, Any]]:
    """Some values that stand in more than one row, with the number of those (`#rows`)."""
    sql = _repeated(table, fields, f'{names(fields)}, count(*) AS "#rows"')
    rows = session.rows(f"{sql} ORDER BY {names(fields)} LIMIT {SAMPLES_MAX}")
    return [table.json_row(row) for row in rows]


def _repeated(table: Table, fields: Sequence[str], selected: str) -> str:
    return (
        f"SELECT {selected} FROM {table.rows_sql} WHERE {_present(fields)} "
        f"GROUP BY {names(fields)} HAVING count(*) > 1"
    )


def _look_at_neighbours(session: Session, table: Table, fields: Sequence[str]) -> tuple[int, bool]:
    """How many rows have no null, and whether they lie in strictly rising order.

    Releases are sorted, so this one look usually replaces a hash table of all keys; False says
    only that nothing is proven.
    """
    rows = _with_before(table, fields)
    found = session.row(
        f"SELECT count(*) AS n, count(*) FILTER (WHERE {_rises(fields)}) AS rising FROM ({rows})"
    )
    return found["n"], found["rising"] >= found["n"] - 1


def _with_before(table: Table, fields: Sequence[str]) -> str:
    """Each row's fields with those of the row before."""
    before = ", ".join(
        f"lag({name(field)}) OVER () AS {_before(at)}" for at, field in enumerate(fields)
    )
    return f"SELECT {names(fields)}, {before} FROM {table.rows_sql} WHERE {_present(fields)}"


def _repeats(fields: Sequence[str]) -> str:
    return " AND ".join(f"{name(field)} = {_before(at)}" for at, field in enumerate(fields))


def _rises(fields: Sequence[str]) -> str:
    """`(a, b) > (before 0, before 1)`, spelled out, since tuples are compared much slower."""
    conditions = []
    for at, field in enumerate(fields):
        equal = [f"{name(above)} = {_before(i)}" for i, above in enumerate(fields[:at])]
        conditions.append(" AND ".join([*equal, f"{name(field)} > {_before(at)}"]))
    return " OR ".join(f"({condition})" for condition in conditions)


def _before(at: int) -> str:
    return f'"#before {at}"'


def _present(fields: Sequence[str]) -> str:
    return " AND ".join(f"{name(field)} IS NOT NULL" for field in fields)
