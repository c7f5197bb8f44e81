"""One schema for all batches: the first one's, and later ones converted where nothing is lost.

Here belongs which conversion is safe, and the sentence that refuses the others by column and
batch. Where batches come from stands in `tables`.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from .plain import plain_column


class RefusedTable(ValueError):
    """What produce handed over is no table, or not the table it began with."""

    failure_class = "parse"


def plain_batch(batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
    """The batch in plain layouts, without metadata; its names checked."""
    names = batch.schema.names
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise RefusedTable(f"batch {number} has the column {repeated[0]!r} more than once")
    if not names:
        raise RefusedTable(f"batch {number} has no columns")
    columns = [_plain(batch, index, number) for index in range(len(names))]
    fields = [
        pa.field(field.name, column.type, field.nullable)
        for field, column in zip(batch.schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def fit(batch: pa.RecordBatch, schema: pa.Schema, number: int) -> pa.RecordBatch:
    """A plain batch in `schema`: its columns in order, each converted without loss or refused."""
    missing = [name for name in schema.names if name not in batch.schema.names]
    added = [name for name in batch.schema.names if name not in schema.names]
    if missing or added:
        what = f"lacks the column {missing[0]!r}" if missing else f"adds the column {added[0]!r}"
        raise RefusedTable(f"batch {number} {what}; all batches need the first one's columns")
    columns = [_fit_column(batch.column(field.name), field, number) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(batch: pa.RecordBatch, index: int, number: int) -> pa.Array:
    try:
        return plain_column(batch.column(index))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        field = batch.schema.field(index)
        raise RefusedTable(
            f"column {field.name!r} of batch {number} is {field.type}, which cannot be stored: "
            f"{error}"
        ) from error


def _fit_column(column: pa.Array, field: pa.Field, number: int) -> pa.Array:
    if not field.nullable and column.null_count:
        raise RefusedTable(
            f"column {field.name!r} of batch {number} has {column.null_count} nulls, "
            "but its schema says not null"
        )
    if column.type == field.type:
        return column
    where = f"column {field.name!r} of batch {number} is {column.type}"
    if not _is_convertible(column.type, field.type):
        first = "only nulls" if types.is_null(field.type) else field.type
        raise RefusedTable(f"{where}, in the first batch it was {first}; give it one type")
    try:
        return _cast(column, field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise RefusedTable(f"{where} and does not fit {field.type}: {error}") from error


def _cast(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    if types.is_integer(column.type) and types.is_decimal(wanted):
        # Arrow judges this cast by what the integer type could hold; values are judged on the way.
        column = column.cast(pa.decimal256(76, wanted.scale))
    result = column.cast(wanted, safe=True)
    if types.is_floating(column.type) and types.is_floating(wanted):
        # Arrow calls rounding safe here.
        kept = pc.or_(pc.equal(result.cast(column.type), column), pc.is_nan(column))
        if pc.all(kept).as_py() is False:
            raise pa.ArrowInvalid(f"some values have more digits than {wanted} holds")
    return result


def _is_convertible(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a cast that keeps the values keeps the meaning; text is never read as a number."""
    if types.is_null(given):
        return True
    if any(is_kind(given) and is_kind(wanted) for is_kind in (_is_binary_number, _is_exact_number)):
        return True
    if types.is_timestamp(given) and types.is_timestamp(wanted):
        return (given.tz is None) == (wanted.tz is None)
    same_kind = (types.is_date, types.is_time, types.is_duration)
    if any(is_kind(given) and is_kind(wanted) for is_kind in same_kind):
        return True
    # Nested columns convert as a whole or not at all; the cast itself says which part did not fit.
    return types.is_nested(given) and given.id == wanted.id


def _is_binary_number(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_floating(kind)


def _is_exact_number(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_decimal(kind)
