"""Types and frames: what was pushed comes back as it went."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars
import pyarrow as pa
import pytest

from dataplatform_tests.golden.tables import SAMPLES, all_types, sample
from dataplatform_tests.reading.library import (
    TABLE,
    FarSettings,
)
from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import make_bench
from opendata._dataset import Dataset
from opendata.reading.cache import Cache
from opendata.reading.release_schema import release_schema
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches, read_table
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import InvalidInput


@pytest.mark.requirement("S1-8", "S1-11")
@pytest.mark.parametrize("kind", SAMPLES, ids=str)
def test_every_type_comes_back_as_it_went(tmp_path: Path, kind: pa.DataType) -> None:
    bench = make_bench(MemoryStore(), tmp_path)
    table = pa.concat_tables([sample(kind), sample(kind).slice(0, 1)])
    bench.release(table)
    read = bench.read()
    assert read.schema.field("value").type == kind
    assert read.schema == release_schema(bench.current.manifest)
    expected = sorted(map(repr, table["value"].to_pylist()))
    assert sorted(map(repr, read["value"].to_pylist())) == expected
    empty = read_table(
        Access(bench.store, Cache(None), ReadStats()),
        bench.current.manifest,
        columns=["value"],
    ).slice(0, 0)
    assert empty.schema == read.schema


@pytest.mark.requirement("S1-8")
def test_all_types_together_in_many_small_row_groups(tmp_path: Path) -> None:
    bench = make_bench(MemoryStore(), tmp_path, group_rows=2)
    table = pa.concat_tables([all_types()] * 3)
    bench.release(table)
    read = bench.read()
    assert read.schema.equals(table.schema)
    assert read.num_rows == 9
    batches = list(
        read_batches(
            Access(Remote(bench.store), Cache(None), ReadStats()),
            bench.current.manifest,
            batch_size=4,
        )
    )
    assert [batch.num_rows for batch in batches] == [4, 4, 1]


@pytest.mark.requirement("S1-58")
def test_an_empty_answer_has_the_schema_of_a_full_one(far: FarSettings) -> None:
    handle = Dataset("tests/rates", far)
    for asked in ({"start": "2027-01-01"}, {"filters": [("rate", "==", 5.1)]}):
        empty = handle.load(columns=["rate", "day"], format="arrow", **asked)
        assert empty.num_rows == 0
        assert empty.schema == TABLE.select(["rate", "day"]).schema
        assert list(handle.load(columns=["rate", "day"], **asked).columns) == ["rate", "day"]


@pytest.mark.requirement("S1-11", "S1-55")
def test_rows_come_as_the_frame_that_is_asked_for(far: FarSettings) -> None:
    handle = Dataset("tests/rates", far)
    frame = handle.load(columns=["day", "rate"])
    assert isinstance(frame, pd.DataFrame)
    assert str(frame["day"].dtype).startswith("datetime64")
    assert isinstance(handle.load(format="polars"), polars.DataFrame)
    assert isinstance(handle.load(format="arrow"), pa.Table)
    with pytest.raises(InvalidInput, match="is no format"):
        handle.load(format="excel")  # type: ignore[arg-type]
