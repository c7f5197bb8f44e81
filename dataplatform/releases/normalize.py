"""Normalise: rows under former names, in other units or types, as they are registered (S4-61).

Here belongs what one column needs to become the registered one, and the refusal of whatever would
lose a value. What a producer yields is conformed by `conform`, which neither renames nor converts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from dataplatform.contracts.infer import UNIT_KEY
from dataplatform.contracts.model import FieldSpec
from dataplatform.contracts.promotion import can_widen
from dataplatform.contracts.units import Units
from dataplatform.contracts.values import is_number, scalar_of
from dataplatform.releases.conform import is_lossless_kind, lossless_cast
from opendata.reading.suggest import did_you_mean
from opendata.reading.type_names import plain_type, type_name
from opendata.wire.errors import InvalidInput, NotFound, Rejected
from opendata.wire.words import counted

SAMPLES_MAX = 5
_UNCASTABLE = (pa.ArrowInvalid, pa.ArrowNotImplementedError)


def normalize_table(
    table: pa.Table,
    fields: Sequence[FieldSpec],
    units: Units,
    *,
    given_units: Mapping[str, str] | None = None,
    fill_nulls: bool = False,
) -> pa.Table:
    """The table with each of some fields under its name, in its unit and its type.

    Columns keep their places; one that is missing and has a default comes last, and so do
    nullable ones, as nulls, with `fill_nulls`. Other columns stay as they are.

    Args:
        given_units: The units that columns are in now, by registered name or alias; else what
            their Arrow metadata says (`unit`), else the registered ones.

    Raises:
        NotFound: for a field that is under none of its names.
        InvalidInput: if a field is under several of its names, or its unit or type cannot be had.
        Rejected: if values would be lost, with their rows.
    """
    for field in fields:
        table = _normalized(table, field, units, given_units or {}, fill_nulls=fill_nulls)
    return table


def _normalized(
    table: pa.Table,
    field: FieldSpec,
    units: Units,
    given_units: Mapping[str, str],
    *,
    fill_nulls: bool,
) -> pa.Table:
    found = [name for name in (field.name, *field.aliases) if name in table.column_names]
    if len(found) > 1:
        raise InvalidInput(
            f"{field.name!r} is there under {counted(len(found), 'name')}: {', '.join(found)}",
            code="ambiguous_field",
            hint="drop the columns that are not meant",
        )
    if not found:
        return table.append_column(field.name, _filling(table, field, fill_nulls=fill_nulls))
    [name] = found
    at = table.column_names.index(name)
    column = table.column(at)
    unit = given_units.get(name, given_units.get(field.name)) or _unit_of(table.field(at))
    if unit is not None and field.unit is not None and unit != field.unit:
        column = _converted(column, field, units, unit)
    column = _cast(column, field)
    _require_values(column, field)
    notes = {UNIT_KEY: field.unit} if field.unit else None
    registered = pa.field(field.name, field.arrow_type, field.nullable, metadata=notes)
    return table.set_column(at, registered, column)


def _filling(table: pa.Table, field: FieldSpec, *, fill_nulls: bool) -> pa.Array:
    if field.default is not None:
        return pa.repeat(scalar_of(field.default, field.arrow_type), table.num_rows)
    if fill_nulls and field.nullable:
        return pa.nulls(table.num_rows, field.arrow_type)
    names = (field.name, *field.aliases)
    near = next(filter(None, (did_you_mean(name, table.column_names) for name in names)), None)
    raise NotFound(
        f"there is no column {' or '.join(map(repr, names))}",
        code="unknown_column",
        hint=near or f"columns: {', '.join(table.column_names)}",
    )


def _unit_of(field: pa.Field) -> str | None:
    return (field.metadata or {}).get(UNIT_KEY, b"").decode(errors="replace").strip() or None


def _converted(
    column: pa.ChunkedArray, field: FieldSpec, units: Units, unit: str
) -> pa.ChunkedArray:
    assert field.unit is not None  # the caller has compared it
    if not is_number(column.type):
        raise InvalidInput(
            f"{field.name!r} is {type_name(column.type)}; only numbers can be converted from "
            f"{unit} to {field.unit}",
            code="no_conversion",
        )
    chunks = [units.convert(chunk.cast(pa.float64()), unit, field.unit) for chunk in column.chunks]
    numbers = pa.chunked_array(chunks, pa.float64())
    if pa.types.is_integer(field.arrow_type) or pa.types.is_decimal(field.arrow_type):
        return _each_cast(numbers, field)
    return numbers


def _cast(column: pa.ChunkedArray, field: FieldSpec) -> pa.ChunkedArray:
    actual, wanted = plain_type(column.type), field.arrow_type
    if column.type == wanted:
        return column
    if not (is_lossless_kind(actual, wanted) or can_widen(actual, wanted)):
        raise InvalidInput(
            f"{field.name!r} is {type_name(actual)}, and {field.type} is registered; "
            "the one is not read as the other",
            code="wrong_type",
            hint="convert it to a type that says what its values are",
        )
    return _each_cast(column, field)


def _each_cast(column: pa.ChunkedArray, field: FieldSpec) -> pa.ChunkedArray:
    try:
        chunks = [lossless_cast(chunk, field.arrow_type) for chunk in column.chunks]
    except _UNCASTABLE as error:
        raise _lost(column, field) from error
    return pa.chunked_array(chunks, field.arrow_type)


def _lost(column: pa.ChunkedArray, field: FieldSpec) -> Rejected:
    rows = _misfits(column.combine_chunks(), field.arrow_type, 0, SAMPLES_MAX + 1)
    shown = [{"row": row, "value": str(column[row].as_py())} for row in rows[:SAMPLES_MAX]]
    where = ", ".join(f"row {one['row']} ({one['value']})" for one in shown)
    more = " and more" if len(rows) > SAMPLES_MAX else ""
    return Rejected(
        f"{field.name!r} as {field.type} would lose values: {where}{more}",
        code="lossy_conversion",
        hint="register a wider type, or correct these rows; rows are counted from 0",
        details={"field": field.name, "rows": shown},
    )


def _misfits(column: pa.Array, kind: pa.DataType, start: int, wanted: int) -> list[int]:
    """The first rows whose value is none of the type, found by halving."""
    if wanted <= 0 or _fits(column, kind):
        return []
    if len(column) == 1:
        return [start]
    middle = len(column) // 2
    first = _misfits(column.slice(0, middle), kind, start, wanted)
    return first + _misfits(column.slice(middle), kind, start + middle, wanted - len(first))


def _fits(column: pa.Array, kind: pa.DataType) -> bool:
    try:
        lossless_cast(column, kind)
    except _UNCASTABLE:
        return False
    return True


def _require_values(column: pa.ChunkedArray, field: FieldSpec) -> None:
    if field.nullable or not column.null_count:
        return
    rows = [at for at, missing in enumerate(column.is_null().to_pylist()) if missing]
    raise Rejected(
        f"{field.name!r} is never null, and {counted(len(rows), 'row')} of it are, "
        f"the first is row {rows[0]}",
        code="missing_values",
        hint="fill them in, or register the field as nullable; rows are counted from 0",
        details={"field": field.name, "rows": [{"row": row} for row in rows[:SAMPLES_MAX]]},
    )
