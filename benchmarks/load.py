"""Loading: a whole release, one month of it, a whole process, and what verification adds."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from benchmarks.cases import CPU_SECONDS, PEAK_BYTES, PROCESS_SECONDS, SECONDS, Action, Case, Goal
from benchmarks.released import REFERENCE, plain_file, publish, store_of

MONTH = ("2023-03-01", "2023-03-31")
COLUMNS = ["ts", "reading"]


def _dataset(folder: Path, cache: str = "cache") -> Any:
    os.environ["OPENDATA_STORAGE"] = str(store_of(folder))
    os.environ["OPENDATA_CACHE"] = str(folder / cache)
    import opendata as od

    return od.dataset(REFERENCE)


def _loading(format: str, *imports: str, **asked: Any) -> Any:
    def contender(folder: Path) -> Action:
        for name in (*imports, "opendata.reading.frames", "opendata.stores.folder"):
            importlib.import_module(name)
        dataset = _dataset(folder)

        def act() -> dict[str, float]:
            dataset.load(format=format, **asked)
            stats = dataset.stats
            share = stats.bytes_read / stats.bytes_total
            return {"requests": stats.requests, "share_read": share}

        return act

    return contender


def _cold(folder: Path) -> Action:
    shutil.rmtree(folder / "forgotten", ignore_errors=True)
    dataset = _dataset(folder, "forgotten")
    return lambda: dataset.load(format="arrow")


def _month_object(folder: Path) -> Path:
    """The month's own shard: what a peer would be given who knows where to look."""
    releases = store_of(folder) / "datasets" / REFERENCE / "releases"
    manifest = json.loads(next(releases.glob("*.json")).read_text())
    entry = next(one for one in manifest["files"] if one["name"] == MONTH[0][:7])
    return store_of(folder) / str(entry["path"])


def _pandas(folder: Path) -> Action:
    import pandas as pd

    return lambda: pd.read_parquet(plain_file(folder))


def _pandas_tuned(folder: Path) -> Action:
    import pandas  # noqa: F401 - imports do not count
    import pyarrow.parquet as pq

    def act() -> Any:
        table = pq.ParquetFile(plain_file(folder), memory_map=True).read()
        return table.to_pandas(split_blocks=True, self_destruct=True)

    return act


def _pyarrow(folder: Path) -> Action:
    import pyarrow.parquet as pq

    return lambda: pq.read_table(plain_file(folder))


def _polars(folder: Path) -> Action:
    import polars as pl

    return lambda: pl.scan_parquet(plain_file(folder)).collect()


def _polars_month(folder: Path) -> Action:
    import polars as pl

    path = _month_object(folder)
    return lambda: pl.scan_parquet(path).select(COLUMNS).collect()


def _polars_month_process(folder: Path) -> Action:
    path = _month_object(folder)

    def act() -> Any:
        import polars as pl

        return pl.scan_parquet(path).select(COLUMNS).collect().to_arrow()

    return act


def _process_month(folder: Path) -> Action:
    return lambda: _dataset(folder).load(
        start=MONTH[0], end=MONTH[1], columns=COLUMNS, format="arrow"
    )


def _pooch_month(folder: Path) -> Action:
    """A file that pooch keeps, which it hashes on every call; nothing is downloaded."""
    import pandas as pd
    import pooch

    path = plain_file(folder)
    known = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    first, last = (pd.Timestamp(one, tz="UTC") for one in (MONTH[0], "2023-04-01"))
    filters = [("ts", ">=", first), ("ts", "<", last)]

    def act() -> Any:
        kept = pooch.retrieve(
            f"https://data.invalid/{path.name}", known, fname=path.name, path=path.parent
        )
        return pd.read_parquet(kept, columns=COLUMNS, filters=filters)

    return act


_VERSIONS = ("pandas", "polars", "pyarrow")
_ASKED_MONTH = {"start": MONTH[0], "end": MONTH[1], "columns": COLUMNS}

CASES = (
    Case(
        name="load-whole",
        title="A whole release of 20 M × 8 in 36 monthly shards, from a folder",
        prepare=publish,
        contenders={
            "od.load, pandas": _loading("pandas", "opendata.reading.pandas_frame"),
            "pandas.read_parquet": _pandas,
            "pyarrow tuned, pandas": _pandas_tuned,
            "od.load, arrow": _loading("arrow", "pyarrow.parquet"),
            "od.load, arrow, not yet verified": _cold,
            "pyarrow.read_table": _pyarrow,
            "od.load, polars": _loading("polars", "opendata.reading.polars_frame"),
            "polars.scan_parquet": _polars,
        },
        goals=(
            Goal("speed of pandas.read_parquet", SECONDS, "pandas.read_parquet",
                 "od.load, pandas", at_least=1.4),
            Goal("peak memory of pandas.read_parquet", PEAK_BYTES, "od.load, pandas",
                 "pandas.read_parquet", at_most=0.7),
            Goal("time of the tuned read", SECONDS, "od.load, pandas", "pyarrow tuned, pandas",
                 at_most=1.1),
            Goal("time of pyarrow", SECONDS, "od.load, arrow", "pyarrow.read_table", at_most=1.1),
            Goal("time of polars", SECONDS, "od.load, polars", "polars.scan_parquet",
                 at_most=1.1),
            Goal("processor time with verification, of that without", CPU_SECONDS,
                 "od.load, arrow, not yet verified", "od.load, arrow", at_most=1.15),
        ),
        versions=_VERSIONS,
        notes="The peers read the same rows from one file of a million rows a row group.",
    ),
    Case(
        name="load-month",
        title="One month of 36, two columns, from a folder",
        prepare=publish,
        contenders={
            "od.load, polars": _loading("polars", "opendata.reading.polars_frame", **_ASKED_MONTH),
            "polars, the month's file": _polars_month,
            "od.load, pandas": _loading("pandas", "opendata.reading.pandas_frame", **_ASKED_MONTH),
            "pooch and pandas": _pooch_month,
        },
        goals=(
            Goal("time of polars on the same file", SECONDS, "od.load, polars",
                 "polars, the month's file", at_most=1.2),
            Goal("speed of pooch and pandas", SECONDS, "pooch and pandas",
                 "od.load, pandas", at_least=10),
            Goal("share of the release's bytes", "share_read", "od.load, pandas",
                 at_most=0.03),
            Goal("requests, the chunk list's included", "requests", "od.load, pandas", at_most=4),
        ),
        versions=(*_VERSIONS, "pooch"),
        notes="polars is told which file holds the month; pooch keeps the release as one file.",
    ),
    Case(
        name="load-process",
        title="A whole process: import, and the first month of two columns as Arrow",
        prepare=publish,
        contenders={"opendata": _process_month, "polars": _polars_month_process},
        goals=(Goal("time of polars", PROCESS_SECONDS, "opendata", "polars", at_most=1.1),),
        versions=_VERSIONS,
        notes="pandas is installed, and neither of them loads it.",
    ),
)  # fmt: skip
