"""Units by pint's registry, which loads when the first two units have to be compared."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

_DENOMINATOR_MAX: Final = 10**9
_EXACT_TO: Final = Fraction(1, 10**22)


@lru_cache(maxsize=2)
def _registry(number: type = float) -> Any:
    import pint

    return pint.UnitRegistry(non_int_type=number)


def same_dimension(old: str, new: str) -> bool:
    """Whether values of the one unit can be converted to the other; unknown units cannot."""
    import pint

    try:
        return bool(_registry().parse_units(old).is_compatible_with(_registry().parse_units(new)))
    except (pint.errors.PintError, ValueError, TypeError, AttributeError, AssertionError):
        return False


def straight_line(old: str, new: str) -> tuple[str, str] | None:
    """Factor and offset with `new = old * factor + offset`, as exact text (S4-20, S4-80).

    Decimals where they end (`0.01`), else fractions (`5/9`). None where the way between the two
    units is no straight line (decibels) or unknown.
    """
    import pint

    registry = _registry(Decimal)
    try:
        at = [_converted(registry, number, old, new) for number in (0, 1, 1000)]
    except (pint.errors.PintError, ValueError, TypeError, AttributeError, AssertionError):
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
