"""Listing and streaming files out of an index of 50 million: by time, by batch, as dictionaries.

The index is synthetic (`synthetic_index`), written as channels write theirs; DuckDB also gets the
same rows in the layout that it writes by default, since small row groups are its worst case.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.cases import PEAK_BYTES, SECONDS, Action, Case, Goal
from benchmarks.synthetic_index import (
    CAMERAS,
    EPOCH_MICROSECONDS,
    ROWS,
    STEP_MICROSECONDS,
    write_index,
)

WINDOW_ROWS = 10_000
WINDOWS = 40
BATCH_ROWS = 1_000
STREAMED_ROWS = 5_000_000
DICTIONARY_ROWS = 1_000_000
RATE = "rows_per_second"
_COLUMNS = "file_id, relative_path, timestamp, size_bytes, checksum, metadata"
_START = datetime.fromtimestamp(EPOCH_MICROSECONDS / 1e6, UTC)
_STEP = timedelta(microseconds=STEP_MICROSECONDS)
Query = Callable[[datetime, datetime], Any]


def _index(folder: Path) -> Path:
    return folder / "data" / "store" / "index.parquet"


def _duckdb_layout(folder: Path) -> Path:
    return folder / "data" / "duckdb.parquet"


def _prepare(folder: Path, scale: float) -> None:
    """One index for all cases, since it takes minutes and gigabytes."""
    import duckdb

    from dataplatform.adapters.index_files.parquet import INDEX_OPTIONS, INDEX_ROW_GROUP_ROWS

    shared = folder.parent / f"file_index-{scale:g}"
    shared.mkdir(exist_ok=True)
    if not (folder / "data").exists():
        (folder / "data").symlink_to(shared)
    if _duckdb_layout(folder).exists():
        return
    _index(folder).parent.mkdir(parents=True, exist_ok=True)
    rows = max(4 * WINDOW_ROWS, round(ROWS * scale))
    write_index(_index(folder), rows, INDEX_ROW_GROUP_ROWS, INDEX_OPTIONS)
    draft = shared / "draft.parquet"
    duckdb.sql(f"copy (from '{_index(folder)}') to '{draft}' (format parquet, compression zstd)")
    draft.rename(_duckdb_layout(folder))
    _open(folder)  # hashed once; that is remembered, as it is for users


def _open(folder: Path) -> Any:
    """The index as `open_index` gives it, its digest known as from a lock."""
    import hashlib

    from opendata.reading.cache import Cache
    from opendata.reading.file_index.index import open_index
    from opendata.stores import FolderStore

    path, known = _index(folder), folder / "data" / "sha256"
    if not known.exists():
        with path.open("rb") as file:
            known.write_text(hashlib.file_digest(file, "sha256").hexdigest())
    store, cache = FolderStore(str(path.parent)), Cache(str(folder / "data" / "cache"))
    return open_index(store, cache, path.name, known.read_text(), path.stat().st_size)


def _rows(folder: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(_index(folder)).metadata.num_rows)


# --- who answers: from an interval to its rows as Arrow -------------------------------


def _opendata(folder: Path) -> Query:
    from opendata.reading.file_index.query import FileQuery

    _import_reading()
    opened: list[Any] = []

    def query(start: datetime, end: datetime) -> Any:
        if not opened:  # by the first query, which is timed in `file_first_window`
            opened.append(_open(folder))
        return opened[0].page(FileQuery(start, end), offset=0, limit=WINDOW_ROWS)

    return query


def _import_reading() -> None:
    import opendata.reading.file_index.index
    import opendata.stores.folder  # noqa: F401 - imports do not count


def _duckdb(place: Callable[[Path], Path]) -> Callable[[Path], Query]:
    def opened(folder: Path) -> Query:
        import duckdb

        connection = duckdb.connect()
        text = (
            f"select {_COLUMNS} from '{place(folder)}' where timestamp between ? and ? "
            f"limit {WINDOW_ROWS}"
        )
        return lambda start, end: connection.execute(text, [start, end]).fetch_arrow_table()

    return opened


def _polars(folder: Path) -> Query:
    import polars as pl

    path = _index(folder)

    def query(start: datetime, end: datetime) -> Any:
        asked = pl.col("timestamp").is_between(start, end)
        return pl.scan_parquet(path).filter(asked).head(WINDOW_ROWS).collect().to_arrow()

    return query


def _floor(folder: Path) -> Query:
    """The least that pyarrow can do: a parsed footer, a bisection, and the row groups' decoding."""
    import numpy as np
    import pyarrow.parquet as pq

    file = pq.ParquetFile(_index(folder), memory_map=True, pre_buffer=False)
    footer = file.metadata
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    firsts = np.cumsum([0, *(group.num_rows for group in groups)])
    ends = np.array([group.column(2).statistics.max_raw for group in groups])

    def query(start: datetime, end: datetime) -> Any:
        low, high = ((at - _START) // timedelta(microseconds=1) + EPOCH_MICROSECONDS
                     for at in (start, end))  # fmt: skip
        first = int(np.searchsorted(ends, low))
        last = min(int(np.searchsorted(ends, high)), len(groups) - 1)
        table = file.read_row_groups(range(first, last + 1))
        row = (low - EPOCH_MICROSECONDS) // STEP_MICROSECONDS
        return table.slice(row - int(firsts[first]), WINDOW_ROWS)

    return query


