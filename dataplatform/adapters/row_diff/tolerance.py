"""When two different numbers are the same but for a tolerance: absolute, inclusive, in SQL.

Integers and decimals are subtracted exactly. Floats are subtracted as doubles, and what rounding
adds is granted: 1.1 and 1.0 lie within 0.1 of one another, although the doubles nearest to them
lie a little further apart. NaN and infinities are within no tolerance of anything else.
"""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

import pyarrow as pa

from dataplatform.adapters.duckdb.table import DECIMAL_DIGITS_MAX
from dataplatform.adapters.row_diff.values import common_decimal
from opendata.wire.errors import InvalidInput

# How far two doubles and their difference may be off, as a share of the larger one.
_ROUNDING: Final = 2.0**-52
_EXACT: Final = Context(prec=100)

Number = tuple[str, pa.DataType]
"""The SQL of a number, and its type."""


def within(tolerance: float, old: Number, new: Number) -> str:
    """The condition, not true where a side is null; both types are numbers.

    Raises:
        InvalidInput: where the tolerance is negative, or no finite number.
    """
    if not 0 <= tolerance < math.inf:
        raise InvalidInput(
            f"{tolerance} is no tolerance",
            code="invalid_tolerance",
            hint="a tolerance is a finite number of at least 0",
        )
    common = common_decimal(old[1], new[1])
    if common is None:
        return _within_rounded(tolerance, old[0], new[0])
    return _within_exact(tolerance, common[1], old[0], new[0])


def _within_rounded(tolerance: float, old: str, new: str) -> str:
    one, other = f"CAST({old} AS DOUBLE)", f"CAST({new} AS DOUBLE)"
    granted = f"{tolerance!r}::DOUBLE + {_ROUNDING!r}::DOUBLE * greatest(abs({one}), abs({other}))"
    return f"(isfinite({one}) AND isfinite({other}) AND abs({one} - {other}) <= {granted})"


def _within_exact(tolerance: float, scale: int, old: str, new: str) -> str:
    """Without overflow: two numbers of one sign are subtracted, two of different signs are not."""
    kind = f"DECIMAL({DECIMAL_DIGITS_MAX}, {scale})"
    one, other = f"CAST({old} AS {kind})", f"CAST({new} AS {kind})"
    most = Decimal("9" * DECIMAL_DIGITS_MAX).scaleb(-scale, _EXACT)
    granted = min(Decimal(repr(tolerance)), most)
    granted = granted.quantize(Decimal(1).scaleb(-scale), ROUND_FLOOR, _EXACT)
    limit = f"CAST('{granted:f}' AS {kind})"
    return (
        f"(CASE WHEN ({one} < 0) = ({other} < 0) THEN abs({one} - {other}) <= {limit} "
        f"ELSE abs({other}) <= {limit} - abs({one}) END)"
    )
