"""The port of measures: what a unit measures, and how two of them convert.

Here belongs the interface. Comparing dimensions belongs to `dimensions`; the library of units is an
adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Dimension = Mapping[str, float]
"""Exponents by base, such as `{"[length]": 1, "[time]": -1}`; empty where there is no dimension."""


class Measures(Protocol):
    """What is known of units and their dimensions."""

    def dimension(self, text: str) -> Dimension:
        """The dimension of a unit (`m/s`), or of a dimension by name (`[length] / [time]`).

        Raises:
            ValueError: saying what is wrong with the text.
        """
        ...

    def factor(self, unit: str, into: str) -> float:
        """By how much a figure in `unit` is multiplied to be one in `into`.

        Raises:
            ValueError: where they measure different things, or an offset lies between them.
        """
        ...
