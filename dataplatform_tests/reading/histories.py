"""Data sets that went through several schemas, for tests of reading through an earlier one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from dataplatform_tests.reading.library import Library
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading.cache import Cache
from opendata.reading.lineage import reader_release
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches, read_table
from opendata.stores import FolderStore, ObjectStore
from opendata.wire.manifest import Manifest

FIRST_DAY = 20_454  # 2026-01-01
DAY = {"name": "day", "type": "date32", "nullable": False}
PERCENT = {"name": "10Y", "type": "float64", "unit": "percent"}
RENAMED = {"name": "y10", "type": "float64", "unit": "percent", "aliases": ["10Y"]}
SHARE = {"name": "y10", "type": "float64", "unit": "1", "aliases": ["10Y"]}
COUNT = {"name": "trades", "type": "int32"}
WIDE_COUNT = {"name": "trades", "type": "int64"}
NOTE = {"name": "note", "type": "string"}
REGION = {"name": "region", "type": "string", "nullable": False, "default": "EU"}


def days(count: int) -> pa.Array:
    return pa.array(range(FIRST_DAY, FIRST_DAY + count), pa.int32()).cast(pa.date32())


def sections(*fields: dict[str, Any], shard: str = "month", **release: Any) -> dict[str, Any]:
    """The sections of an opendata.yaml with these fields."""
    return {
        "time": "day",
        "release": {"shard": shard, **release},
        "contract": {"primary_key": ["day"], "fields": [DAY, *fields]},
    }


def empty_bench(folder: Path, store: ObjectStore | None = None, **given: Any) -> Bench:
    return make_bench(store or FolderStore(str(folder / "store")), folder, group_rows=30, **given)


class History:
    """One data set whose schema moves on, and what its readers get."""

    def __init__(self, folder: Path, store: ObjectStore | None = None) -> None:
        self.bench = empty_bench(folder, store)
        self.library = Library(self.bench)
        self.stats = ReadStats()

    def release(self, columns: dict[str, Any], *fields: dict[str, Any], **cut: Any) -> Manifest:
        """Publish columns under fields; the day column is there already."""
        count = len(next(iter(columns.values())))
        table = pa.table({"day": days(count), **columns})
        self.bench = self.bench.declared(**sections(*fields, **cut))
        return self.bench.release(table).release.manifest

    def known_to(self, reader: str) -> Manifest:
        return reader_release(self.bench.store, self.bench.current, reader)

    def read(self, reader: str | None, **asked: Any) -> pa.Table:
        access = self.library.access(self.bench.store, Cache(None))
        self.stats = access.stats
        known = None if reader is None else self.known_to(reader)
        return read_table(access, self.bench.current.manifest, reader=known, **asked)

    def stream(self, reader: str, **asked: Any) -> list[pa.RecordBatch]:
        access = self.library.access(self.bench.store, Cache(None))
        self.stats = access.stats
        known = self.known_to(reader)
        return list(read_batches(access, self.bench.current.manifest, reader=known, **asked))


def yields(count: int = 90) -> pa.Array:
    """Percents with gaps, some of which are no round number as a share."""
    return pa.array([None if at % 11 == 5 else at / 7 for at in range(count)], pa.float64())


def as_share(percents: pa.Array) -> pa.Array:
    return pa.array([None if one is None else one / 100 for one in percents.to_pylist()])


def moved_on(folder: Path) -> History:
    """Percent under a name that is gone, then a share with a note, a region and wider counts.

    Schema 1.0.0 has `10Y` in percent and `trades` as int32; 1.1.0 calls it `y10`; 1.2.0 gives it
    in 1, and 1.3.0 widens the counts, adds `note` and the required `region`.
    """
    history = History(folder)
    count = pa.array(range(90), pa.int32())
    history.release({"10Y": yields(), "trades": count}, PERCENT, COUNT)
    history.release({"y10": yields(), "trades": count}, RENAMED, COUNT)
    share = as_share(yields())
    history.release({"y10": share, "trades": count}, SHARE, COUNT)
    history.release(
        {
            "y10": share,
            "trades": count.cast(pa.int64()),
            "note": pa.array(["n"] * 90),
            "region": pa.array(["EU"] * 90),
        },
        *(SHARE, WIDE_COUNT, NOTE, REGION),
    )
    return history
