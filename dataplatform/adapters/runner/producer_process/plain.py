"""Plain layouts: what a column means, without how a library happened to store it.

pandas writes categories, polars writes string views, pandas 3 writes large strings; the data are
the same, and a release must not change its type because main.py changed its library. Here belongs
the choice of layout; which values may be converted stands in `unify`.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that says the same in the layout that every reader knows."""
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_binary_view(kind):
        return pa.binary()
    if types.is_fixed_size_list(kind):
        return pa.list_(_plain_field(kind.value_field), kind.list_size)
    if types.is_nested(kind):
        return _plain_nested(kind)
    return kind


def plain_column(column: pa.Array) -> pa.Array:
    """The same values in the plain layout."""
    target = plain_type(column.type)
    if column.type == target:
        return column
    if isinstance(column, pa.ExtensionArray):
        return plain_column(column.storage)
    if types.is_run_end_encoded(column.type):
        return plain_column(pc.run_end_decode(column))
    if types.is_dictionary(column.type):
        return plain_column(column.dictionary_decode())
    return column.cast(target)


def _plain_nested(kind: pa.DataType) -> pa.DataType:
    if types.is_struct(kind):
        return pa.struct([_plain_field(kind.field(i)) for i in range(kind.num_fields)])
    if types.is_map(kind):
        return pa.map_(_plain_field(kind.key_field), _plain_field(kind.item_field))
    if types.is_union(kind):
        return kind
    return pa.list_(_plain_field(kind.value_field))


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(plain_type(field.type)).remove_metadata()
