"""Type names: what people and Arrow write, one spelling for each, and help with mistakes."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.contracts.strategies import FLAT_TYPES, TYPES
from opendata.reading.type_names import parse_arrow_type, plain_type, type_name


@given(TYPES)
def test_every_type_survives_its_own_name(data_type: pa.DataType) -> None:
    assert parse_arrow_type(type_name(data_type)) == data_type


@given(FLAT_TYPES)
def test_what_arrow_prints_is_read(data_type: pa.DataType) -> None:
    assert parse_arrow_type(str(data_type)) == data_type


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("int", "int64"),
        ("float", "float32"),  # Arrow's word, not Python's; od check says so
        ("double", "float64"),
        ("halffloat", "float16"),
        ("str", "string"),
        ("text", "string"),
        ("bytes", "binary"),
        ("boolean", "bool"),
        ("Int64", "int64"),
        ("date", "date32"),
        ("date32[day]", "date32"),
        ("date64[ms]", "date64"),
        ("datetime", "timestamp[us]"),
        ("timestamp", "timestamp[us]"),
        ("timestamp[us,tz=UTC]", "timestamp[us, tz=UTC]"),
        ("timestamp[ns, UTC]", "timestamp[ns, tz=UTC]"),
        ("datetime[s, tz=America/Argentina/Buenos_Aires]",
         "timestamp[s, tz=America/Argentina/Buenos_Aires]"),
        ("time", "time64[us]"),
        ("decimal(10,2)", "decimal128(10, 2)"),
        ("decimal(10)", "decimal128(10, 0)"),
        ("list<string>", "list<item: string>"),
        ("list<element: string not null>", "list<item: string not null>"),
        ("fixed_size_list<item: float>[3]", "fixed_size_list<item: float32>[3]"),
        ("struct<a: int64, b: list<item: string>>", "struct<a: int64, b: list<item: string>>"),
        ("map<string, int32, keys_sorted>", "map<string, int32>"),
        ("dictionary<values=string, indices=int32, ordered=0>", "string"),
        ("run_end_encoded<run_ends: int32, values: date32[day]>", "date32"),
        ("list<item: dictionary<values=string, indices=int8, ordered=0>>", "list<item: string>"),
    ],
)  # fmt: skip
def test_many_spellings_have_one_canonical_name(written: str, canonical: str) -> None:
    assert type_name(parse_arrow_type(written)) == canonical


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("flot64", "did you mean 'float64'?"),
        ("strng", "did you mean 'string'?"),
        ("timestmp[us]", "did you mean 'timestamp'?"),
        ("timestamp[xs]", "s or ms or us or ns"),
        ("time32[ns]", "s or ms"),
        ("decimal128(99, 1)", "precision"),
        ("list<", "a type name is expected"),
        ("list<int64", "'>' is expected"),
        ("int64 or so", "left over"),
        ("struct<a: int64, a: string>", "twice"),
        ("", "a type name is expected"),
        ("union<a: int64>", "no type"),
        ("list<" * 40, "levels deep"),
        ("x" * 5_000, "characters"),
    ],
)
def test_a_mistake_gets_a_sentence(written: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_arrow_type(written)
    assert sentence in str(refused.value)


@given(st.text(max_size=40))
def test_no_text_ends_in_anything_but_a_type_or_a_sentence(text: str) -> None:
    try:
        data_type = parse_arrow_type(text)
    except ValueError:
        return
    assert parse_arrow_type(type_name(data_type)) == data_type


@pytest.mark.parametrize(
    ("encoded", "plain"),
    [
        (pa.dictionary(pa.int8(), pa.string()), pa.string()),
        (pa.run_end_encoded(pa.int32(), pa.date32()), pa.date32()),
        (pa.uuid(), pa.binary(16)),
        (pa.json_(), pa.string()),
    ],
)
def test_an_encoding_is_no_type(encoded: pa.DataType, plain: pa.DataType) -> None:
    assert plain_type(encoded) == plain
    assert type_name(encoded) == type_name(plain)


def test_what_parquet_calls_list_items_does_not_make_another_type() -> None:
    from_parquet = pa.list_(pa.field("element", pa.string()))
    assert type_name(from_parquet) == type_name(pa.list_(pa.string()))


def test_a_union_cannot_be_promised() -> None:
    with pytest.raises(ValueError, match="union"):
        type_name(pa.sparse_union([pa.field("a", pa.int8())]))
