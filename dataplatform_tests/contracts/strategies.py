"""Random types, fields and contracts, for the laws that hold for all of them."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import strategies as st

from dataplatform.contracts.model import Contract, FieldSpec
from opendata.reading.type_names import type_name

FLAT_TYPES = st.sampled_from(
    [
        pa.null(), pa.bool_(),
        pa.int8(), pa.int16(), pa.int32(), pa.int64(),
        pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
        pa.float16(), pa.float32(), pa.float64(),
        pa.string(), pa.large_string(), pa.string_view(),
        pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(16),
        pa.date32(), pa.date64(),
        pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
        pa.duration("s"), pa.duration("ns"), pa.month_day_nano_interval(),
        pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("ns"),
        pa.timestamp("ms", "UTC"), pa.timestamp("us", "UTC"), pa.timestamp("us", "+01:00"),
        pa.timestamp("us", "Europe/Berlin"),
        pa.decimal32(5, 2), pa.decimal64(12, 2), pa.decimal128(10, 2), pa.decimal128(38, 2),
        pa.decimal128(10, -2), pa.decimal256(50, 2), pa.decimal256(76, 3),
    ]
)  # fmt: skip
MEMBER_NAMES = st.sampled_from(["a", "b", "with space", "x: y, z<w>", 'quoted "name"', "größe"])


def _member(name: str, data_type: pa.DataType, nullable: bool) -> pa.Field:
    return pa.field(name, data_type, nullable or pa.types.is_null(data_type))


def _nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    item = st.builds(lambda t, n: _member("item", t, n), inner, st.booleans())
    member = st.builds(_member, MEMBER_NAMES, inner, st.booleans())
    members = st.lists(member, max_size=3, unique_by=lambda field: field.name)
    keys = st.sampled_from([pa.string(), pa.int32(), pa.date32()])
    return st.one_of(
        st.builds(pa.list_, item),
        st.builds(pa.large_list, item),
        st.builds(pa.list_, item, st.integers(1, 4)),
        st.builds(pa.struct, members),
        st.builds(pa.map_, keys, inner),
    )


TYPES = st.recursive(FLAT_TYPES, _nested, max_leaves=4)
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
UNITS = st.sampled_from([None, "percent", "metre", "foot"])
PLAIN_TYPE_NAMES = st.sampled_from(["int32", "int64", "float64", "string", "date32"])


def fields(name: str) -> st.SearchStrategy[FieldSpec]:
    return st.builds(
        FieldSpec,
        name=st.just(name),
        type=PLAIN_TYPE_NAMES,
        nullable=st.booleans(),
        unit=UNITS,
        description=st.sampled_from([None, "one", "two"]),
    )


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    names = draw(st.lists(NAMES, min_size=1, unique=True))
    free = [name for name in ["a", "b", "c", "d", "e"] if name not in names]
    specs = []
    for name in names:
        spec = draw(fields(name))
        if free and draw(st.booleans()):
            spec = spec.model_copy(update={"aliases": (free.pop(),)})
        specs.append(spec)
    key = draw(st.lists(st.sampled_from(names), unique=True, max_size=2))
    return Contract(primary_key=tuple(key), fields=tuple(specs))


def field(name: str, data_type: pa.DataType, **more: object) -> FieldSpec:
    return FieldSpec.model_validate({"name": name, "type": type_name(data_type), **more})
