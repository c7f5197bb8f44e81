"""Whether a column may change its type without breaking those who read it (requirement S4-23).

Here belongs one relation between two types: *every value of the old type is a value of the new
one*. It is reflexive and transitive. What else may change in a contract belongs in `evolve`.

It follows Arrow and Iceberg: wider integers and floats of the same kind, integers to a float that
holds them exactly, decimals that only grow, finer time units in the same zone, and layouts that
differ in memory only. Structs may gain optional members, except in the key of a map. A date is no
timestamp, and a number is no text. Where this differs from Iceberg, and why, says decision 0043.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pyarrow as pa

from opendata.reading.type_names import plain_type

_UNIT_ORDER: Final = ("s", "ms", "us", "ns")
# Bits of a float that hold an integer exactly.
_EXACT_BITS: Final = {16: 11, 32: 24, 64: 53}


def can_widen(old: pa.DataType, new: pa.DataType) -> bool:
    """Whether every value of `old` is, unchanged, a value of `new`."""
    old, new = plain_type(old), plain_type(new)
    if old == new or pa.types.is_null(old):
        return True
    return any(holds(old) and widens(old, new) for holds, widens in _WAYS)


def _integer(old: pa.DataType, new: pa.DataType) -> bool:
    unsigned = bool(pa.types.is_unsigned_integer(old))
    if pa.types.is_floating(new):
        value_bits = old.bit_width if unsigned else old.bit_width - 1
        return bool(value_bits <= _EXACT_BITS[new.bit_width])
    if not pa.types.is_integer(new):
        return False
    if unsigned == bool(pa.types.is_unsigned_integer(new)):
        return bool(new.bit_width >= old.bit_width)
    return unsigned and bool(new.bit_width > old.bit_width)


def _floating(old: pa.DataType, new: pa.DataType) -> bool:
    return bool(pa.types.is_floating(new) and new.bit_width >= old.bit_width)


def _decimal(old: pa.DataType, new: pa.DataType) -> bool:
    if not pa.types.is_decimal(new):
        return False
    return bool(new.scale == old.scale and new.precision >= old.precision)


def _date(old: pa.DataType, new: pa.DataType) -> bool:
    return bool(pa.types.is_date32(old) and pa.types.is_date64(new))


def _finer(old: pa.DataType, new: pa.DataType) -> bool:
    return _UNIT_ORDER.index(new.unit) >= _UNIT_ORDER.index(old.unit)


def _timestamp(old: pa.DataType, new: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(new) and new.tz == old.tz and _finer(old, new))


def _time(old: pa.DataType, new: pa.DataType) -> bool:
    return bool(pa.types.is_time(new) and _finer(old, new))


def _duration(old: pa.DataType, new: pa.DataType) -> bool:
    return bool(pa.types.is_duration(new) and _finer(old, new))


def _is_text(data_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(data_type)
        or pa.types.is_large_string(data_type)
        or pa.types.is_string_view(data_type)
    )


def _is_bytes(data_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(data_type)
        or pa.types.is_large_binary(data_type)
        or pa.types.is_binary_view(data_type)
    )


def _text(_old: pa.DataType, new: pa.DataType) -> bool:
    return _is_text(new)


def _bytes(_old: pa.DataType, new: pa.DataType) -> bool:
    return _is_bytes(new)


def _is_open_list(data_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(data_type)
        or pa.types.is_large_list(data_type)
        or pa.types.is_list_view(data_type)
        or pa.types.is_large_list_view(data_type)
    )


def _is_any_list(data_type: pa.DataType) -> bool:
    return _is_open_list(data_type) or bool(pa.types.is_fixed_size_list(data_type))


def _list(old: pa.DataType, new: pa.DataType) -> bool:
    same_length = (
        pa.types.is_fixed_size_list(old)
        and pa.types.is_fixed_size_list(new)
        and old.list_size == new.list_size
    )
    return bool(same_length or _is_open_list(new)) and _member(old.value_field, new.value_field)


def _struct(old: pa.DataType, new: pa.DataType) -> bool:
    if not pa.types.is_struct(new):
        return False
    members = {field.name: field for field in new}
    kept = all(f.name in members and _member(f, members[f.name]) for f in old)
    known = {field.name for field in old}
    return kept and all(field.nullable for field in new if field.name not in known)


def _map(old: pa.DataType, new: pa.DataType) -> bool:
    if not pa.types.is_map(new):
        return False
    keys_stay = _shape(old.key_type) == _shape(new.key_type)
    keys_widen = keys_stay and can_widen(old.key_type, new.key_type)
    return keys_widen and _member(old.item_field, new.item_field)


def _shape(data_type: pa.DataType) -> tuple[object, ...]:
    """The members of a type, whatever their types: a key that gains one equals no former key."""
    return tuple(
        (data_type.field(at).name, _shape(data_type.field(at).type))
        for at in range(data_type.num_fields)
    )


def _member(old: pa.Field, new: pa.Field) -> bool:
    # Inside a value there is no constraint to report apart, so optionality must stay as it is.
    return old.nullable == new.nullable and can_widen(old.type, new.type)


_Kind = Callable[[pa.DataType], bool]
_Way = Callable[[pa.DataType, pa.DataType], bool]
_WAYS: Final[tuple[tuple[_Kind, _Way], ...]] = (
    (pa.types.is_integer, _integer),
    (pa.types.is_floating, _floating),
    (pa.types.is_decimal, _decimal),
    (pa.types.is_date, _date),
    (pa.types.is_timestamp, _timestamp),
    (pa.types.is_time, _time),
    (pa.types.is_duration, _duration),
    (_is_text, _text),
    (_is_bytes, _bytes),
    (pa.types.is_fixed_size_binary, _bytes),
    (_is_any_list, _list),
    (pa.types.is_struct, _struct),
    (pa.types.is_map, _map),
)
