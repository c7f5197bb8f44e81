"""Questions that make no sense, and what they are answered with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform_tests.reading.library import (
    FarSettings,
    Library,
)
from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import make_bench
from opendata._dataset import Dataset
from opendata.reading.cache import Cache
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches, read_table
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import InvalidInput, NotFound


@pytest.mark.requirement("S1-58", "S1-77")
@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({"columns": ["rates"]}, "rate"),
        ({"columns": ["Country"]}, "country"),
        ({"columns": ["yeild"]}, "yield"),
        ({"filters": [("contry", "==", "US")]}, "country"),
    ],
)
def test_a_wrong_column_is_answered_with_a_question(
    library: Library, asked: dict[str, Any], meant: str
) -> None:
    with pytest.raises(NotFound, match="has no column") as refused:
        library.read(library.access(library.bench.store), **asked)
    assert f"did you mean {meant!r}?" in (refused.value.hint or "")


def test_a_column_like_no_other_is_answered_with_those_there_are(library: Library) -> None:
    with pytest.raises(NotFound) as refused:
        library.read(library.access(library.bench.store), columns=["xyzzy"])
    assert refused.value.hint == "columns: day, country, rate, note"


@pytest.mark.requirement("S1-11")
def test_a_wrong_id_is_answered_with_a_question(far: FarSettings) -> None:
    with pytest.raises(NotFound, match="is not published") as refused:
        Dataset("tests/rate", far).load()
    assert "tests/rates" in (refused.value.hint or "")
    with pytest.raises(NotFound, match=r"the current release is 1\.0\.0"):
        Dataset("tests/rates@2.0.0", far).load()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"columns": "day"}, "no list of columns"),
        ({"filters": ["country"]}, "is no filter"),
        ({"filters": [("country", "==")]}, "is no filter"),
        ({"filters": [("country", "like", "U%")]}, "no filter operator"),
        ({"filters": [("country", "in", "US")]}, "a list of values"),
        ({"filters": [("rate", "in", 3)]}, "a list of values"),
        ({"filters": [("rate", ">", "much")]}, "cannot be compared"),
        ({"filters": [("day", ">", "soon")]}, "no date or time"),
        ({"filters": [("day", ">", 5)]}, "no date or time"),
        ({"filters": [("country", "==", 5)]}, "cannot be compared"),
        ({"start": "soon"}, "no date or time"),
        ({"end": 20261231}, "no date or time"),
        ({"start": "2026-02-01", "end": "2026-01-31"}, "ends .* before it starts"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_before_anything_is_fetched(
    library: Library, asked: dict[str, Any], said: str
) -> None:
    remote = Remote(library.bench.store)
    with pytest.raises(InvalidInput, match=said):
        library.read(library.access(remote), **asked)
    assert remote.requests == []


def test_an_interval_needs_a_time_column(tmp_path: Path) -> None:
    bench = make_bench(MemoryStore(), tmp_path)
    bench.release(pa.table({"a": [1]}))
    access = Access(bench.store, Cache(None), ReadStats())
    with pytest.raises(InvalidInput, match="no time column"):
        read_table(access, bench.current.manifest, start="2026-01-01")


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_rows(library: Library, batch_size: int) -> None:
    access = library.access(library.bench.store)
    with pytest.raises(InvalidInput, match="at least 1 row"):
        read_batches(access, library.bench.current.manifest, batch_size=batch_size)
