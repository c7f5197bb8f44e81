"""Reading a file to start from: formats, separators, and what a careless reader would lose."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.datasets.sample import Format, read_sample, usable_names
from opendata.wire.errors import InvalidInput


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"id,day\n1,2024-01-02\n2,2024-01-03\n"),
        ("a.CSV", b"id,day\r\n1,2024-01-02\r\n2,2024-01-03\r\n"),
        ("a.tsv", b"id\tday\n1\t2024-01-02\n2\t2024-01-03\n"),
        ("a.csv", b"id;day\n1;2024-01-02\n2;2024-01-03\n"),
        ("https://example.org/x.csv?format=|", b"id|day\n1|2024-01-02\n2|2024-01-03\n"),
        ("export", b"id,day\n1,2024-01-02\n2,2024-01-03\n"),
        ("a.csv", b"\xef\xbb\xbfid,day\n1,2024-01-02\n2,2024-01-03\n"),
    ],
)
def test_csv_is_read_whatever_separates_its_columns(name: str, data: bytes) -> None:
    sample = read_sample(data, name)
    assert sample.format is Format.CSV
    assert sample.table.to_pydict() == {"id": [1, 2], "day": [date(2024, 1, 2), date(2024, 1, 3)]}


@pytest.mark.parametrize(
    ("name", "document", "rows_under"),
    [
        ("a.json", [{"id": 1}, {"id": 2, "x": "y"}], None),
        ("a.json", {"count": 2, "data": [{"id": 1}, {"id": 2, "x": "y"}]}, "data"),
        ("export", [{"id": 1}, {"id": 2, "x": "y"}], None),
    ],
)
def test_json_is_a_list_of_objects_or_names_one(
    name: str, document: Any, rows_under: str | None
) -> None:
    sample = read_sample(json.dumps(document).encode(), name)
    assert sample.table.to_pydict() == {"id": [1, 2], "x": [None, "y"]}
    assert sample.rows_under == rows_under


def test_lines_of_json_are_read() -> None:
    sample = read_sample(b'{"id": 1}\n\n{"id": 2, "x": [1]}\n', "a.jsonl")
    assert sample.format is Format.LINES
    assert sample.table.to_pydict() == {"id": [1, 2], "x": [None, [1]]}


def test_parquet_is_known_by_its_first_bytes() -> None:
    table = pa.table({"id": [1, 2], "at": [datetime(2024, 1, 1, tzinfo=UTC)] * 2})
    assert read_sample(parquet(table), "download").table.equals(table)


def test_leading_zeros_stay() -> None:
    sample = read_sample(b"zip,n\n01067,1\n10115,2\n", "a.csv")
    assert sample.table["zip"].to_pylist() == ["01067", "10115"]
    assert sample.table["n"].type == pa.int64()


def test_namibia_is_no_missing_value_and_missing_values_are_none() -> None:
    sample = read_sample(b"country,rate,note\nNA,N/A,\nDE,1.5,x\n", "a.csv")
    assert sample.table.to_pylist() == [
        {"country": "NA", "rate": None, "note": None},
        {"country": "DE", "rate": 1.5, "note": "x"},
    ]


def test_the_column_behind_a_trailing_separator_is_left_out() -> None:
    sample = read_sample(b"Date,USD,\n2024-01-02,1.1,\n", "a.csv")
    assert sample.table.column_names == ["Date", "USD"]
    assert sample.csv is not None
    assert sample.csv.names == ("Date", "USD", "column_3")


def test_an_unnamed_column_with_values_stays() -> None:
    assert read_sample(b",b\n1,2\n", "a.csv").table.column_names == ["column_1", "b"]


def test_a_column_without_values_is_text() -> None:
    assert read_sample(b"a,b\n1,\n", "a.csv").table["b"].type == pa.string()


def test_line_breaks_in_quotes_are_part_of_the_value() -> None:
    sample = read_sample(b'"long\nname",b\n1,"x\ny"\n', "a.csv")
    assert sample.table.to_pylist() == [{"long name": 1, "b": "x\ny"}]


def test_old_encodings_are_read() -> None:
    sample = read_sample("stadt;n\nMünchen;1\n".encode("cp1252"), "a.csv")
    assert sample.table.to_pylist() == [{"stadt": "München", "n": 1}]
    assert sample.csv is not None
    assert sample.csv.encoding == "cp1252"


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.csv", b"", "cannot be read as csv"),
        ("a.csv", b"a,b\n", "holds no rows"),
        ("a.csv", b"a,b\n1\n2,3,4\n", "Expected 2 columns"),
        ("a.json", b"[1, 2]", "a list of objects is expected"),
        ("a.json", b"3", "a list of objects is expected"),
        ("a.json", b"{}", "a list of objects is expected"),
        ("a.json", b'{"a": [{"x": 1}], "b": [{"x": 1}]}', "with one such list"),
        ("a.json", b"[{", "cannot be read as json"),
        ("a.json", b'[{"a": 1}, {"a": "x"}]', "cannot be read as json"),
        ("a.ndjson", b"{}\n{]", "cannot be read as ndjson"),
        ("a.parquet", b"PAR1 and no more", "cannot be read as parquet"),
        ("a.xlsx", b"PK\3\4", "no format known here (.csv, .tsv"),
        ("page", b"<html>", "no format known here"),
        ("program", b"\x7fELF\0\0", "no format known here"),
    ],
)
def test_what_holds_no_rows_is_refused_with_what_to_do(
    name: str, data: bytes, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_sample(data, name)
    assert sentence in refused.value.message


@given(st.lists(st.text(max_size=4), min_size=1, max_size=6))
def test_names_are_never_empty_and_never_twice(header: list[str]) -> None:
    names = usable_names(header)
    assert len(names) == len(header)
    assert all(names)
    assert len({name.casefold() for name in names}) == len(names)


@given(st.binary(max_size=60), st.sampled_from(["a.csv", "a.json", "a.ndjson", "a.parquet", "a"]))
def test_any_bytes_are_read_or_refused(data: bytes, name: str) -> None:
    try:
        sample = read_sample(data, name)
    except InvalidInput:
        return
    assert sample.table.num_rows > 0
