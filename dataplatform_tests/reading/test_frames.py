"""Frames: the same values and types as Arrow's own conversion, however they were put together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal
from polars.testing import assert_frame_equal as assert_polars_equal

from dataplatform_tests.golden.tables import all_types
from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading import source
from opendata.reading.cache import Cache
from opendata.reading.frames import read_frame
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_table
from opendata.stores import FolderStore

FIRST_DAY = 20_454  # 2026-01-01
SECTIONS: dict[str, Any] = {"time": "day", "release": {"shard": "month"}}


def whole_columns(rows: int = 180) -> pa.Table:
    """Columns without nulls, which have one array each, and columns with them."""
    seconds = pa.array([FIRST_DAY * 86_400 + at * 43_200 for at in range(rows)], pa.int64())
    with_nulls = pa.array([None if at % 5 == 0 else at for at in range(rows)], pa.int64())
    return pa.table(
        {
            "day": pa.array([FIRST_DAY + at // 2 for at in range(rows)], pa.int32()).cast(
                pa.date32()
            ),
            "at": seconds.cast(pa.timestamp("s")).cast(pa.timestamp("us", "Europe/Paris")),
            "count": pa.array(range(rows), pa.int16()),
            "maybe_count": with_nulls,
            "maybe_at": with_nulls.cast(pa.timestamp("ns")),
            "maybe_day": with_nulls.cast(pa.int32()).cast(pa.date32()),
            "share": pa.array([None if at % 7 == 0 else at / 3 for at in range(rows)]),
            "is_good": pa.array([at % 3 == 0 for at in range(rows)]),
            "maybe_good": pa.array([None if at % 4 == 0 else True for at in range(rows)]),
            "code": pa.array([None if at % 11 == 0 else f"C{at % 3}" for at in range(rows)]),
            "name": pa.array([f"a name of its own, {at}" for at in range(rows)]),
            "tags": pa.array([["a", None], []] * (rows // 2), pa.list_(pa.string())),
        }
    )


def published(tmp_path: Path, table: pa.Table, **sections: Any) -> Bench:
    bench = make_bench(FolderStore(str(tmp_path / "store")), tmp_path, group_rows=25, **sections)
    bench.release(table)
    return bench


def accesses(bench: Bench, tmp_path: Path) -> list[Access]:
    """A folder, a remote store without a cache, and one with a cache."""
    remote = Remote(bench.store)
    return [
        Access(bench.store, Cache(None), ReadStats()),
        Access(remote, Cache(None), ReadStats()),
        Access(remote, Cache(str(tmp_path / "cache")), ReadStats()),
    ]


ASKED: list[dict[str, Any]] = [
    {},
    {"columns": ["code", "count", "day"]},
    {"start": "2026-02-01", "end": "2026-02-28"},
    {"start": "2026-01-20", "end": "2026-03-10", "columns": ["tags", "at", "name"]},
    {"filters": [("code", "==", "C1")]},
    {"start": "2030-01-01"},
    {"columns": ["count", "count"]},
]


@pytest.mark.requirement("S1-11", "S1-58")
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_frame_is_what_arrow_would_make_of_the_same_rows(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    bench = published(tmp_path, whole_columns(), **SECTIONS)
    manifest = bench.current.manifest
    table = read_table(Access(bench.store, Cache(None), ReadStats()), manifest, **asked)
    for access in accesses(bench, tmp_path):
        frame = read_frame(access, manifest, "pandas", **asked)
        assert_frame_equal(frame, table.to_pandas(date_as_object=False), check_exact=True)
        if asked != ASKED[-1]:  # polars has no two columns of one name
            polars = read_frame(access, manifest, "polars", **asked)
            assert_polars_equal(polars, pl.from_arrow(table))


@pytest.mark.requirement("S1-11", "S1-8")
def test_every_type_is_in_a_frame_what_arrow_makes_of_it(tmp_path: Path) -> None:
    table = pa.concat_tables([all_types()] * 3)
    bench = published(tmp_path, table)
    manifest = bench.current.manifest
    expected = bench.read()
    for access in accesses(bench, tmp_path):
        frame = read_frame(access, manifest, "pandas")
        arrows = expected.to_pandas(date_as_object=False)
        assert list(frame.dtypes) == list(arrows.dtypes)
        assert_frame_equal(frame.map(repr), arrows.map(repr))  # NaN in a map equals nothing


def test_a_frame_can_be_written_to(tmp_path: Path) -> None:
    bench = published(tmp_path, whole_columns(), **SECTIONS)
    access = Access(bench.store, Cache(None), ReadStats())
    frame = read_frame(access, bench.current.manifest, "pandas")
    frame.loc[0, ["count", "share", "code", "is_good"]] = [7, 7.0, "seven", False]
    assert list(frame.loc[0, ["count", "share", "code", "is_good"]]) == [7, 7.0, "seven", False]
    frame["at"] = frame["at"] + pd.Timedelta(days=1)


@pytest.mark.requirement("S1-59")
def test_a_column_that_only_sure_statistics_look_at_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "SMALL_OBJECT_BYTES", 0)
    monkeypatch.setattr(source, "WHOLE_FROM_SHARE", 1.1)
    bench = published(tmp_path, whole_columns(), **SECTIONS)
    costs = {}
    for start in ("2026-02-01", "2026-02-02"):
        access = Access(Remote(bench.store), Cache(None), ReadStats())
        asked = {"start": start, "end": "2026-02-28", "columns": ["count"]}
        read_table(access, bench.current.manifest, **asked)
        costs[start] = access.stats.bytes_read
    assert costs["2026-02-01"] < costs["2026-02-02"]  # a month that ends where shards do


@pytest.mark.requirement("S1-9", "S1-12")
def test_arrow_and_polars_come_without_pandas(tmp_path: Path) -> None:
    published(tmp_path, whole_columns(), **SECTIONS)
    code = """
import sys
import opendata as od
asked = [
    {"start": "2026-02-01", "end": "2026-02-28", "columns": ["count", "code"]},
    {"start": "2026-02-03", "end": "2026-02-27T12:00:00Z"},
    {"filters": [("code", "==", "C1"), ("share", ">", 1.5), ("at", ">=", "2026-02-01")]},
    {"filters": [("code", "in", ["C1", "C2"]), ("count", "<", 99), ("name", "is not null")]},
]
for one in asked:
    for format in ("arrow", "polars"):
        assert len(od.load("tests/rates", format=format, **one)) > 5
    assert sum(len(batch) for batch in od.dataset("tests/rates").batches(**one)) > 5
assert "pandas" not in sys.modules
"""
    environ = {
        "OPENDATA_STORAGE": str(tmp_path / "store"),
        "OPENDATA_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": ":".join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
