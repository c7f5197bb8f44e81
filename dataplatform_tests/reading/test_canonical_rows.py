"""The content hash: the same rows hash the same however they are held, other rows never do."""

from __future__ import annotations

import io
import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.golden.tables import NAN, SAMPLES, all_types, sample
from opendata.reading import canonical_rows
from opendata.reading.blocks import rechunk
from opendata.reading.canonical_rows import (
    ContentHasher,
    combined_hash,
    content_hash,
    logical_type,
)
from opendata.reading.type_names import type_name
from opendata.wire.errors import InvalidInput

pytestmark = pytest.mark.requirement("S4-9", "S4-41", "B41")

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "content_hashes.json").read_text(encoding="utf-8")
)
UNITS = {"c05": "percent"}


def hash_of(table: pa.Table, units: dict[str, str] | None = None) -> str:
    return content_hash(table.to_batches(), table.schema, units)


def column(values: list[Any], kind: pa.DataType) -> pa.Table:
    return pa.table({"value": pa.array(values, kind)})


# --- for ever ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SAMPLES, ids=str)
def test_each_type_hashes_as_it_always_did(kind: pa.DataType) -> None:
    assert hash_of(sample(kind)) == GOLDEN["types"][type_name(kind)]


def test_a_table_with_all_types_hashes_as_it_always_did() -> None:
    assert hash_of(all_types()) == GOLDEN["all_types"]
    assert hash_of(all_types(), UNITS) == GOLDEN["all_types_with_a_unit"]


def test_a_release_s_hash_of_its_shards_is_what_it_always_was() -> None:
    shards = [("2024-01", 31, "sha256:" + "a" * 64), ("undated", 1, "sha256:" + "b" * 64)]
    assert combined_hash(shards) == GOLDEN["shards"]


# --- what makes no difference --------------------------------------------------------


@given(st.lists(st.integers(0, 40), max_size=6))
def test_the_split_into_batches_makes_no_difference(cuts: list[int]) -> None:
    table = pa.concat_tables([all_types()] * 13)
    bounds = [0, *sorted(cuts), table.num_rows]
    batches = [
        batch
        for start, end in pairwise(bounds)
        for batch in table.slice(start, max(end - start, 0)).combine_chunks().to_batches()
    ]
    assert content_hash(batches, table.schema) == hash_of(table)


def test_blocks_end_where_rows_do_and_not_where_batches_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(canonical_rows, "BLOCK_ROWS", 4)
    table = pa.concat_tables([all_types()] * 5)
    expected = hash_of(table)
    for rows in (1, 3, 4, 5, 100):
        assert content_hash(rechunk(table.to_batches(), rows), table.schema) == expected


@pytest.mark.requirement("S1-89")
@pytest.mark.parametrize("rows", [1, 3, 7, 100])
def test_a_block_too_large_to_hold_hashes_like_any_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows: int
) -> None:
    table = pa.concat_tables([all_types(), all_types().slice(0, 1)] * 20)
    expected = hash_of(table)
    monkeypatch.setattr(canonical_rows, "PIECE_BYTES", 1)
    hasher = ContentHasher(table.schema, folder=tmp_path)
    for batch in rechunk(table.to_batches(), rows):
        hasher.update(batch)
    assert hasher.digest() == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("S1-89")
def test_nulls_in_one_piece_of_a_block_mark_the_values_of_all_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full, empty = column(["a", "b"], pa.string()), column([None, "c"], pa.string())
    expected = hash_of(pa.concat_tables([full, empty, full]))
    monkeypatch.setattr(canonical_rows, "PIECE_BYTES", 1)
    assert hash_of(pa.concat_tables([full, empty, full])) == expected