# --- cases ----------------------------------------------------------------------------


def _windows(folder: Path, count: int, seed: int) -> Iterator[tuple[datetime, datetime]]:
    rows, chance = _rows(folder), random.Random(seed)
    for _ in range(count):
        first = chance.randrange(rows - WINDOW_ROWS)
        yield _START + first * _STEP, _START + (first + WINDOW_ROWS - 1) * _STEP


def _ask(query: Query, windows: Iterator[tuple[datetime, datetime]]) -> None:
    for start, end in windows:
        found = query(start, end)
        if found.num_rows != WINDOW_ROWS:
            raise AssertionError(f"{found.num_rows} rows, not {WINDOW_ROWS}")


def _warm(opened: Callable[[Path], Query]) -> Callable[[Path], Action]:
    def contender(folder: Path) -> Action:
        query, windows = opened(folder), list(_windows(folder, WINDOWS, seed=7))
        _ask(query, _windows(folder, 3, seed=3))
        return lambda: _ask(query, iter(windows))

    return contender


def _first(opened: Callable[[Path], Query]) -> Callable[[Path], Action]:
    def contender(folder: Path) -> Action:
        query, windows = opened(folder), list(_windows(folder, 1, seed=7))
        return lambda: _ask(query, iter(windows))

    return contender


def _streamed(limit: int, batches: Callable[[Path], Iterator[Any]]) -> Callable[[Path], Action]:
    def contender(folder: Path) -> Action:
        _import_reading()
        taken = batches(folder)

        def act() -> dict[str, float]:
            import time

            began, count = time.perf_counter(), 0
            for batch in taken:
                count += len(batch)
                if count >= limit:
                    break
            return {RATE: count / (time.perf_counter() - began)}

        return act

    return contender


def _our_batches(folder: Path) -> Iterator[Any]:
    from opendata.reading.file_index.query import FileQuery

    yield from _open(folder).batches(FileQuery(), BATCH_ROWS)


def _pyarrow_batches(folder: Path) -> Iterator[Any]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(_index(folder), memory_map=True, pre_buffer=False)
    yield from file.iter_batches(BATCH_ROWS)


def _dictionaries(folder: Path) -> Iterator[Any]:
    return (batch.to_pylist() for batch in _pyarrow_batches(folder))


def _our_dictionaries(folder: Path) -> Iterator[Any]:
    import pyarrow as pa

    from opendata._index_client.records import FileList

    origin: Any = None  # only names are looked up in it
    for batch in _our_batches(folder):
        yield FileList(pa.Table.from_batches([batch]), origin).to_dicts()


