"""The row diff on DuckDB: a full outer join on the key, or a multiset without one.

Here belong the counts and samples. Which columns take part, and how exactly, stands in `sides`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from dataplatform.adapters.duckdb.repetition import find_repetition, null_rows, repeated_rows
from dataplatform.adapters.duckdb.session import Limits, Session, locked_session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name, names
from dataplatform.adapters.row_diff.sides import Sides, open_sides
from dataplatform.contracts.report import SAMPLES_MAX
from dataplatform.releases.differ import RowDiff
from opendata.wire.errors import Rejected
from opendata.wire.words import counted

AMBIGUOUS: Final = "ambiguous_keys"


class DuckDBRowDiffer:
    """Compares rows within `limits`; implements `RowDiffer`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def diff(
        self,
        old_files: Sequence[str],
        new_files: Sequence[str],
        *,
        keys: Sequence[str],
        columns: Sequence[str],
    ) -> RowDiff:
        """How the new rows differ from the old ones; see the port."""
        if not old_files or not new_files:
            return self._one_sided(old_files, new_files, keys, columns)
        sides = open_sides(old_files, new_files, keys, columns)
        files = [*sides.old.files, *sides.new.files]
        with ExitStack() as stack:
            session = stack.enter_context(locked_session(files, self._limits))
            for side, table in (("old", sides.old), ("new", sides.new)):
                stack.enter_context(table.opened(session))
                session.execute(f"CREATE VIEW {side} AS SELECT * FROM {table.rows_sql}")
            if not keys:
                return _multiset_diff(session, sides)
            _require_keys(session, sides)
            return _keyed_diff(session, sides)

    def _one_sided(
        self,
        old_files: Sequence[str],
        new_files: Sequence[str],
        keys: Sequence[str],
        columns: Sequence[str],
    ) -> RowDiff:
        """Everything was added, or everything removed."""
        if not old_files and not new_files:
            return RowDiff(0, 0, 0, keyed=bool(keys))
        change, files = ("added", new_files) if new_files else ("removed", old_files)
        sides = open_sides(files, files, keys, columns)
        table = sides.new
        with locked_session(table.files, self._limits) as session, table.opened(session):
            if keys:
                _require_unambiguous(session, change, table, keys)
            count = session.row(f"SELECT count(*) AS n FROM {table.rows_sql}")["n"]
            shown = keys or sides.columns
            sql = f"SELECT {names(shown)} FROM {table.rows_sql} ORDER BY {names(shown)}"
            rows = session.rows(f"{sql} LIMIT {SAMPLES_MAX}")
        label = "key" if keys else "row"
        samples = tuple({"change": change, label: table.json_row(row)} for row in rows)
        added, removed = (count, 0) if new_files else (0, count)
        return RowDiff(added, removed, 0, samples, keyed=bool(keys))


def _require_keys(session: Session, sides: Sides) -> None:
    for side, table in (("old", sides.old), ("new", sides.new)):
        _require_unambiguous(session, side, table, sides.keys)


def _require_unambiguous(session: Session, side: str, table: Table, keys: Sequence[str]) -> None:
    """Refuse null and repeated keys: which row would be the changed one cannot be said.

    Raises:
        Rejected: counting and naming them.
    """
    total = session.row(f"SELECT count(*) AS n FROM {table.rows_sql}")["n"]
    repetition = find_repetition(session, table, keys)
    nulls = total - repetition.present
    if not nulls and not repetition.groups:
        return
    faults = [f"{counted(nulls, 'row')} with a null key"] if nulls else []
    faults += [repetition.sentence("key")] if repetition.groups else []
    raise Rejected(
        f"the {side} rows cannot be told apart by {', '.join(keys)}: {'; '.join(faults)}",
        code=AMBIGUOUS,
        hint="name the fields that identify a row, or remove the rows that repeat a key",
        details={
            "side": side,
            "keys": list(keys),
            "null_keys": nulls,
            "repeated_keys": repetition.groups,
            "rows_with_repeated_keys": repetition.rows,
            "null_samples": null_rows(session, table, keys) if nulls else [],
            "repeated_samples": repeated_rows(session, table, keys) if repetition.groups else [],
        },
    )


def _keyed_diff(session: Session, sides: Sides) -> RowDiff:
    on = " AND ".join(sides.equal(key) for key in sides.keys)
    first = name(sides.keys[0])
    changed = _changed(sides)
    counts = session.row(
        f"SELECT count(*) FILTER (WHERE old.{first} IS NULL) AS added, "
        f"count(*) FILTER (WHERE new.{first} IS NULL) AS removed, "
        f"count(*) FILTER (WHERE old.{first} IS NOT NULL AND new.{first} IS NOT NULL "
        f"AND ({changed})) AS changed FROM old FULL JOIN new ON {on}"
    )
    samples = tuple(_keyed_samples(session, sides, on, changed, counts))
    return RowDiff(counts["added"], counts["removed"], counts["changed"], samples)