def encodings(kind: pa.DataType) -> list[pa.DataType]:
    """Other types that hold the same values."""
    others: list[pa.DataType] = [pa.dictionary(pa.int8(), kind)]
    if kind == pa.string():
        coded = pa.dictionary(pa.int32(), pa.large_string())
        others += [pa.large_string(), pa.string_view(), coded]
    if kind == pa.binary():
        others += [pa.large_binary(), pa.binary_view()]
    return others


TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=12)


@given(TEXTS)
def test_the_encoding_of_text_makes_no_difference(values: list[str | None]) -> None:
    plain = hash_of(column(values, pa.string()))
    for kind in encodings(pa.string()):
        assert hash_of(column(values, kind)) == plain
    coded = [None if value is None else value.encode() for value in values]
    for kind in encodings(pa.binary()):
        assert hash_of(column(coded, kind)) == hash_of(column(coded, pa.binary()))


@given(TEXTS)
def test_the_encoding_of_text_inside_of_lists_and_structs_makes_no_difference(
    values: list[str | None],
) -> None:
    def nested(text: pa.DataType) -> list[pa.DataType]:
        member = pa.struct([pa.field("a", text, nullable=True)])
        return [
            pa.list_(pa.field("element", text)),
            pa.large_list(text),
            pa.list_view(text),
            pa.list_(member),
            pa.map_(pa.string(), text),
        ]

    rows: list[list[Any]] = [
        [values, None, values[:2]],
        [values, None, values[:2]],
        [values, None, values[:2]],
        [[{"a": value} for value in values], [None], []],
        [[("k", value) for value in values], None, []],
    ]
    for at, kind in enumerate(nested(pa.large_string())):
        plain = nested(pa.string())[at if at > 2 else 0]
        assert hash_of(column(rows[at], kind)) == hash_of(column(rows[at], plain))


def test_runs_hash_as_the_values_that_they_stand_for() -> None:
    runs = pa.RunEndEncodedArray.from_arrays([2, 3, 5], pa.array(["x", None, "y"]))
    table = pa.table({"value": runs})
    assert hash_of(table) == hash_of(column(["x", "x", None, "y", "y"], pa.string()))


@pytest.mark.parametrize("kind", SAMPLES, ids=str)
def test_a_slice_hashes_as_a_copy_of_its_rows(kind: pa.DataType) -> None:
    table = pa.concat_tables([sample(kind)] * 3)
    for start, length in ((0, 9), (1, 4), (2, 7), (5, 0), (8, 1)):
        part = table.slice(start, length)
        copied = pa.table({"value": pa.array(part["value"].to_pylist(), kind)})
        if pa.types.is_time64(kind) or kind.id == pa.duration("ns").id or "ns" in str(kind):
            copied = pa.concat_tables([part]).combine_chunks()
        assert hash_of(part) == hash_of(copied)


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_another_parquet_writer_makes_no_difference(compression: str) -> None:
    table = pa.concat_tables([all_types()] * 7)
    file = io.BytesIO()
    pq.write_table(
        table, file, compression=compression, row_group_size=5, use_dictionary=False, version="2.6"
    )
    read = pq.read_table(file).cast(table.schema)
    assert hash_of(read) == hash_of(table)


def test_zero_has_one_spelling_and_so_has_nan() -> None:
    other_nan = struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\xff")[0]
    for kind in (pa.float16(), pa.float32(), pa.float64()):
        assert hash_of(column([0.0, NAN], kind)) == hash_of(column([-0.0, other_nan], kind))
    nested = pa.list_(pa.float64())
    assert hash_of(column([[0.0, NAN]], nested)) == hash_of(column([[-0.0, other_nan]], nested))


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string(), pa.list_(pa.int64())])
def test_what_lies_under_a_null_makes_no_difference(kind: pa.DataType) -> None:
    values = {pa.int64(): [1, 7], pa.float64(): [1.0, 7.0], pa.string(): ["a", "hidden"]}
    present = pa.array(values.get(kind, [[1], [7, 8]]), kind)
    hidden = pa.Array.from_buffers(
        kind,
        2,
        [pa.py_buffer(b"\x01"), *present.buffers()[1 : 3 if kind == pa.string() else 2]],
        null_count=1,
        children=[present.values] if pa.types.is_list(kind) else [],
    )
    assert hidden.null_count == 1
    assert hash_of(pa.table({"value": hidden})) == hash_of(column([present[0].as_py(), None], kind))


