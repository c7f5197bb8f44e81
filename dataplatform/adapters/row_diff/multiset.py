"""Rows without a key, as a multiset: what one side has more of was added, or removed.

Here belongs counting equal rows with their multiplicities. Nothing can be told as changed here, so
tolerances do not apply either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.text import name
from dataplatform.adapters.row_diff.passes import Pass
from dataplatform.adapters.row_diff.samples import FOUND
from dataplatform.adapters.row_diff.sides import SideName, Sides
from dataplatform.releases.differ import DiffOptions, RowDiff

_PICKED: Final = "picked"


def multiset_diff(
    session: Session, sides: Sides, passes: Sequence[Pass], options: DiffOptions
) -> RowDiff:
    """Compare whole rows, pass after pass."""
    counts: Counter[str] = Counter()
    first = f"ORDER BY {', '.join(_cell_names(sides))} LIMIT {options.samples}"
    for at, one in enumerate(passes):
        session.execute(f"CREATE TEMP TABLE {FOUND} AS {_surplus(sides, one)}")
        counts.update(
            session.row(
                "SELECT coalesce(sum(greatest(more, 0)), 0)::BIGINT AS added, "
                f"coalesce(sum(greatest(-more, 0)), 0)::BIGINT AS removed FROM {FOUND}"
            )
        )
        keep = f"INSERT INTO {_PICKED}" if at else f"CREATE TEMP TABLE {_PICKED} AS"
        session.execute(f"{keep} SELECT * FROM {FOUND} {first}")
        session.execute(f"DROP TABLE {FOUND}")
        options.progress((at + 1) / len(passes))
    # The first of all rows are among the first of each pass, however the passes were cut.
    samples = [_sample(sides, row) for row in session.rows(f"SELECT * FROM {_PICKED} {first}")]
    return RowDiff(
        counts["added"],
        counts["removed"],
        0,
        tuple(samples),
        keyed=False,
        columns_not_compared=sides.not_compared,
    )


def _cell_names(sides: Sides) -> list[str]:
    return [f"c{at}" for at in range(len(sides.columns))]


def _surplus(sides: Sides, one: Pass) -> str:
    """The rows of which one side has more, how many, and how they stand in the files."""
    cells = _cell_names(sides)
    shown = [
        f"any_value({side}_c{at}) AS {side}_c{at}"
        for at, column in enumerate(sides.columns)
        for side in ("old", "new")
        if not column.is_plain
    ]
    both = " UNION ALL ".join(_signed_rows(sides, side, one) for side in ("new", "old"))
    return (
        f"SELECT {', '.join(['sum(step)::BIGINT AS more', *cells, *shown])} FROM ({both}) "
        f"GROUP BY {', '.join(cells)} HAVING sum(step) <> 0"
    )


def _signed_rows(sides: Sides, side: SideName, one: Pass) -> str:
    """One side's rows in the common form, with what is shown where that is another."""
    cells = [f"{1 if side == 'new' else -1} AS step"]
    for at, column in enumerate(sides.columns):
        cells.append(f"{column.form_on(side)} AS c{at}")
        if not column.is_plain:
            for other in ("old", "new"):
                value = name(column.name_on(side)) if other == side else "NULL"
                cells.append(f"{value} AS {other}_c{at}")
    return f"SELECT {', '.join(cells)} FROM {sides.table(side).rows_sql} WHERE {one.where(side)}"


def _sample(sides: Sides, row: Mapping[str, Any]) -> dict[str, Any]:
    change = "added" if row["more"] > 0 else "removed"
    return {"change": change, "row": dict(_cells(sides, row)), "count": abs(row["more"])}


def _cells(sides: Sides, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    side: SideName = "new" if row["more"] > 0 else "old"
    for at, column in enumerate(sides.columns):
        value = row[f"c{at}"] if column.is_plain else row[f"{side}_c{at}"]
        yield column.new, sides.cell(side, column, value)
