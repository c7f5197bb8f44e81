"""Which values of a column satisfy a comparison, as Arrow's own functions say.

Functions over arrays and not filter expressions: those load Arrow's engine, which imports pandas
and takes longer than many a read. Arrow's functions load when the first row is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

Mask = Callable[[Any], Any]
"""From a column's values to a boolean for each, or null."""
_FUNCTIONS = {
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}


def compared(operator: str, scalar: Callable[[], pa.Scalar]) -> Mask:
    """Values that stand so to the scalar; a null is neither.

    Many a comparison is settled by bounds: the scalar is made when the first row is looked at.
    """

    def mask(values: Any) -> Any:
        import pyarrow.compute as pc

        return pc.call_function(_FUNCTIONS[operator], [_comparable(values), _comparable(scalar())])

    return mask


def is_listed(listed: pa.Array, *, negated: bool = False) -> Mask:
    """Values that are in a list (or not); a null is in one that holds a null."""

    def mask(values: Any) -> Any:
        import pyarrow.compute as pc

        found = pc.is_in(_comparable(values), value_set=_comparable(listed))
        return pc.invert(found) if negated else found

    return mask


def is_valid(values: Any) -> Any:
    """Values that are no nulls."""
    return values.is_valid()


def is_null(values: Any) -> Any:
    """Nulls."""
    return values.is_null()


def is_none_of_them(values: Any) -> Any:
    """No value."""
    return is_listed(pa.nulls(0, values.type))(values)


def combined(masks: list[Any], function: str) -> Any:
    """Masks joined by `and_kleene` or `or_kleene`; there is at least one."""
    import pyarrow.compute as pc

    total = masks[0]
    for mask in masks[1:]:
        total = pc.call_function(function, [total, mask])
    return total


def _comparable(values: Any) -> Any:
    """Values in a type that Arrow can compare: for half floats it has no kernels."""
    return values.cast(pa.float32()) if pa.types.is_float16(values.type) else values
