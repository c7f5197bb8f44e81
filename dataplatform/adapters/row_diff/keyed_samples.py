"""Samples of a diff by key: which rows are picked while they are counted, and what they show.

Here belong the keys that passes leave behind, and fetching the cells of those rows. They are few,
and the engine looks them up by the row groups' statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.row_diff.joining import is_changed, rows_of_side, shown_as
from dataplatform.adapters.row_diff.passes import Pass
from dataplatform.adapters.row_diff.samples import FOUND, fair_shares
from dataplatform.adapters.row_diff.sides import SideName, Sides

KINDS: Final = ("changed", "added", "removed")
"""In the order in which they are shown."""
_PICKED: Final = "picked"
_ALL_ROWS: Final = Pass()


def picking(samples: int) -> dict[str, str]:
    """Aggregates that keep the first keys of each kind; none where no samples are wanted."""
    if not samples:
        return {}
    return {f"{k}_keys": f"min(position, {samples}) FILTER (kind = '{k}')" for k in KINDS}


def start_picking(session: Session) -> None:
    """Keep the first pass's keys."""
    session.execute(f"CREATE TEMP TABLE {_PICKED} AS {_picked()}")


def pick(session: Session) -> None:
    """Keep a further pass's keys as well."""
    session.execute(f"INSERT INTO {_PICKED} {_picked()}")


def _picked() -> str:
    return " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, unnest({kind}_keys) AS position FROM {FOUND}" for kind in KINDS
    )


def keyed_samples(
    session: Session, sides: Sides, counts: Mapping[str, int], most: int
) -> Iterator[dict[str, Any]]:
    """The first rows of each kind by key; what one kind does not use, the others may."""
    shares = fair_shares([counts[kind] for kind in KINDS], most)
    for kind, share in zip(KINDS, shares, strict=True):
        if share:
            yield from _samples(session, sides, kind, share)


def _samples(session: Session, sides: Sides, kind: str, share: int) -> Iterator[dict[str, Any]]:
    present: tuple[SideName, ...] = ("old", "new")
    if kind != "changed":
        present = ("new",) if kind == "added" else ("old",)
    cells = [
        f"{side}.{shown_as(letter, at, column)} AS {side}_{letter}{at}"
        for side in present
        for letter, columns in (("k", sides.keys), ("c", sides.columns))
        for at, column in enumerate(columns)
        if letter == "k" or kind == "changed"
    ]
    if kind == "changed":
        cells += [f"{is_changed(sides, at)} AS changed{at}" for at in range(len(sides.columns))]
    first = (
        f"(SELECT position FROM {_PICKED} WHERE kind = '{kind}' ORDER BY position LIMIT {share})"
    )
    joins = [
        f"JOIN ({rows_of_side(sides, side, _ALL_ROWS)}) AS {side} ON "
        + " AND ".join(f"{side}.k{at} = first.position.k{at}" for at in range(len(sides.keys)))
        for side in present
    ]
    rows = session.rows(
        f"SELECT {', '.join(cells)} FROM {first} AS first {' '.join(joins)} ORDER BY first.position"
    )
    for row in rows:
        side = present[-1]
        key = {c.new: sides.cell(side, c, row[f"{side}_k{at}"]) for at, c in enumerate(sides.keys)}
        values = {"values": dict(_values(sides, row))} if kind == "changed" else {}
        yield {"change": kind, "key": key, **values}


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
