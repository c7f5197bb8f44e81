"""Types that Arrow can move but not sort or join: rows travel in plain ones and come back.

Here belong dictionaries (whose codes differ from batch to batch) and views. Everything else stays
what it is from the spool to the shard.
"""

from __future__ import annotations

import pyarrow as pa

from opendata.wire.errors import InvalidInput, Rejected


def travel_schema(schema: pa.Schema) -> pa.Schema:
    """The columns as they travel.

    Raises:
        InvalidInput: for types that no Parquet file can hold.
    """
    for field in schema:
        if _is_unstorable(field.type):
            raise InvalidInput(
                f"column {field.name!r} is {field.type}, which Parquet cannot hold",
                hint="convert the column",
                code="unstorable_type",
            )
    return pa.schema([field.with_type(_travel_type(field.type)) for field in schema])


def depart(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch in the travelling schema.

    Raises:
        InvalidInput: where a value does not fit.
    """
    arrays = []
    for field in schema:
        column = batch.column(field.name)
        try:
            arrays.append(column if column.type == field.type else column.cast(field.type))
        except pa.ArrowException as error:
            raise InvalidInput(f"column {field.name!r} is no {field.type}: {error}") from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def arrive(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch back in its own schema."""
    arrays = [
        _arrived(column, field.type) for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _travel_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _travel_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_list(kind):
        return pa.list_(_travel_field(kind.value_field))
    if pa.types.is_large_list(kind):
        return pa.large_list(_travel_field(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_travel_field(kind.value_field), kind.list_size)
    if pa.types.is_struct(kind):
        return pa.struct([_travel_field(member) for member in kind])
    return kind


def _travel_field(field: pa.Field) -> pa.Field:
    return field.with_type(_travel_type(field.type))


def _is_unstorable(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_union(kind)
        or pa.types.is_run_end_encoded(kind)
        or pa.types.is_interval(kind)
        or (pa.types.is_struct(kind) and kind.num_fields == 0)
    )


def _arrived(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(kind):
        return array if array.type == kind else array.cast(kind)
    encoded = array.dictionary_encode()
    try:
        indices = encoded.indices.cast(kind.index_type)
    except pa.ArrowInvalid as error:
        raise Rejected(
            f"a batch holds more different values than {kind.index_type} can number",
            hint="deliver the column as plain values; files are dictionary-encoded anyway",
        ) from error
    values = encoded.dictionary.cast(kind.value_type)
    return pa.DictionaryArray.from_arrays(indices, values, ordered=kind.ordered)
