"""Rows as JSON, straight from Arrow: what a JSON reader makes of them is what the rows hold."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.api.rows_json import rows_as_json
from dataplatform_tests.reading.file_index.lake import EPOCH, pictures, table_of
from opendata.reading.file_index.schema import INDEX_SCHEMA
from opendata.wire.errors import Corrupt

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MOMENTS = st.integers(-(2**51), 2**52).map(lambda at: EPOCH + timedelta(microseconds=at))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "file_id": TEXTS,
            "relative_path": TEXTS,
            "timestamp": st.none() | MOMENTS | MOMENTS.map(lambda at: at.replace(microsecond=0)),
            "size_bytes": st.integers(0, 2**62),
            "checksum": TEXTS,
            "metadata": st.dictionaries(TEXTS, VALUES, max_size=3),
        }
    ),
    max_size=8,
)


def decoded(table: pa.Table | pa.RecordBatch) -> list[dict[str, object]]:
    return list(json.loads(b"[%b]" % bytes(rows_as_json(table))))


@given(rows=ROWS, start=st.integers(0, 3))
def test_what_is_written_is_what_the_rows_hold(rows: list[dict[str, object]], start: int) -> None:
    stored = [{**row, "metadata": json.dumps(row["metadata"])} for row in rows]
    table = pa.Table.from_pylist(stored, schema=INDEX_SCHEMA).slice(start)
    for found, row in zip(decoded(table), rows[start:], strict=True):
        at = row["timestamp"]
        assert isinstance(at, datetime) or at is None
        text = None if at is None else at.isoformat().replace("+00:00", "Z")
        assert found == {**row, "timestamp": text}


def test_a_slice_of_a_batch_is_written_alone() -> None:
    batch = table_of(pictures(20)).combine_chunks().to_batches()[0].slice(5, 3)
    ids = [row["file_id"] for row in decoded(batch)]
    assert ids == ["img_000005", "img_000006", "img_000007"]


def test_lines_are_objects_of_their_own() -> None:
    lines = bytes(rows_as_json(table_of(pictures(3)), "\n")).split(b"\n")
    assert [json.loads(line)["size_bytes"] for line in lines] == [1000, 1001, 1002]


@pytest.mark.parametrize("metadata", ['{"a":1},{"b":2}', "{", "", '{"a":1}]', "nonsense"])
def test_metadata_that_is_no_json_never_gets_into_an_answer(metadata: str) -> None:
    rows = table_of(pictures(3)).to_pylist()
    rows[1]["metadata"] = metadata
    with pytest.raises(Corrupt, match="metadata that is no JSON"):
        rows_as_json(pa.Table.from_pylist(rows, schema=INDEX_SCHEMA))


@pytest.mark.parametrize(
    "metadata",
    [
        ['{"x":[1', "2]}", "3,4"],
        ['{"a":[{}', "{}]}", "{},{}"],
        ['{"x":1', '"file_id":"b"}', '{},{"file_id":"c"}'],
        ["{}", ""],
        ["", "{},{}"],
    ],
)
def test_no_row_begins_what_another_one_ends(metadata: list[str]) -> None:
    """Together they are as many values as there are rows, and each alone is none."""
    rows = pa.table({"metadata": metadata})
    with pytest.raises(Corrupt, match="no JSON"):
        rows_as_json(rows)


def test_blanks_around_metadata_are_no_harm() -> None:
    rows = pa.table({"metadata": [' {"a":\n1}\n', "{}", None]})
    lines = bytes(rows_as_json(rows, "\n")).split(b"\n")
    assert [json.loads(line)["metadata"] for line in lines] == [{"a": 1}, {}, {}]


def test_bytes_that_are_no_text_are_refused() -> None:
    column = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    table = table_of(pictures(1)).set_column(0, INDEX_SCHEMA.field("file_id"), column)
    with pytest.raises(Corrupt, match="UTF-8"):
        rows_as_json(table)


def test_writing_rows_does_not_load_pandas() -> None:
    code = (
        "import sys, pyarrow as pa\n"
        "from dataplatform.api.rows_json import rows_as_json\n"
        "from opendata.reading.file_index.schema import INDEX_SCHEMA\n"
        "places = pa.py_buffer(bytes(4) + b'\\2\\0\\0\\0')\n"
        "texts = pa.Array.from_buffers(pa.string(), 1, [None, places, pa.py_buffer(b'{}')])\n"
        "ones = pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(bytes(8))])\n"
        "columns = [texts, texts, ones.view(INDEX_SCHEMA.field(2).type), ones, texts, texts]\n"
        "text = rows_as_json(pa.RecordBatch.from_arrays(columns, schema=INDEX_SCHEMA))\n"
        "assert b'1970-01-01T00:00:00Z' in bytes(text), bytes(text)\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