def _counted(count: Callable[[Path], int]) -> Callable[[Path], Action]:
    def contender(folder: Path) -> Action:
        _import_reading()
        count(folder)
        return lambda: {"files": count(folder)}

    return contender


def _our_count(folder: Path) -> int:
    from opendata.reading.file_index.query import file_query

    query = file_query(_START, _START + STREAMED_ROWS * _STEP, {"camera_id": CAMERAS[0]})
    return int(_open(folder).count(query).files)


def _duckdb_count(folder: Path) -> int:
    import duckdb

    text = (
        f"select count(*), sum(size_bytes) from '{_duckdb_layout(folder)}' where timestamp "
        "between ? and ? and json_extract_string(metadata, '$.camera_id') = ?"
    )
    asked = [_START, _START + STREAMED_ROWS * _STEP, CAMERAS[0]]
    found = duckdb.execute(text, asked).fetchone()
    return int(found[0]) if found else 0


_VERSIONS = ("pyarrow", "polars", "duckdb")

CASES = (
    Case(
        name="file_window",
        title=f"{WINDOWS} × 10,000 files of an interval out of an index of 50 million, warm",
        prepare=_prepare,
        contenders={
            "opendata": _warm(_opendata),
            "duckdb": _warm(_duckdb(_duckdb_layout)),
            "duckdb_same_file": _warm(_duckdb(_index)),
            "polars": _warm(_polars),
            "floor": _warm(_floor),
        },
        goals=(
            Goal("≥ 5 × faster than DuckDB on its own layout", SECONDS, "opendata", "duckdb",
                 at_most=0.2),
            Goal("≤ 2 × the least that pyarrow can do", SECONDS, "opendata", "floor", at_most=2.0),
        ),
        versions=_VERSIONS,
    ),
    Case(
        name="file_first_window",
        title="the first 10,000 files that a process asks of it, imports excluded",
        prepare=_prepare,
        contenders={
            "opendata": _first(_opendata),
            "polars": _first(_polars),
            "duckdb": _first(_duckdb(_duckdb_layout)),
        },
        goals=(Goal("≤ 1.2 × polars", SECONDS, "opendata", "polars", at_most=1.2),),
        versions=_VERSIONS,
    ),
    Case(
        name="file_stream",
        title="streaming files in batches of 1,000",
        prepare=_prepare,
        contenders={
            "opendata": _streamed(STREAMED_ROWS, _our_batches),
            "pyarrow": _streamed(STREAMED_ROWS, _pyarrow_batches),
            "dictionaries": _streamed(DICTIONARY_ROWS, _dictionaries),
        },
        goals=(
            Goal("≥ 0.9 × pyarrow's iter_batches", RATE, "opendata", "pyarrow", at_least=0.9),
            Goal("≥ 8 × a stream of dictionaries", RATE, "opendata", "dictionaries", at_least=8.0),
            Goal("no more memory than iter_batches, and a fifth", PEAK_BYTES, "opendata", "pyarrow",
                 at_most=1.2),
        ),
        versions=_VERSIONS,
    ),
    Case(
        name="file_dictionaries",
        title="the same batches as dictionaries",
        prepare=_prepare,
        contenders={
            "opendata": _streamed(DICTIONARY_ROWS, _our_dictionaries),
            "to_pylist": _streamed(DICTIONARY_ROWS, _dictionaries),
        },
        goals=(Goal("≥ 0.9 × to_pylist", RATE, "opendata", "to_pylist", at_least=0.9),),
        versions=_VERSIONS,
    ),
    Case(
        name="file_metadata",
        title="counting one camera's files among 5 million, by their metadata",
        prepare=_prepare,
        contenders={"opendata": _counted(_our_count), "duckdb": _counted(_duckdb_count)},
        versions=_VERSIONS,
    ),
)  # fmt: skip
