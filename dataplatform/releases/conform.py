"""Bring a producer's columns to the contract's types where nothing can be lost.

A pandas frame says int64 and timestamp[ns] whatever the contract says; a JSON reader says int64 for
what is declared float64. Such widths are conformed when every value survives. Everything else
(text for numbers above all) is left as it came, so that the contract check names it.
"""

from __future__ import annotations

import pyarrow as pa

from dataplatform.contracts.model import Contract
from dataplatform.errors import FailureClass, ProducerFailed
from opendata.reading.type_names import parse_arrow_type


def conformed_schema(actual: pa.Schema, contract: Contract | None) -> pa.Schema:
    """The schema to spool: contract order first, contract types where losslessly reachable.

    Dictionary and view encodings become plain, since they are storage and not meaning. A
    column that the contract does not know keeps its place at the end. Nullability follows the
    contract's check and not Arrow's flag.
    """
    declared = {
        spec.name: parse_arrow_type(spec.type) for spec in (contract.fields if contract else ())
    }
    ordered = [name for name in declared if name in actual.names]
    ordered += [name for name in actual.names if name not in declared]
    fields = []
    for name in ordered:
        plain = _plain(actual.field(name).type)
        target = declared.get(name, plain)
        fields.append(pa.field(name, target if _is_lossless_kind(plain, target) else plain))
    return pa.schema(fields)


def conform_batch(batch: pa.RecordBatch, schema: pa.Schema, number: int) -> pa.RecordBatch:
    """One batch in the conformed schema.

    Raises:
        ProducerFailed: class parse, naming column and batch, if a value would be lost.
    """
    columns = []
    for field in schema:
        try:
            columns.append(batch.column(field.name).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
            raise ProducerFailed(
                f"column {field.name!r} of batch {number} does not fit {field.type}: {error}",
                failure_class=FailureClass.PARSE,
                hint="declare the type that the source has, or convert it in main.py",
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return kind


def _is_lossless_kind(actual: pa.DataType, target: pa.DataType) -> bool:
    """Whether a safe cast between the two kinds either keeps every value or fails."""
    if actual == target or pa.types.is_null(actual):
        return True
    if pa.types.is_integer(actual):
        return bool(pa.types.is_integer(target) or pa.types.is_floating(target))
    if pa.types.is_floating(actual):
        return bool(pa.types.is_floating(target))
    if pa.types.is_timestamp(actual) and pa.types.is_timestamp(target):
        return actual.tz == target.tz or (actual.tz is None) == (target.tz is None)
    if pa.types.is_date(actual):
        return bool(pa.types.is_date(target))
    return bool(pa.types.is_decimal(actual) and pa.types.is_decimal(target))
