"""The rows of both sides as a join by key sees them, and when a column of it changed.

Here belong the columns' names in statements: `k0, k1 …` are keys and `c0, c1 …` the columns beside
them, in the form that both sides share; `…_raw` is the same as it stands in the file, where that
is another.
"""

from __future__ import annotations

from dataplatform.adapters.duckdb.text import name
from dataplatform.adapters.row_diff.passes import Pass
from dataplatform.adapters.row_diff.sides import Column, SideName, Sides


def rows_of_side(sides: Sides, side: SideName, one: Pass) -> str:
    """One side's keys and columns, of the rows in a pass."""
    cells = []
    for letter, columns in (("k", sides.keys), ("c", sides.columns)):
        for at, column in enumerate(columns):
            cells.append(f"{column.form_on(side)} AS {letter}{at}")
            if not column.is_plain:
                cells.append(f"{name(column.name_on(side))} AS {shown_as(letter, at, column)}")
    return f"SELECT {', '.join(cells)} FROM {sides.table(side).rows_sql} WHERE {one.where(side)}"


def shown_as(letter: str, at: int, column: Column) -> str:
    """What a cell is called as it stands in the file."""
    return f"{letter}{at}" if column.is_plain else f"{letter}{at}_raw"


def is_different(at: int) -> str:
    """The condition that a column's values are not the same."""
    return f"(old.c{at} IS DISTINCT FROM new.c{at})"


def is_changed(sides: Sides, at: int) -> str:
    """The condition that they differ by more than the column's tolerance."""
    shown = shown_as("c", at, sides.columns[at])
    tolerated = sides.within(sides.columns[at], f"old.{shown}", f"new.{shown}")
    if tolerated is None:
        return is_different(at)
    return f"({is_different(at)} AND NOT coalesce({tolerated}, FALSE))"
