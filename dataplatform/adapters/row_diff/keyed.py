"""Rows by key: one full outer join a pass counts, tells the changed columns, and picks samples.

Here belongs the statement and what is read off it. Keys have to tell rows apart (see `identity`);
where passes are cut stands in `passes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.text import name
from dataplatform.adapters.row_diff.passes import Pass
from dataplatform.adapters.row_diff.samples import (
    FOUND,
    as_struct,
    fair_shares,
    first_rows,
    rows_in,
)
from dataplatform.adapters.row_diff.sides import Column, SideName, Sides
from dataplatform.releases.differ import DiffOptions, RowDiff

KINDS: Final = ("changed", "added", "removed")
"""In the order in which samples are shown."""
_KIND: Final = (
    "CASE WHEN old.k0 IS NULL THEN 'added' WHEN new.k0 IS NULL THEN 'removed' "
    "WHEN {changed} THEN 'changed' ELSE 'within' END"
)


@dataclass
class _Tally:
    """What the passes so far have found."""

    counts: Counter[str] = field(default_factory=Counter)
    columns: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {kind: [] for kind in KINDS}
    )


def keyed_diff(
    session: Session, sides: Sides, passes: Sequence[Pass], options: DiffOptions
) -> RowDiff:
    """Compare by key, pass after pass; passes come in the order of the first key's values."""
    tally = _Tally()
    for at, one in enumerate(passes):
        session.execute(_statement(sides, one, options.samples))
        _add(session, sides, tally, options.samples)
        session.execute(f"DROP TABLE {FOUND}")
        options.progress((at + 1) / len(passes))
    counts = [tally.counts[kind] for kind in KINDS]
    shares = dict(zip(KINDS, fair_shares(counts, options.samples), strict=True))
    return RowDiff(
        added=tally.counts["added"],
        removed=tally.counts["removed"],
        changed=tally.counts["changed"],
        samples=tuple(row for kind in KINDS for row in tally.samples[kind][: shares[kind]]),
        columns=_named(sides, tally.columns),
        within_tolerance=tally.counts["within"],
        columns_within_tolerance=_named(sides, tally.within),
        columns_not_compared=sides.not_compared,
    )


def _named(sides: Sides, found: Mapping[str, int]) -> dict[str, int]:
    return {c.new: found[c.new] for c in sides.columns if found[c.new]}


def _statement(sides: Sides, one: Pass, samples: int) -> str:
    """Count one pass: the join yields only rows that differ, so what follows costs little."""
    columns = range(len(sides.columns))
    found = [f"count(*) FILTER (kind = '{kind}') AS {kind}" for kind in (*KINDS, "within")]
    for at in columns:
        found.append(f"count(*) FILTER (changed{at}) AS changed{at}")
        found.append(f"count(*) FILTER (within{at}) AS within{at}")
    if samples:
        for kind in KINDS:
            rows = first_rows("shown", "position", samples, f"kind = '{kind}'")
            found.append(f"{rows} AS {kind}_rows")
    return f"CREATE TEMP TABLE {FOUND} AS SELECT {', '.join(found)} FROM ({_differing(sides, one)})"


def _differing(sides: Sides, one: Pass) -> str:
    """The rows that differ: their kind, key, cells, and which columns do."""
    different = [f"(old.c{at} IS DISTINCT FROM new.c{at})" for at in range(len(sides.columns))]
    tolerated = [_tolerated(sides, at, column) for at, column in enumerate(sides.columns)]
    both = "old.k0 IS NOT NULL AND new.k0 IS NOT NULL"
    changed = [
        f"({both} AND {unlike} AND NOT {near})"
        for unlike, near in zip(different, tolerated, strict=True)
    ]
    flags = [
        f"{changed[at]} AS changed{at}, ({both} AND {different[at]} AND {tolerated[at]}) "
        f"AS within{at}"
        for at in range(len(different))
    ]
    kind = _KIND.format(changed=" OR ".join(changed) or "FALSE")
    keys = range(len(sides.keys))
    position = as_struct({f"k{at}": f"coalesce(new.k{at}, old.k{at})" for at in keys})
    selected = [
        f"{kind} AS kind",
        f"{position} AS position",
        f"{_shown(sides, changed)} AS shown",
        *flags,
    ]
    joined = " AND ".join(f"old.k{at} = new.k{at}" for at in keys)
    unlike = " OR ".join(["old.k0 IS NULL", "new.k0 IS NULL", *different])
    return (
        f"SELECT {', '.join(selected)} FROM ({_rows(sides, 'old', one)}) AS old "
        f"FULL JOIN ({_rows(sides, 'new', one)}) AS new ON {joined} WHERE {unlike}"
    )


def _tolerated(sides: Sides, at: int, column: Column) -> str:
    condition = sides.within(column, f"old.{_raw('c', at, column)}", f"new.{_raw('c', at, column)}")
    return f"coalesce({condition}, FALSE)" if condition else "FALSE"


def _rows(sides: Sides, side: SideName, one: Pass) -> str:
    """One side's keys and columns: in the common form, and as they are where that is another."""
    cells = []
    for letter, columns in (("k", sides.keys), ("c", sides.columns)):
        for at, column in enumerate(columns):
            cells.append(f"{column.form_on(side)} AS {letter}{at}")
            if not column.is_plain:
                cells.append(f"{name(column.name_on(side))} AS {_raw(letter, at, column)}")
    return f"SELECT {', '.join(cells)} FROM {sides.table(side).rows_sql} WHERE {one.where(side)}"


def _raw(letter: str, at: int, column: Column) -> str:
    return f"{letter}{at}" if column.is_plain else f"{letter}{at}_raw"


def _shown(sides: Sides, changed: Sequence[str]) -> str:
    """What a sample may show, as a struct: keys and cells of both sides, and which changed."""
    cells = {}
    for letter, columns in (("k", sides.keys), ("c", sides.columns)):
        for at, column in enumerate(columns):
            for side in ("old", "new"):
                cells[f"{side}_{letter}{at}"] = f"{side}.{_raw(letter, at, column)}"
    flags = {f"changed{at}": condition for at, condition in enumerate(changed)}
    return as_struct(cells | flags)


def _add(session: Session, sides: Sides, tally: _Tally, samples: int) -> None:
    columns = range(len(sides.columns))
    wanted = [
        *KINDS,
        "within",
        *(f"{what}{at}" for at in columns for what in ("changed", "within")),
    ]
    found = session.row(f"SELECT {', '.join(wanted)} FROM {FOUND}")
    tally.counts.update({kind: found[kind] for kind in (*KINDS, "within")})
    tally.columns.update({c.new: found[f"changed{at}"] for at, c in enumerate(sides.columns)})
    tally.within.update({c.new: found[f"within{at}"] for at, c in enumerate(sides.columns)})
    for kind in KINDS:
        if found[kind] and samples:
            rows = rows_in(session, f"{kind}_rows")
            tally.samples[kind] += [_sample(sides, kind, row) for row in rows]


def _sample(sides: Sides, kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    side: SideName = "old" if kind == "removed" else "new"
    key = {c.new: sides.cell(side, c, row[f"{side}_k{at}"]) for at, c in enumerate(sides.keys)}
    if kind != "changed":
        return {"change": kind, "key": key}
    return {"change": kind, "key": key, "values": dict(_values(sides, row))}


def _values(sides: Sides, row: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for at, column in enumerate(sides.columns):
        if row[f"changed{at}"]:
            yield (
                column.new,
                {
                    "old": sides.cell("old", column, row[f"old_c{at}"]),
                    "new": sides.cell("new", column, row[f"new_c{at}"]),
                },
            )
