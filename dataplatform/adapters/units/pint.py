"""Units by pint's registry, which loads when the first two units have to be compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    return pint.UnitRegistry()


def same_dimension(old: str, new: str) -> bool:
    """Whether values of the one unit can be converted to the other; unknown units cannot."""
    import pint

    try:
        return bool(_registry().parse_units(old).is_compatible_with(_registry().parse_units(new)))
    except (pint.errors.PintError, ValueError, TypeError, AttributeError, AssertionError):
        return False


class PintUnits:
    """The registry as the port `Units`; it loads when the first unit is asked about."""

    def dimension(self, text: str) -> dict[str, float]:
        """The dimension of a unit, or of a dimension by name; see the port."""
        registry = _registry()
        with _refused(text, "is no unit"):
            if "[" in text:
                named = registry.get_dimensionality(_dimensions(text))
            else:
                named = registry.parse_units(text).dimensionality
            return {str(base): float(power) for base, power in named.items()}

    def factor(self, unit: str, into: str) -> float:
        """By how much a figure is multiplied; see the port."""
        registry = _registry()
        with _refused(f"{unit} in {into}", "cannot be told"):
            nothing = float(registry.Quantity(0.0, unit).to(into).magnitude)
            if nothing:
                raise ValueError("an offset lies between them")
            return float(registry.Quantity(1.0, unit).to(into).magnitude)


def _dimensions(text: str) -> Any:
    from pint.util import to_units_container

    return to_units_container(text)


@contextmanager
def _refused(text: str, why: str) -> Iterator[None]:
    import pint

    try:
        yield
    except (pint.errors.PintError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise ValueError(f"{text!r} {why}: {error}") from error
