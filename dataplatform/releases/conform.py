"""Bring a producer's columns to the contract's types where nothing can be lost.

A pandas frame says int64 and timestamp[ns] whatever the contract says; a JSON reader says int64 for
what is declared float64. Such widths are conformed when every value survives. Everything else
(text for numbers above all) is left as it came, so that the contract check names it.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.contracts.model import Contract
from dataplatform.errors import FailureClass, ProducerFailed
from opendata.reading.type_names import parse_arrow_type, plain_type


def conformed_schema(actual: pa.Schema, contract: Contract | None) -> pa.Schema:
    """The schema to spool: contract order first, contract types where losslessly reachable.

    Encodings and extension types become plain, since they are storage and not meaning. A column
    that the contract does not know keeps its place at the end. Nullability follows the contract's
    check and not Arrow's flag.

    Raises:
        ProducerFailed: class parse, naming a column whose type no Parquet file can hold.
    """
    declared = {
        spec.name: parse_arrow_type(spec.type) for spec in (contract.fields if contract else ())
    }
    ordered = [name for name in declared if name in actual.names]
    ordered += [name for name in actual.names if name not in declared]
    fields = []
    for name in ordered:
        plain = _plain(actual.field(name).type)
        if not _is_storable(plain):
            raise ProducerFailed(
                f"column {name!r} is {actual.field(name).type}, which Parquet cannot hold",
                failure_class=FailureClass.PARSE,
                hint="convert the column to numbers, text, times, lists or structs of them",
            )
        target = declared.get(name, plain)
        fields.append(pa.field(name, target if is_lossless_kind(plain, target) else plain))
    return pa.schema(fields)


def conform_batch(batch: pa.RecordBatch, schema: pa.Schema, number: int) -> pa.RecordBatch:
    """One batch in the conformed schema.

    Raises:
        ProducerFailed: class parse, naming column and batch, if a value would be lost.
    """
    columns = []
    for field in schema:
        try:
            columns.append(lossless_cast(batch.column(field.name), field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
            raise ProducerFailed(
                f"column {field.name!r} of batch {number} does not fit {field.type}: {error}",
                failure_class=FailureClass.PARSE,
                hint="declare the type that the source has, or convert it in main.py",
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def lossless_cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values in another type; a narrower float may lose digits, never its magnitude.

    Raises:
        pa.ArrowInvalid, pa.ArrowNotImplementedError: if a value is none of that type.
    """
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    result = column.cast(kind)
    if column.type == kind or _is_kept(column, result):
        return result
    raise pa.ArrowInvalid(f"some values are no {kind}")


def _is_kept(column: pa.Array, result: pa.Array) -> bool:
    """What Arrow's safe casts do not tell: numbers that overflow, and times of day cut off."""
    if pa.types.is_floating(column.type):  # fewer digits are what a narrower type means
        return bool(pc.is_inf(_wide(result)).equals(pc.is_inf(_wide(column))))
    if pa.types.is_date(result.type) and not pa.types.is_null(column.type):
        return bool(result.cast(column.type).equals(column))
    return True


def _wide(column: pa.Array) -> pa.Array:
    return column.cast(pa.float64())


def _plain(kind: pa.DataType) -> pa.DataType:
    kind = plain_type(kind)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return kind


def _is_storable(kind: pa.DataType) -> bool:
    """Whether a Parquet file can hold the type, members of nested ones included."""
    if pa.types.is_interval(kind) or pa.types.is_union(kind) or pa.types.is_run_end_encoded(kind):
        return False
    if pa.types.is_struct(kind) and not kind.num_fields:
        return False
    return all(_is_storable(kind.field(at).type) for at in range(kind.num_fields))


def is_lossless_kind(actual: pa.DataType, target: pa.DataType) -> bool:
    """Whether a safe cast between the two kinds either keeps every value or fails."""
    if actual == target or pa.types.is_null(actual):
        return True
    if pa.types.is_integer(actual):
        return bool(pa.types.is_integer(target) or pa.types.is_floating(target))
    if pa.types.is_floating(actual):
        return bool(pa.types.is_floating(target))
    if pa.types.is_timestamp(actual) and pa.types.is_timestamp(target):
        return actual.tz == target.tz or (actual.tz is None) == (target.tz is None)
    if pa.types.is_timestamp(actual) and actual.tz is None:
        return bool(pa.types.is_date(target))  # a frame's midnights; a time of day would fail
    if pa.types.is_date(actual):
        return bool(pa.types.is_date(target))
    return bool(pa.types.is_decimal(actual) and pa.types.is_decimal(target))
