"""Units by pint's registry, which loads when the first two units have to be compared."""

from __future__ import annotations

import tokenize
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa

from opendata.wire.errors import InvalidInput

_DIMENSIONLESS: Final = ("", "[]", "1", "dimensionless")
_DENOMINATOR_MAX: Final = 10**9
_EXACT_TO: Final = Fraction(1, 10**22)


@lru_cache(maxsize=2)
def _registry(number: type = float) -> Any:
    import pint

    return pint.UnitRegistry(non_int_type=number)


def unreadable() -> tuple[type[Exception], ...]:
    """All that pint raises on a text that is no unit, such as `m/0`, `{` or `m**`."""
    import pint

    return (
        pint.errors.PintError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
        KeyError,
        ArithmeticError,
        tokenize.TokenError,
    )


def same_dimension(old: str, new: str) -> bool:
    """Whether values of the one unit can be converted to the other; unknown units cannot."""
    try:
        return bool(_registry().parse_units(old).is_compatible_with(_registry().parse_units(new)))
    except unreadable():
        return False


class PintUnits:
    """What is asked of units; implements `Units`."""

    def same_dimension(self, old: str, new: str) -> bool:
        """Whether values of the one unit can be converted to the other; unknown units cannot."""
        return same_dimension(old, new)

    def straight_line(self, old: str, new: str) -> tuple[str, str] | None:
        """Factor and offset between two units as exact text; see the port."""
        return straight_line(old, new)

    def has_dimension(self, unit: str, dimension: str) -> bool:
        """Whether a unit measures `dimension`, written as pint does: `[length] / [time]`, `[]`."""
        try:
            wanted = dimension.strip()
            if wanted in _DIMENSIONLESS:
                return bool(_registry().parse_units(unit).dimensionless)
            measured, asked = map(_registry().get_dimensionality, (unit, wanted))
        except unreadable():
            return False
        return bool(measured == asked)

    def convert(self, values: pa.Array, old: str, new: str) -> pa.Array:
        """Values (float64, nulls stay null) in another unit; see the port."""
        import numpy as np

        numbers = np.array(values.to_numpy(zero_copy_only=False), dtype=np.float64)
        try:
            converted = _registry().Quantity(numbers, old).to(new).magnitude
        except unreadable() as error:
            raise InvalidInput(
                f"nothing converts {old} to {new}: {error}", code="no_conversion"
            ) from error
        missing = values.is_null().to_numpy(zero_copy_only=False)
        return pa.array(converted, pa.float64(), mask=missing)


def straight_line(old: str, new: str) -> tuple[str, str] | None:
    """Factor and offset with `new = old * factor + offset`, as exact text (S4-20, S4-80).

    Decimals where they end (`0.01`), else fractions (`5/9`). None where the way between the two
    units is no straight line (decibels) or unknown.
    """
    registry = _registry(Decimal)
    try:
        at = [_converted(registry, number, old, new) for number in (0, 1, 1000)]
    except unreadable():
        return None
    offset, factor = _snapped(at[0]), _snapped(at[1] - at[0])
    is_straight = abs(at[2] - at[0] - 1000 * (at[1] - at[0])) < _EXACT_TO * (1 + abs(at[2]))
    return (_text(factor), _text(offset)) if factor > 0 and is_straight else None


def _converted(registry: Any, number: int, old: str, new: str) -> Fraction:
    units = registry.parse_units(old), registry.parse_units(new)
    return Fraction(registry.convert(Decimal(number), *units))


def _snapped(number: Fraction) -> Fraction:
    """The simple fraction that 28 digits were rounded from, where there is one."""
    simple = number.limit_denominator(_DENOMINATOR_MAX)
    return simple if abs(simple - number) <= _EXACT_TO * (1 + abs(number)) else number


def _text(number: Fraction) -> str:
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest > 1:
        return f"{number.numerator}/{number.denominator}"
    digits = Decimal(number.numerator) / Decimal(number.denominator)
    return format(digits.normalize(), "f")
