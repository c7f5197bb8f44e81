"""Sample rows of a diff: which are shown, and how the engine picks them along with the counts.

Here belongs what counting by key and as a multiset share: the first few rows of a kind, found in
the same statement that counts, so that nothing is joined twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dataplatform.adapters.duckdb.session import Session

FOUND: Final = "found"
"""The table of one row in which a pass leaves its counts and samples."""


def first_rows(row: str, order: str, count: int, condition: str) -> str:
    """An aggregate: the first rows in an order among those that meet a condition, as a list."""
    return f"arg_min({row}, {order}, {count}) FILTER ({condition})"


def as_struct(cells: dict[str, str]) -> str:
    """A struct of cells by name; names are ours and need no quotes."""
    return f"struct_pack({', '.join(f'{label} := {sql}' for label, sql in cells.items())})"


def rows_in(session: Session, listed: str) -> list[dict[str, Any]]:
    """The rows of such a list, each cell with its own type."""
    rows = f"SELECT unnest({listed}) AS one FROM {FOUND}"
    return session.rows(f"SELECT unnest(one) FROM ({rows})")


def fair_shares(counts: Sequence[int], most: int) -> list[int]:
    """How many samples each kind gets: as equal as possible, none unused."""
    shares = [0 for _ in counts]
    left = min(most, sum(counts))
    while left:
        for at, count in enumerate(counts):
            if left and shares[at] < count:
                shares[at] += 1
                left -= 1
    return shares
