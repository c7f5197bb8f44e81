"""Units by pint's registry, which loads when the first two units have to be compared."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import pyarrow as pa

from opendata.wire.errors import InvalidInput

_DIMENSIONLESS: Final = ("", "[]", "1", "dimensionless")


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
    """What is asked of units; implements `Units`."""

    def same_dimension(self, old: str, new: str) -> bool:
        """Whether values of the one unit can be converted to the other; unknown units cannot."""
        return same_dimension(old, new)

    def has_dimension(self, unit: str, dimension: str) -> bool:
        """Whether a unit measures `dimension`, written as pint does: `[length] / [time]`, `[]`."""
        import pint

        try:
            wanted = dimension.strip()
            if wanted in _DIMENSIONLESS:
                return bool(_registry().parse_units(unit).dimensionless)
            measured, asked = map(_registry().get_dimensionality, (unit, wanted))
        except (pint.errors.PintError, ValueError, TypeError, AttributeError, KeyError):
            return False
        return bool(measured == asked)

    def convert(self, values: pa.Array, old: str, new: str) -> pa.Array:
        """Values (float64, nulls stay null) in another unit; see the port."""
        import numpy as np
        import pint

        numbers = np.array(values.to_numpy(zero_copy_only=False), dtype=np.float64)
        try:
            converted = _registry().Quantity(numbers, old).to(new).magnitude
        except (pint.errors.PintError, ValueError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"nothing converts {old} to {new}: {error}", code="no_conversion"
            ) from error
        missing = values.is_null().to_numpy(zero_copy_only=False)
        return pa.array(converted, pa.float64(), mask=missing)
