"""Blocks: bounded in rows and bytes, and cut where the rows say, whatever batches they come in."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform_tests.golden.tables import SAMPLES, sample
from opendata.reading.blocks import rechunk, row_bytes

pytestmark = pytest.mark.requirement("S1-89")


def texts(lengths: list[int | None], kind: pa.DataType | None = None) -> pa.RecordBatch:
    values = [None if length is None else "x" * length for length in lengths]
    return pa.record_batch({"text": pa.array(values, pa.string()).cast(kind or pa.string())})


def sizes(batch: pa.RecordBatch) -> list[int]:
    found = row_bytes(batch)
    return [found] * batch.num_rows if isinstance(found, int) else [int(size) for size in found]


def row_counts(batches: list[pa.RecordBatch], rows: int, max_bytes: int) -> list[int]:
    return [block.num_rows for block in rechunk(batches, rows, max_bytes)]


def test_a_block_ends_before_the_row_that_is_too_much() -> None:
    assert sizes(texts([2, 2, 2, 2])) == [10, 10, 10, 10]
    assert row_counts([texts([2, 2, 2, 2])], rows=100, max_bytes=30) == [3, 1]
    assert row_counts([texts([2, 2, 2, 2])], rows=100, max_bytes=29) == [2, 2]


def test_a_row_that_is_too_much_for_any_block_has_one_of_its_own() -> None:
    lengths: list[int | None] = [1, 500, 1, 1]
    assert row_counts([texts(lengths)], rows=100, max_bytes=50) == [1, 1, 2]
    assert row_counts([texts([500]), texts([500])], rows=100, max_bytes=50) == [1, 1]


def test_narrow_rows_are_cut_by_their_number() -> None:
    numbers = pa.record_batch({"number": pa.array(range(10))})
    assert row_counts([numbers], rows=4, max_bytes=1 << 20) == [4, 4, 2]
    nothing = pa.record_batch({"nothing": pa.nulls(5)})
    assert row_counts([nothing], rows=4, max_bytes=1) == [4, 1]


@pytest.mark.parametrize("kind", SAMPLES, ids=str)
def test_a_row_counts_for_the_same_beside_others_and_alone(kind: pa.DataType) -> None:
    batch = sample(kind).combine_chunks().to_batches()[0]
    alone = [size for at in range(batch.num_rows) for size in sizes(batch.slice(at, 1))]
    assert sizes(batch) == alone


@pytest.mark.parametrize(
    "kind",
    [
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
    ],
    ids=str,
)
def test_a_text_counts_for_its_length_however_it_is_held(kind: pa.DataType) -> None:
    lengths: list[int | None] = [3, 3, None, 0, 3]
    assert sizes(texts(lengths, kind)) == sizes(texts(lengths)) == [11, 11, 8, 8, 11]
    assert sizes(texts(lengths, kind).slice(1, 3)) == [11, 8, 8]


def test_lists_count_for_their_items_and_structs_for_their_members() -> None:
    kind = pa.list_(pa.struct([("word", pa.string()), ("place", pa.int32())]))
    rows = [[{"word": "abc", "place": 1}, {"word": None, "place": None}], [], None, [None]]
    batch = pa.record_batch({"words": pa.array(rows, kind)})
    assert sizes(batch) == [8 + (11 + 4) + (8 + 4), 8, 8, 8 + 12]


@given(
    st.lists(st.none() | st.integers(0, 60), max_size=40),
    st.lists(st.integers(0, 40), max_size=6),
    st.integers(1, 12),
    st.integers(1, 200),
)
def test_blocks_do_not_depend_on_the_batches(
    lengths: list[int | None], cuts: list[int], rows: int, max_bytes: int
) -> None:
    whole = texts(lengths)
    bounds = [0, *sorted(min(cut, len(lengths)) for cut in cuts), len(lengths)]
    pieces = [whole.slice(start, end - start) for start, end in pairwise(bounds)]
    blocks = list(rechunk(pieces, rows, max_bytes))
    assert [b.num_rows for b in blocks] == row_counts([whole], rows, max_bytes)
    assert pa.Table.from_batches(blocks, whole.schema).to_pydict() == whole.to_pydict()
    assert all(b.num_rows == 1 or sum(sizes(b)) <= max_bytes for b in blocks)
