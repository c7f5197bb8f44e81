"""Units by pint's registry, which loads when the first two units have to be compared."""

from __future__ import annotations

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
