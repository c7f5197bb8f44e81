"""What units measure, by pint's registry; it loads when the first unit is asked about."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from dataplatform.adapters.units.pint import unreadable


class PintMeasures:
    """Implements the port `Measures`."""

    def dimension(self, text: str) -> dict[str, float]:
        """The dimension of a unit, or of a dimension by name; see the port."""
        from pint.util import to_units_container

        registry = _registry()
        with _refused(text, "is no unit"):
            if "[" in text:
                named = registry.get_dimensionality(to_units_container(text))
            else:
                named = registry.parse_units(text).dimensionality
            powers = {str(base): float(power) for base, power in named.items()}
            if not all(map(math.isfinite, powers.values())):
                raise ValueError("a power of it is not finite")
            return powers

    def factor(self, unit: str, into: str) -> float:
        """By how much a figure is multiplied; see the port."""
        registry = _registry()
        with _refused(f"{unit} in {into}", "cannot be told"):
            nothing = float(registry.Quantity(0.0, unit).to(into).magnitude)
            if nothing:
                raise ValueError("an offset lies between them")
            return float(registry.Quantity(1.0, unit).to(into).magnitude)


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    return pint.UnitRegistry()


@contextmanager
def _refused(text: str, why: str) -> Iterator[None]:
    try:
        yield
    except unreadable() as error:
        raise ValueError(f"{text!r} {why}: {error}") from error
