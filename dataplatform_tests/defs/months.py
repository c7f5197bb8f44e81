"""A producer of months for tests: it yields what it is asked for, from a source that can be bad.

The source is a file of `month value` lines beside its `main.py`; a value `x` is a month that the
source does not answer for, and a value below zero breaks the contract.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataplatform_tests.defs.site import DATASET, Site
from opendata.reading.cache import Cache
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_table

MAIN = """
import datetime
from pathlib import Path

def produce(context):
    context.log.info("asked from %s to %s", context.start, context.end)
    found = []
    for line in Path(__file__).with_name("source.txt").read_text().splitlines():
        month, value = line.split()
        day = datetime.date.fromisoformat(f"{month}-15")
        if context.start and day < context.start.date() or context.end and day > context.end.date():
            continue
        if value == "x":
            raise RuntimeError(f"the source has no page for {month}")
        found.append((day, float(value)))
    days, values = zip(*found) if found else ((), ())
    kinds = pa.schema([("day", pa.date32()), ("value", pa.float64())])
    return pa.table({"day": list(days), "value": list(values)}, schema=kinds)
"""
SECTIONS: dict[str, Any] = {
    "time": "day",
    "contract": {
        "primary_key": ["day"],
        "fields": [
            {"name": "day", "type": "date32", "nullable": False},
            {"name": "value", "type": "float64"},
        ],
        "rules": [{"kind": "range", "field": "value", "min": 0}],
    },
    "release": {"shard": "month", "since": "2024-01-01"},
}


def write_months(
    site: Site, values: dict[str, float | str], dataset: str = DATASET, /, **sections: Any
) -> Path:
    """The producer, and what its source holds now; returns its folder."""
    folder = site.write_main(MAIN, dataset, **(SECTIONS | sections))
    lines = [f"{month} {value}" for month, value in values.items()]
    (folder / "source.txt").write_text("\n".join(lines))
    return folder


def published_months(site: Site, dataset: str = DATASET) -> dict[str, float]:
    """What readers get, by month."""
    release = site.current(dataset)
    if release is None:
        return {}
    access = Access(site.platform.ports.store, Cache(None), ReadStats())
    rows = read_table(access, release.manifest).to_pylist()
    return {f"{row['day']:%Y-%m}": row["value"] for row in rows}
