"""The external sort itself: how much of its rows is in memory, and what it makes of odd batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dataplatform.adapters.arrange import runs
from dataplatform.adapters.arrange.sort_keys import sort_keys

MEMORY_BYTES = 1 << 20
SCHEMA = pa.schema({"key": pa.int64(), "value": pa.float64()})


def in_no_order(rows: int, batch_rows: int = 1_000) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng(7)
    for _ in range(0, rows, batch_rows):
        keys, values = random.integers(0, 1 << 60, batch_rows), random.random(batch_rows)
        yield pa.record_batch([pa.array(keys), pa.array(values)], schema=SCHEMA)


def held_while_sorting(folder: Path, rows: int) -> int:
    """The most bytes that Arrow holds whenever sorted rows are handed over."""
    before, held, found, last = pa.total_allocated_bytes(), 0, 0, -1
    keys = sort_keys(SCHEMA, ["key"])
    for batch in runs.external_sort(in_no_order(rows), keys, folder, MEMORY_BYTES):
        held = max(held, pa.total_allocated_bytes() - before)
        values = batch.column("key").to_numpy()
        assert last <= values[0] and (np.diff(values) >= 0).all()
        found, last = found + batch.num_rows, values[-1]
    assert found == rows
    return held


@pytest.mark.parametrize("rows", [100_000, 1_000_000])
def test_runs_that_were_merged_before_are_held_in_blocks_as_small_as_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(runs, "FAN_IN", 4)  # a million rows take several passes then
    assert held_while_sorting(tmp_path, rows) < MEMORY_BYTES
    assert not list(tmp_path.iterdir())


def test_a_merge_of_as_many_runs_as_fit_stays_within_the_memory(tmp_path: Path) -> None:
    run_rows = MEMORY_BYTES // 4 // 16
    assert held_while_sorting(tmp_path, runs.FAN_IN * run_rows // 1_000 * 1_000) < MEMORY_BYTES


def test_batches_without_rows_make_no_run(tmp_path: Path) -> None:
    empty = pa.record_batch([pa.array([], f.type) for f in SCHEMA], schema=SCHEMA)
    batches = [empty, *in_no_order(300, 100), empty]
    found = runs.external_sort(batches, sort_keys(SCHEMA, ["key"]), tmp_path, 1)
    assert sum(batch.num_rows for batch in found) == 300
    assert not list(runs.external_sort([empty], sort_keys(SCHEMA, ["key"]), tmp_path, 1))
