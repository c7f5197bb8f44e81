"""Columns made without what Arrow would load for them are what Arrow itself makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.channels.columns import (
    array_of,
    instants,
    listed_texts,
    numbers,
    taken,
    texts,
    whole_numbers,
)

TEXTS = st.lists(st.text(max_size=8))
NUMBERS = st.lists(st.integers(-(2**63), 2**63 - 1))


@given(TEXTS, st.integers(0, 3))
def test_texts_go_in_and_come_out(values: list[str], cut: int) -> None:
    column = texts(values)
    column.validate(full=True)
    assert column.equals(pa.array(values, pa.string()))
    chunked = pa.chunked_array([column[:cut], column[cut:]], pa.string())
    assert listed_texts(chunked) == values


@given(NUMBERS, st.integers(0, 3))
def test_numbers_go_in_and_come_out(values: list[int], cut: int) -> None:
    column = whole_numbers(values)
    assert column.equals(pa.array(values, pa.int64()))
    assert numbers(np.array(values, np.int64)).equals(column)
    chunked = pa.chunked_array([column[:cut], column[cut:]], pa.int64())
    assert array_of(chunked).tolist() == values


@given(st.lists(st.none() | st.integers(0, 2**50)), st.integers(0, 3))
def test_times_go_in_and_come_out(values: list[int | None], cut: int) -> None:
    column = instants(values)
    column.validate(full=True)
    expected = pa.array(values, pa.int64()).cast(pa.timestamp("us", "UTC"))
    assert column.equals(expected)
    assert column.null_count == expected.null_count
    chunked = pa.chunked_array([column[:cut], column[cut:]], column.type)
    assert array_of(chunked).tolist() == [value or 0 for value in values]


_INDEX = """
import sys
from pathlib import Path
from random import Random
from dataplatform_tests.channels.test_killed import ports, spec
from dataplatform.channels.build import index_channel
folder = Path(sys.argv[1])
(folder / "lake").mkdir()
loaded = []
for number in range(2):
    (folder / "lake" / f"{number}.txt").write_bytes(b"x")
    index_channel(ports(folder), spec(folder))
    loaded.append("pandas" in sys.modules)
index_channel(ports(folder), spec(folder))
print(loaded, "pandas" in sys.modules, "duckdb" in sys.modules, "polars" in sys.modules)
"""


def test_indexing_loads_no_library_that_it_does_not_need(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _INDEX, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == "[False, False] False False False"


@given(TEXTS, st.randoms(use_true_random=False))
def test_large_tables_are_taken_from_as_small_ones_are(values: list[str], dice: Random) -> None:
    column = texts(values)
    half = len(values) // 2
    chunks = pa.chunked_array([column[:half], column[half:]], pa.string())
    table = pa.table({"text": chunks, "number": whole_numbers(range(len(values)))})
    order = np.array(dice.choices(range(len(values)), k=len(values)) if values else [], np.int64)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("dataplatform.channels.columns.WIDE_FROM_BYTES", 0)
        patched.setattr("dataplatform.channels.columns.BLOCK_ROWS", 3)
        found = taken(table, order)
    assert found.schema == table.schema
    assert found.to_pydict() == {
        "text": [values[at] for at in order],
        "number": [int(at) for at in order],
    }
