"""An Arrow type as the Python expression that makes it, for a `main.py` that is written once.

Here belongs that one direction; reading type names belongs to `contracts.types`.
"""

from __future__ import annotations

import json

import pyarrow as pa

from opendata.reading.type_names import plain_type, type_name

_PARAMETERLESS = {"bool": "bool_"}


def type_code(data_type: pa.DataType) -> str:
    """Such as `pa.timestamp("us", tz="UTC")`."""
    data_type = plain_type(data_type)
    if pa.types.is_timestamp(data_type) and data_type.tz is not None:
        return f'pa.timestamp("{data_type.unit}", tz={json.dumps(data_type.tz)})'
    if pa.types.is_temporal(data_type) and not pa.types.is_date(data_type):
        name = type_name(data_type).split("[")[0]
        return (
            f"pa.{name}()" if pa.types.is_interval(data_type) else f'pa.{name}("{data_type.unit}")'
        )
    if pa.types.is_decimal(data_type):
        return f"pa.{type_name(data_type)}"
    if pa.types.is_fixed_size_binary(data_type):
        return f"pa.binary({data_type.byte_width})"
    if pa.types.is_nested(data_type):
        return _nested_code(data_type)
    name = type_name(data_type)
    return f"pa.{_PARAMETERLESS.get(name, name)}()"


def _nested_code(data_type: pa.DataType) -> str:
    if pa.types.is_struct(data_type):
        return f"pa.struct([{', '.join(_field_code(field) for field in data_type)}])"
    if pa.types.is_map(data_type):
        value = data_type.item_field
        item = type_code(value.type) if value.nullable else _field_code(value)
        return f"pa.map_({type_code(data_type.key_type)}, {item})"
    field = data_type.value_field
    item = type_code(field.type) if field.nullable else _field_code(field.with_name("item"))
    if pa.types.is_fixed_size_list(data_type):
        return f"pa.list_({item}, {data_type.list_size})"
    name = type_name(data_type).split("<")[0]
    return f"pa.{'list_' if name == 'list' else name}({item})"


def _field_code(field: pa.Field) -> str:
    required = "" if field.nullable else ", nullable=False"
    return (
        f"pa.field({json.dumps(field.name, ensure_ascii=False)}, {type_code(field.type)}{required})"
    )
