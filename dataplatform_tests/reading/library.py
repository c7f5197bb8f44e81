"""A published data set of three shards that tests read, from near and from far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import Bench
from opendata._settings import Settings
from opendata.reading.cache import Cache
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_table
from opendata.stores.port import ObjectReader

FIRST_DAY = 20_454  # 2026-01-01
SECTIONS: dict[str, Any] = {
    "time": "day",
    "release": {"shard": "month"},
    "contract": {
        "primary_key": ["day", "country"],
        "fields": [
            {"name": "day", "type": "date32", "nullable": False},
            {"name": "country", "type": "string", "nullable": False},
            {"name": "rate", "type": "float64", "aliases": ["yield"], "unit": "percent"},
            {"name": "note", "type": "string"},
        ],
    },
}


def countries(days: int = 90) -> pa.Table:
    """Three countries a day over three months: rates with gaps, and notes that take room."""
    count = days * 3
    return pa.table(
        {
            "day": pa.array([FIRST_DAY + at // 3 for at in range(count)], pa.int32()).cast(
                pa.date32()
            ),
            "country": pa.array([("AT", "DE", "US")[at % 3] for at in range(count)]),
            "rate": pa.array([None if at % 7 == 0 else at / 4 for at in range(count)]),
            "note": pa.array([f"{at:05} " * 40 for at in range(count)]),
        }
    )


TABLE = countries()


@dataclass
class Library:
    """A published data set, and ways to read it."""

    bench: Bench

    def access(self, reader: ObjectReader, cache: Cache | None = None) -> Access:
        return Access(reader, cache or Cache(None), ReadStats())

    def read(self, access: Access, **asked: Any) -> pa.Table:
        return read_table(access, self.bench.current.manifest, **asked)


class FarSettings(Settings):
    """Settings that lead to a given reader."""

    def __init__(self, remote: Remote, cache: Path) -> None:
        super().__init__({"OPENDATA_CACHE": str(cache)}, cache)
        object.__setattr__(self, "_remote", remote)

    def reader(self) -> ObjectReader:
        return self._remote  # type: ignore[attr-defined,no-any-return]