# --- what makes one ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (column([1], pa.int64()), column([2], pa.int64())),
        (column([1, 2], pa.int64()), column([2, 1], pa.int64())),
        (column([1], pa.int64()), column([1], pa.int32())),
        (column([1], pa.int64()), column([1.0], pa.float64())),
        (column([None], pa.int64()), column([0], pa.int64())),
        (column([None], pa.float64()), column([NAN], pa.float64())),
        (column([None], pa.string()), column([""], pa.string())),
        (column([None], pa.binary()), column([b""], pa.binary())),
        (column([None], pa.bool_()), column([False], pa.bool_())),
        (column([None], pa.list_(pa.int8())), column([[]], pa.list_(pa.int8()))),
        (column([[]], pa.list_(pa.int8())), column([[None]], pa.list_(pa.int8()))),
        (column(["ab", "c"], pa.string()), column(["a", "bc"], pa.string())),
        (column([[1], [2]], pa.list_(pa.int8())), column([[1, 2], []], pa.list_(pa.int8()))),
        (
            column([None], pa.struct([("a", pa.int8())])),
            column([{"a": None}], pa.struct([("a", pa.int8())])),
        ),
        (
            column([{"a": 1}], pa.struct([("a", pa.int8())])),
            column([{"b": 1}], pa.struct([("b", pa.int8())])),
        ),
        (column([1], pa.timestamp("s")), column([1], pa.timestamp("ms"))),
        (column([1], pa.timestamp("s")), column([1], pa.timestamp("s", tz="UTC"))),
        (column([1], pa.date32()), column([1], pa.int32())),
        (column([], pa.int64()), column([None], pa.int64())),
        (pa.table({"a": [1]}), pa.table({"b": [1]})),
        (pa.table({"a": [1], "b": [1]}), pa.table({"b": [1], "a": [1]})),
    ],
)
def test_another_value_type_order_or_name_is_another_content(
    one: pa.Table, other: pa.Table
) -> None:
    assert hash_of(one) != hash_of(other)


def test_another_unit_is_another_content() -> None:
    table = column([1.0], pa.float64())
    hashes = [hash_of(table, units) for units in (None, {"value": "metre"}, {"value": "foot"})]
    assert len(set(hashes)) == 3


SHORT = st.one_of(st.none(), st.text("ab", max_size=2))
COLUMNS = st.one_of(
    *(
        st.tuples(st.just(kind), st.lists(st.one_of(st.none(), value), max_size=4))
        for kind, value in (
            (pa.int64(), st.integers(-9, 9)),
            (pa.string(), SHORT),
            (pa.list_(pa.string()), st.lists(SHORT, max_size=3)),
        )
    )
)


@given(COLUMNS, COLUMNS)
def test_two_columns_hash_the_same_only_if_they_are_the_same(
    one: tuple[pa.DataType, list[Any]], other: tuple[pa.DataType, list[Any]]
) -> None:
    left, right = (column(values, kind) for kind, values in (one, other))
    assert (hash_of(left) == hash_of(right)) == (one == other)


def test_a_type_without_a_fixed_form_is_refused_by_name() -> None:
    months = pa.array([(1, 2, 3)], pa.month_day_nano_interval())
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    for values in (months, union):
        with pytest.raises(InvalidInput, match="cannot be released"):
            hash_of(pa.table({"value": values}))


def test_the_logical_type_is_a_fixed_point() -> None:
    for kind in SAMPLES:
        assert logical_type(logical_type(kind)) == logical_type(kind)
