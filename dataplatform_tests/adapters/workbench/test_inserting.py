"""Rows that go among others in order leave them in order."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.adapters.workbench.inserting import Inserts

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-35")]

PLACES = st.lists(st.none() | st.integers(0, 20))


def _rows(values: list[int | None]) -> pa.RecordBatch:
    return pa.record_batch({"at": pa.array(values, pa.int64()), "n": pa.array(values, pa.int64())})


def _in_order(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (value is None, value or 0))


@given(PLACES, PLACES, st.integers(1, 5))
def test_batches_and_inserted_rows_come_out_in_one_order(
    there: list[int | None], coming: list[int | None], size: int
) -> None:
    inserts = Inserts(_rows(coming), ["at"])
    ordered = _in_order(there)
    found: list[Any] = []
    for start in range(0, len(ordered), size):
        found += inserts.among(_rows(ordered[start : start + size])).column("at").to_pylist()
    found += inserts.rest().column("at").to_pylist()
    assert found == _in_order(there + coming)
    assert not inserts.rest().num_rows
