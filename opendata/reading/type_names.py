"""Names of column types: text to Arrow type and back.

Here belongs the one spelling under which a type stands in a contract, a manifest and a message.
Whether one type may follow another belongs in `evolve`; whether a value fits in `values`.

The canonical spelling follows Arrow's own factories (`float64`, `date32`), because what Arrow
prints is ambiguous to people (`float` is 32 bits wide there) and repeats what follows anyway
(`date32[day]`). What Arrow prints is read as well. An encoding is no type: dictionaries and
run-end encodings read as their values, extension types as their storage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa

from opendata.reading.type_grammar import PLAIN_TYPES, TypeReader

TEXT_MAX_CHARS: Final = 4_000

_PLAIN_NAMES: Final = {data_type: name for name, data_type in PLAIN_TYPES.items()}
_SIMPLE_FIELD_NAME: Final = re.compile(r"[^\W\d]\w*")


def parse_arrow_type(text: str) -> pa.DataType:
    """Read a type name such as `int64`, `timestamp[us, tz=UTC]` or `list<item: string>`.

    Raises:
        ValueError: one sentence; with the nearest known name when there is one.
    """
    if len(text) > TEXT_MAX_CHARS:
        raise ValueError(f"a type name has at most {TEXT_MAX_CHARS} characters")
    if text in PLAIN_TYPES:
        return PLAIN_TYPES[text]
    reader = TypeReader(text)
    data_type = reader.data_type(depth=0)
    reader.end()
    return data_type


def type_name(data_type: pa.DataType) -> str:
    """The canonical spelling; `parse_arrow_type` reads it back to an equal type.

    Raises:
        ValueError: for unions, which a contract cannot describe.
    """
    data_type = plain_type(data_type)
    if data_type in _PLAIN_NAMES:
        return _PLAIN_NAMES[data_type]
    if pa.types.is_struct(data_type):
        return f"struct<{', '.join(_field_text(field) for field in data_type)}>"
    if pa.types.is_map(data_type):
        not_null = "" if data_type.item_field.nullable else " not null"
        return f"map<{type_name(data_type.key_type)}, {type_name(data_type.item_type)}{not_null}>"
    if pa.types.is_fixed_size_list(data_type):
        return f"fixed_size_list<{_item_text(data_type)}>[{data_type.list_size}]"
    if pa.types.is_union(data_type):
        raise ValueError(f"{data_type} is a union; a contract cannot describe it")
    for name, is_kind in _LIST_KINDS.items():
        if is_kind(data_type):
            return f"{name}<{_item_text(data_type)}>"
    return str(data_type)  # decimals, times and fixed binaries print as they are read


def plain_type(data_type: pa.DataType) -> pa.DataType:
    """The type of the values, without dictionary, run-end encoding or extension around it."""
    while True:
        if pa.types.is_dictionary(data_type) or pa.types.is_run_end_encoded(data_type):
            data_type = data_type.value_type
        elif isinstance(data_type, pa.BaseExtensionType):
            data_type = data_type.storage_type
        else:
            return data_type


_LIST_KINDS: Final[Mapping[str, Callable[[pa.DataType], bool]]] = {
    "list": pa.types.is_list,
    "large_list": pa.types.is_large_list,
    "list_view": pa.types.is_list_view,
    "large_list_view": pa.types.is_large_list_view,
}


def _item_text(data_type: pa.DataType) -> str:
    field = data_type.value_field
    # Parquet calls the items `element`; Arrow holds both equal, so one spelling must do.
    return _field_text(pa.field("item", field.type, nullable=field.nullable))


def _field_text(field: pa.Field) -> str:
    simple = _SIMPLE_FIELD_NAME.fullmatch(field.name)
    name = field.name if simple else json.dumps(field.name, ensure_ascii=False)
    return f"{name}: {type_name(field.type)}{'' if field.nullable else ' not null'}"
