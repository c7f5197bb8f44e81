"""Conversions of values: units, references, coordinates, and types that were widened since.

Here belongs arithmetic on Arrow arrays. Which conversion a column takes belongs in
`opendata.wire.bridges`; which columns and rows there are, in `adapting`. Nulls stay nulls.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opendata.reading.corrections import registered_correction
from opendata.reading.type_names import type_name
from opendata.wire.bridges import CrsBridge, UnitBridge
from opendata.wire.errors import InvalidInput, OpenDataError, Rejected
from opendata.wire.references import CorrectionBridge
from opendata.wire.words import counted

WHOLE_TO = 1e-9
"""How far from a whole number a converted value may lie, relatively, that was one before."""


def in_unit(values: pa.ChunkedArray, bridge: UnitBridge) -> pa.ChunkedArray:
    """The values in the reader's unit, as float64.

    The operations are monotonic on floats too, so a converted bound bounds converted values.

    Raises:
        InvalidInput: where the way is no straight line, and pint is not installed.
    """
    numbers = values.cast(pa.float64(), safe=False)  # whole numbers beyond 2^53 lose digits
    if bridge.factor is None or bridge.offset is None:
        return _by_pint(numbers, bridge)
    if bridge.factor.numerator != 1:
        numbers = pc.multiply(numbers, float(bridge.factor.numerator))
    if bridge.factor.denominator != 1:
        numbers = pc.divide(numbers, float(bridge.factor.denominator))
    return pc.add(numbers, float(bridge.offset)) if bridge.offset else numbers


def corrected(values: pa.ChunkedArray, bridge: CorrectionBridge) -> pa.ChunkedArray:
    """The values as of the conditions that the reader knows, as float64.

    Raises:
        Rejected: if the function is not registered, fails, or answers with other rows.
    """
    function = registered_correction(bridge.function)
    given = _floats(values)
    try:
        answer = np.asarray(function(given, dict(bridge.stored), dict(bridge.wanted)), np.float64)
    except OpenDataError:
        raise
    except Exception as error:  # whatever the reader's own function raises
        raise Rejected(
            f"the correction {bridge.function} failed: {type(error).__name__}: {error}",
            code="failed_correction",
        ) from error
    if answer.shape != given.shape:
        raise Rejected(
            f"the correction {bridge.function} made {answer.shape} of {given.shape} values",
            code="failed_correction",
        )
    return _like(answer, values)


def reprojected(
    x: pa.ChunkedArray, y: pa.ChunkedArray, bridge: CrsBridge
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Coordinates in the reference system that the reader knows, as float64, x before y.

    Raises:
        InvalidInput: where pyproj is not installed, or knows no exact way between the systems.
        Rejected: at a place that the reader's system does not reach.
    """
    transformer = _transformer(bridge.stored, bridge.wanted)
    here_x, here_y = _floats(x), _floats(y)
    here = np.isfinite(here_x) & np.isfinite(here_y)
    there_x, there_y = map(np.asarray, transformer.transform(here_x, here_y))
    beyond = int((here & ~(np.isfinite(there_x) & np.isfinite(there_y))).sum())
    if beyond:
        raise Rejected(
            f"{counted(beyond, 'place')} lie outside of what {bridge.wanted} describes",
            code="value_does_not_fit",
            hint=f"read the coordinates as they are stored ({bridge.stored}): without reader=",
        )
    return _like(there_x, x), _like(there_y, y)


def in_type(values: pa.ChunkedArray, kind: pa.DataType, column: str) -> pa.ChunkedArray:
    """The values in a narrower type that the reader knows, if each of them fits.

    Raises:
        Rejected: naming column and types, if one does not.
    """
    if values.type == kind or pa.types.is_null(kind):
        return values  # a column that never had a value promises no type to keep
    try:
        if pa.types.is_integer(kind) and pa.types.is_floating(values.type):
            values = _whole(values)
        cast = values.cast(kind)
        if pa.types.is_decimal(kind) and pa.types.is_floating(values.type):
            _require_digits(values, cast, kind, column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _does_not_fit(values, kind, column, str(error)) from error
    if pa.types.is_floating(kind) and kind.bit_width < 64 and pa.types.is_floating(values.type):
        beyond = pc.and_(pc.is_inf(cast.cast(pa.float64())), pc.is_finite(values))
        if pc.any(beyond).as_py():
            raise _does_not_fit(values, kind, column, "a value is beyond its range")
    return cast


def _require_digits(
    values: pa.ChunkedArray, cast: pa.ChunkedArray, kind: pa.DataType, column: str
) -> None:
    """Arrow rounds to a decimal's digits without a word; only what arithmetic left may go."""
    room = pc.multiply(pc.abs(values), WHOLE_TO)
    lost = pc.greater(pc.abs(pc.subtract(values, cast.cast(pa.float64()))), room)
    if pc.any(lost).as_py():
        raise _does_not_fit(values, kind, column, "a value has more digits")


def _whole(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers again where only the arithmetic of a unit led beside them."""
    rounded = pc.round(values)
    room = pc.multiply(pc.abs(rounded), WHOLE_TO)
    near = pc.less_equal(pc.abs(pc.subtract(values, rounded)), room)
    return pc.if_else(near, rounded, values)


def _does_not_fit(values: pa.ChunkedArray, kind: pa.DataType, column: str, why: str) -> Rejected:
    return Rejected(
        f"{column} holds values that the reader's {type_name(kind)} does not: {why}",
        code="value_does_not_fit",
        hint=f"leave the column out, or read it as it is stored ({type_name(values.type)}): "
        "without reader=",
        details={"column": column},
    )


def _floats(values: pa.ChunkedArray) -> Any:
    return values.cast(pa.float64(), safe=False).to_numpy()


def _like(numbers: Any, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The numbers with the nulls that the values had."""
    missing = values.is_null().to_numpy() if values.null_count else None
    return pa.chunked_array([pa.array(numbers, pa.float64(), mask=missing)])


def _by_pint(numbers: pa.ChunkedArray, bridge: UnitBridge) -> pa.ChunkedArray:
    registry = _registry()
    converted = registry.Quantity(_floats(numbers), bridge.stored).to(bridge.wanted).magnitude
    return _like(np.asarray(converted, np.float64), numbers)


@lru_cache(maxsize=1)
def _registry() -> Any:
    try:
        import pint
    except ImportError as error:
        raise _needs("pint", "units that no straight line leads between") from error
    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


@lru_cache(maxsize=16)
def _transformer(stored: str, wanted: str) -> Any:
    try:
        from pyproj import Transformer
        from pyproj.exceptions import ProjError
    except ImportError as error:
        raise _needs("pyproj", "coordinates in another reference system") from error
    try:
        # As publishing judged it: no way that leaves out a shift for want of a grid.
        return Transformer.from_crs(stored, wanted, always_xy=True, allow_ballpark=False)
    except ProjError as error:
        raise InvalidInput(f"nothing leads from {stored} to {wanted}: {error}") from error


def _needs(library: str, what: str) -> InvalidInput:
    return InvalidInput(
        f"{what} take {library}, which is not installed",
        code="missing_library",
        hint="install opendata with its extra: opendata[adapters]",
    )