def _changed(sides: Sides) -> str:
    return " OR ".join(f"NOT ({sides.same(column)})" for column in sides.columns) or "FALSE"


def _keyed_samples(
    session: Session, sides: Sides, on: str, changed: str, counts: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """The first rows of each kind by key; what one kind does not use, the others may."""
    shares = _shares([counts["changed"], counts["added"], counts["removed"]])
    if shares[0]:
        yield from _changed_samples(session, sides, on, changed, shares[0])
    for change, share, here, there in (
        ("added", shares[1], "new", "old"),
        ("removed", shares[2], "old", "new"),
    ):
        if not share:
            continue
        table = sides.new if here == "new" else sides.old
        shown = ", ".join(f"{here}.{name(key)}" for key in sides.keys)
        rows = session.rows(
            f"SELECT {shown} FROM {here} ANTI JOIN {there} ON {on} ORDER BY {shown} LIMIT {share}"
        )
        yield from ({"change": change, "key": table.json_row(row)} for row in rows)


def _changed_samples(
    session: Session, sides: Sides, on: str, changed: str, share: int
) -> Iterator[dict[str, Any]]:
    keys = [f"new.{name(key)} AS {name(f'key {at}')}" for at, key in enumerate(sides.keys)]
    cells = [
        f"old.{name(c)} AS {name(f'old {at}')}, new.{name(c)} AS {name(f'new {at}')}, "
        f"{sides.same(c)} AS {name(f'same {at}')}"
        for at, c in enumerate(sides.columns)
    ]
    order = ", ".join(f"new.{name(key)}" for key in sides.keys)
    rows = session.rows(
        f"SELECT {', '.join([*keys, *cells])} FROM old JOIN new ON {on} "
        f"WHERE {changed} ORDER BY {order} LIMIT {share}"
    )
    for row in rows:
        key = {k: sides.new.json_cell(k, row[f"key {at}"]) for at, k in enumerate(sides.keys)}
        values = {
            column: {
                "old": sides.old.json_cell(column, row[f"old {at}"]),
                "new": sides.new.json_cell(column, row[f"new {at}"]),
            }
            for at, column in enumerate(sides.columns)
            if not row[f"same {at}"]
        }
        yield {"change": "changed", "key": key, "values": values}


def _shares(counts: Sequence[int]) -> list[int]:
    """How many samples each kind gets: as equal as possible, none unused."""
    shares = [0 for _ in counts]
    left = min(SAMPLES_MAX, sum(counts))
    while left:
        for at, count in enumerate(counts):
            if left and shares[at] < count:
                shares[at] += 1
                left -= 1
    return shares


def _multiset_diff(session: Session, sides: Sides) -> RowDiff:
    """Rows with their multiplicities: what one side has more of was added or removed."""
    cells = ", ".join(f"c{at}" for at, _ in enumerate(sides.columns))
    both = " UNION ALL ".join(_signed_rows(sides, side) for side in ("new", "old"))
    grouped = (
        f"SELECT {cells}, sum(step)::BIGINT AS more FROM ({both}) "
        f"GROUP BY {cells} HAVING sum(step) <> 0"
    )
    counts = session.row(
        "SELECT coalesce(sum(greatest(more, 0)), 0)::BIGINT AS added, "
        f"coalesce(sum(greatest(-more, 0)), 0)::BIGINT AS removed FROM ({grouped})"
    )
    samples: list[dict[str, Any]] = []
    if counts["added"] or counts["removed"]:
        for row in session.rows(f"{grouped} ORDER BY {cells} LIMIT {SAMPLES_MAX}"):
            shown = {c: sides.new.json_cell(c, row[f"c{at}"]) for at, c in enumerate(sides.columns)}
            change = "added" if row["more"] > 0 else "removed"
            samples.append({"change": change, "row": shown, "count": abs(row["more"])})
    return RowDiff(counts["added"], counts["removed"], 0, tuple(samples), keyed=False)


def _signed_rows(sides: Sides, side: str) -> str:
    cells = ", ".join(
        f"{sides.as_compared(side, c)} AS c{at}" for at, c in enumerate(sides.columns)
    )
    return f"SELECT {cells}, {1 if side == 'new' else -1} AS step FROM {side}"
