"""What a shard's writer counts, and how it chooses to encode."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.adapters.workbench.distinct import KEPT_BYTES_MAX, DistinctCounter
from dataplatform.adapters.workbench.encoding import encoding_options

GROUPS = st.lists(
    st.lists(st.one_of(st.none(), st.integers(-5, 50)), min_size=1, max_size=20),
    min_size=1,
    max_size=5,
)


def exactly(values: list[int | None]) -> int:
    return int(pc.count_distinct(pa.array(values, pa.int64()), mode="only_valid").as_py())


@given(GROUPS)
def test_row_groups_are_counted_exactly_and_a_shard_too_or_not_at_all(
    groups: list[list[int | None]],
) -> None:
    counter = DistinctCounter()
    assert [counter.add(pa.array(group, pa.int64())) for group in groups] == list(
        map(exactly, groups)
    )
    assert counter.total in (None, exactly([value for group in groups for value in group]))


def test_a_column_that_only_rises_is_counted_without_being_hashed() -> None:
    counter = DistinctCounter()
    for start in (0, 1_000, 2_000):
        counter.add(pa.array(range(start, start + 1_000), pa.int64()))
    assert counter.total == 3_000


def test_too_many_different_values_are_left_to_an_estimate() -> None:
    counter = DistinctCounter()
    falling = pa.array(range(KEPT_BYTES_MAX // 8 + 1, -1, -1), pa.int64())
    assert counter.add(falling) == len(falling)
    assert counter.total is None


@pytest.mark.requirement("S4-47")
def test_columns_are_encoded_by_what_their_first_rows_are_like() -> None:
    count = 1_000
    rows = pa.record_batch(
        {
            "rising": pa.array(range(count), pa.int64()),
            "repeating": pa.array(["a", "b"] * (count // 2)),
            "measured": pa.array([i * 0.6180339887 % 1 for i in range(count)], pa.float64()),
        }
    )
    options = encoding_options(rows)
    assert options["use_dictionary"] == ["repeating"]
    assert options["column_encoding"] == {"rising": "DELTA_BINARY_PACKED"}


def test_members_of_nested_columns_are_left_to_the_writer() -> None:
    rows = pa.record_batch({"list": pa.array([[1], [2]], pa.list_(pa.int64()))})
    assert set(encoding_options(rows)) == {"compression", "version"}
