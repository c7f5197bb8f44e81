"""Rows by key: one full outer join a pass counts, tells the changed columns, and picks samples.

Here belongs the statement and what is read off it. Keys have to tell rows apart (see `identity`);
where passes are cut stands in `passes`, and showing what was picked in `keyed_samples`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.row_diff.joining import is_changed, is_different, rows_of_side
from dataplatform.adapters.row_diff.keyed_samples import (
    KINDS,
    keyed_samples,
    pick,
    picking,
    start_picking,
)
from dataplatform.adapters.row_diff.passes import Pass
from dataplatform.adapters.row_diff.samples import FOUND, as_struct
from dataplatform.adapters.row_diff.sides import Sides
from dataplatform.releases.differ import DiffOptions, RowDiff

_KIND: Final = (
    "CASE WHEN old.k0 IS NULL THEN 'added' WHEN new.k0 IS NULL THEN 'removed' "
    "WHEN {changed} THEN 'changed' ELSE 'within' END"
)


def keyed_diff(
    session: Session, sides: Sides, passes: Sequence[Pass], options: DiffOptions
) -> RowDiff:
    """Compare by key, pass after pass."""
    tally: Counter[str] = Counter()
    counts = _counts(sides)
    for at, one in enumerate(passes):
        found = {**counts, **picking(options.samples)}
        listed = ", ".join(f"{sql} AS {label}" for label, sql in found.items())
        session.execute(
            f"CREATE TEMP TABLE {FOUND} AS SELECT {listed} FROM ({_differing(sides, one)})"
        )
        tally.update(session.row(f"SELECT {', '.join(counts)} FROM {FOUND}"))
        if options.samples:
            (pick if at else start_picking)(session)
        session.execute(f"DROP TABLE {FOUND}")
        options.progress((at + 1) / len(passes))
    return RowDiff(
        added=tally["added"],
        removed=tally["removed"],
        changed=tally["changed"],
        samples=tuple(keyed_samples(session, sides, tally, options.samples)),
        columns=_by_column(sides, tally, "changed"),
        within_tolerance=tally["within"],
        columns_within_tolerance=_by_column(sides, tally, "within"),
        columns_not_compared=sides.not_compared,
    )


def _by_column(sides: Sides, tally: Mapping[str, int], what: str) -> dict[str, int]:
    found = {c.new: tally[f"{what}{at}"] for at, c in enumerate(sides.columns)}
    return {column: count for column, count in found.items() if count}


def _counts(sides: Sides) -> dict[str, str]:
    """What is counted of the rows that differ: their kinds, and by column."""
    counts = {kind: f"count(*) FILTER (kind = '{kind}')" for kind in (*KINDS, "within")}
    for at in range(len(sides.columns)):
        for what in ("changed", "within"):
            counts[f"{what}{at}"] = f"count(*) FILTER ({what}{at})"
    return counts


def _differing(sides: Sides, one: Pass) -> str:
    """The rows of a pass that differ: kind, key, and which columns do.

    The join yields no others, so what is counted afterwards costs little.
    """
    columns, both = range(len(sides.columns)), "old.k0 IS NOT NULL AND new.k0 IS NOT NULL"
    different = [is_different(at) for at in columns]
    changed = [is_changed(sides, at) for at in columns]
    flags = [f"{both} AND {changed[at]} AS changed{at}" for at in columns]
    flags += [f"{both} AND {different[at]} AND NOT {changed[at]} AS within{at}" for at in columns]
    kind = _KIND.format(changed=" OR ".join(changed) or "FALSE")
    keys = range(len(sides.keys))
    position = as_struct({f"k{at}": f"coalesce(new.k{at}, old.k{at})" for at in keys})
    joined = " AND ".join(f"old.k{at} = new.k{at}" for at in keys)
    unlike = " OR ".join(["old.k0 IS NULL", "new.k0 IS NULL", *different])
    return (
        f"SELECT {', '.join([f'{kind} AS kind', f'{position} AS position', *flags])} "
        f"FROM ({rows_of_side(sides, 'old', one)}) AS old "
        f"FULL JOIN ({rows_of_side(sides, 'new', one)}) AS new ON {joined} WHERE {unlike}"
    )
