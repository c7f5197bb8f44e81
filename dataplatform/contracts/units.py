"""What a contract asks of units: whether two measure the same, and values in another one.

Here belongs the port. Which library knows units is the adapter's matter.
"""

from __future__ import annotations

from typing import Final, Protocol

import pyarrow as pa

from opendata.wire.errors import InvalidInput


class Units(Protocol):
    """A registry of units."""

    def same_dimension(self, old: str, new: str) -> bool:
        """Whether values of the one unit can be converted to the other; unknown ones cannot."""
        ...

    def has_dimension(self, unit: str, dimension: str) -> bool:
        """Whether a unit measures a dimension such as `[length] / [time]`."""
        ...

    def straight_line(self, old: str, new: str) -> tuple[str, str] | None:
        """Factor and offset with `new = old * factor + offset`, as exact text; None where no
        straight line leads from the one unit to the other (S4-80)."""
        ...

    def convert(self, values: pa.Array, old: str, new: str) -> pa.Array:
        """Values (float64, nulls stay null) in another unit.

        Raises:
            InvalidInput: if nothing converts between the two.
        """
        ...


class NoUnits:
    """A registry that knows no unit: only what is written alike is the same."""

    def same_dimension(self, old: str, new: str) -> bool:
        """Whether both are the same text."""
        return old == new

    def has_dimension(self, unit: str, dimension: str) -> bool:
        """Never, since no unit is known."""
        return False

    def straight_line(self, old: str, new: str) -> tuple[str, str] | None:
        """None, since nothing is known of any unit."""
        return None

    def convert(self, values: pa.Array, old: str, new: str) -> pa.Array:
        """Refuse."""
        raise InvalidInput(f"nothing here converts {old} to {new}", code="no_conversion")


NO_UNITS: Final = NoUnits()
