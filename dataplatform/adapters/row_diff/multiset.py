"""Rows without a key, as a multiset: what one side has more of was added, or removed.

Here belongs counting equal rows with their multiplicities. Nothing can be told as changed here, so
tolerances do not apply either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.text import name
from dataplatform.adapters.row_diff.passes import Pass
from dataplatform.adapters.row_diff.samples import FOUND, as_struct, first_rows, rows_in
from dataplatform.adapters.row_diff.sides import SideName, Sides
from dataplatform.releases.differ import DiffOptions, RowDiff


def multiset_diff(
    session: Session, sides: Sides, passes: Sequence[Pass], options: DiffOptions
) -> RowDiff:
    """Compare whole rows, pass after pass."""
    added = removed = 0
    samples: list[dict[str, Any]] = []
    for at, one in enumerate(passes):
        session.execute(_statement(sides, one, options.samples))
        found = session.row(f"SELECT added, removed FROM {FOUND}")
        added, removed = added + found["added"], removed + found["removed"]
        if options.samples and any(found.values()):
            samples += [_sample(sides, row) for row in rows_in(session, "rows")]
        session.execute(f"DROP TABLE {FOUND}")
        options.progress((at + 1) / len(passes))
    return RowDiff(
        added,
        removed,
        0,
        tuple(samples[: options.samples]),
        keyed=False,
        columns_not_compared=sides.not_compared,
    )


def _statement(sides: Sides, one: Pass, samples: int) -> str:
    cells = [f"c{at}" for at in range(len(sides.columns))]
    shown = {"more": "more"}
    grouped = ["sum(step)::BIGINT AS more", *cells]
    for at, column in enumerate(sides.columns):
        if column.is_plain:
            shown[f"new_c{at}"] = f"c{at}"
        else:
            shown |= {f"{side}_c{at}": f"{side}_c{at}" for side in ("old", "new")}
            grouped += [f"any_value({side}_c{at}) AS {side}_c{at}" for side in ("old", "new")]
    both = " UNION ALL ".join(_signed_rows(sides, side, one) for side in ("new", "old"))
    found = [
        "coalesce(sum(greatest(more, 0)), 0)::BIGINT AS added",
        "coalesce(sum(greatest(-more, 0)), 0)::BIGINT AS removed",
    ]
    if samples:
        position = as_struct({cell: cell for cell in cells})
        found.append(f"{first_rows(as_struct(shown), position, samples, 'TRUE')} AS rows")
    return (
        f"CREATE TEMP TABLE {FOUND} AS SELECT {', '.join(found)} FROM ("
        f"SELECT {', '.join(grouped)} FROM ({both}) GROUP BY {', '.join(cells)} "
        "HAVING sum(step) <> 0)"
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
        value = row[f"new_c{at}"] if column.is_plain else row[f"{side}_c{at}"]
        yield column.new, sides.cell(side, column, value)
