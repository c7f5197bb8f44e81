"""Groups of rows depend on the rows alone, and are bounded in rows and in bytes."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.channels.row_groups import row_groups

SCHEMA = pa.schema([("text", pa.string()), ("number", pa.int64())])


@given(st.lists(st.integers(0, 12), max_size=40), st.sets(st.integers(0, 40)))
def test_groups_are_the_same_however_rows_were_cut(lengths: list[int], cuts: set[int]) -> None:
    rows = pa.RecordBatch.from_arrays(
        [
            pa.array(["x" * length for length in lengths], pa.string()),
            pa.array(range(len(lengths)), pa.int64()),
        ],
        schema=SCHEMA,
    )
    edges = sorted({0, len(lengths), *(cut for cut in cuts if cut < len(lengths))})
    pieces = [rows.slice(start, end - start) for start, end in pairwise(edges)]
    whole = list(row_groups([rows], 5, 20))
    assert list(row_groups(pieces, 5, 20)) == whole
    assert pa.Table.from_batches(whole, SCHEMA).equals(pa.Table.from_batches([rows]))
    for group in whole:
        size = sum(len(text) for text in group["text"].to_pylist())
        assert 1 <= group.num_rows <= 5
        assert size <= 20
    for group, following in pairwise(whole):  # none is smaller than it has to be
        more = sum(map(len, [*group["text"].to_pylist(), following["text"][0].as_py()]))
        assert group.num_rows == 5 or more > 20
