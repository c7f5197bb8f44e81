"""Sample rows of a diff: which are shown, and how few of them cost little.

Here belongs what counting by key and as a multiset share. While rows are counted only the keys of
the first few are kept; the rest of such rows is fetched once, at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

FOUND: Final = "found"
"""The table of one row in which a pass leaves its counts and its first keys."""


def as_struct(cells: Mapping[str, str]) -> str:
    """A struct of cells by name; names are ours and need no quotes."""
    return f"struct_pack({', '.join(f'{label} := {sql}' for label, sql in cells.items())})"


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
