"""Row groups into Arrow: decode, bring into the release's types, keep the asked rows."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from opendata.reading.limits import refused
from opendata.reading.query import BoundQuery
from opendata.reading.source import Portion


def decode(
    portion: Portion,
    query: BoundQuery,
    schema: pa.Schema,
    groups: Sequence[int] | None = None,
    *,
    text_as_codes: Sequence[str] = (),
) -> pa.Table:
    """The asked rows and columns of a portion's row groups, or of some of them.

    `text_as_codes` are columns that stay dictionaries, as many as Arrow can leave so.

    Raises:
        Corrupt: naming the object, if bytes differ from their digest or cannot be decoded.
    """
    plan = portion.source.plan
    chosen = list(portion.groups if groups is None else groups)
    needed = pa.schema([schema.field(name) for name in plan.columns])
    try:
        table = portion.file(text_as_codes).read_row_groups(chosen, columns=needed.names)
        table = _as_released(table, needed, text_as_codes)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise refused(
            plan.entry.path, f"cannot be decoded as its manifest says: {error}"
        ) from error
    expected = sum(plan.chunks.row_groups[index].row_count for index in chosen)
    if table.num_rows != expected:
        raise refused(plan.entry.path, f"has {table.num_rows} rows where {expected} were published")
    if plan.unsure.intersection(chosen):
        table = query.keep(table)
    return table.select(list(query.columns))


def _as_released(table: pa.Table, needed: pa.Schema, codes: Sequence[str]) -> pa.Table:
    """The same columns in the release's own types, some of which Parquet widens."""
    columns, fields = [], []
    for field in needed:
        column = table.column(field.name)
        if field.name in codes and pa.types.is_dictionary(column.type):
            field = field.with_type(column.type)
        elif column.type != field.type:
            column = column.cast(field.type)
        columns.append(column)
        fields.append(field)
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))
