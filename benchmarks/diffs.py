"""Row diffs: ten million rows by key, by us, by hand in SQL, and by a library on two engines.

Every contender compares the same two Parquet files, in which one reading in a hundred changed, and
returns how many rows were added, removed and changed; one that miscounts is refused. What only we
do (proving that keys are unique, counting by column, samples) is part of our time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.cases import PEAK_BYTES, SECONDS, Action, Case, Goal

ROWS: Final = 10_000_000
KEY: Final = "id"
CHANGED, REMOVED, ADDED = 100, 1_000, 1_000
"""One row in so many."""
OURS, LOW_MEMORY, BY_HAND = "opendata diff", "the same, low memory", "one DuckDB statement"
POLARS, PANDAS = "datacompy on polars", "datacompy on pandas"
SHARDED, WHOLE = "two releases of 36 shards", "the same rows as two files"
REFERENCE: Final = "bench/readings"

STATEMENT: Final = """
SELECT
    count(*) FILTER (old.id IS NULL),
    count(*) FILTER (new.id IS NULL),
    count(*) FILTER (old.id IS NOT NULL AND new.id IS NOT NULL AND (
        old.ts IS DISTINCT FROM new.ts
        OR old.country IS DISTINCT FROM new.country
        OR old.station IS DISTINCT FROM new.station
        OR old.reading IS DISTINCT FROM new.reading
        OR old.quality IS DISTINCT FROM new.quality
        OR old.drift IS DISTINCT FROM new.drift
        OR old.valid IS DISTINCT FROM new.valid))
FROM read_parquet($1) AS old FULL JOIN read_parquet($2) AS new ON old.id = new.id
"""
_PUSH: Final = f"""
import sys, opendata as od
for path in sys.argv[1:]:
    od.push(
        path, {REFERENCE!r}, title="Readings", description="Synthetic readings of sensors.",
        license="CC0-1.0", repo="https://example.org/bench", topics=["benchmarks"],
        source={{"provider": "synthetic", "homepage": "https://example.org"}}, time="ts",
        release={{"shard": "month", "stable_copy": "never"}},
        contract={{"primary_key": ["ts", "id"]}},
    )
"""


def _files(folder: Path) -> tuple[str, str]:
    return str(folder / "old.parquet"), str(folder / "new.parquet")


def _prepare(folder: Path, scale: float) -> None:
    from benchmarks.peers import make_peers

    count = int(ROWS * scale)
    _write(folder / "old.parquet", _old(count))
    _write(folder / "new.parquet", _new(count))
    make_peers(folder)


def _prepare_shards(folder: Path, scale: float) -> None:
    count = int(ROWS * scale)
    _write(folder / "old.parquet", _old(count))
    _write(folder / "new.parquet", _one_month(count))
    if (folder / "store" / "datasets" / REFERENCE / "releases" / "1.0.1.json").exists():
        return
    (folder / "store").mkdir(exist_ok=True)
    _use_store(folder)
    subprocess.run([sys.executable, "-c", _PUSH, *_files(folder)], cwd=folder, check=True)


def _use_store(folder: Path) -> None:
    os.environ |= {
        "OPENDATA_STORAGE": str(folder / "store"),
        "OPENDATA_CACHE": str(folder / "cache"),
        "PYTHONWARNINGS": "ignore",
    }


def _write(path: Path, blocks: Iterator[Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from benchmarks.tables import SCHEMA

    if path.exists():
        return
    unfinished = path.with_suffix(".unfinished")
    with pq.ParquetWriter(unfinished, SCHEMA, compression="zstd") as writer:
        waiting: list[Any] = []
        for batch in blocks:
            waiting.append(batch)
            if sum(map(len, waiting)) >= 1 << 20:
                writer.write_table(pa.Table.from_batches(waiting), row_group_size=1 << 21)
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting), row_group_size=1 << 21)
    unfinished.rename(path)


def _old(count: int) -> Iterator[Any]:
    from benchmarks.tables import batches

    return batches(count, total=count)


def _new(count: int) -> Iterator[Any]:
    """One reading in a hundred is another, a thousandth of the rows is gone, as many are new."""
    from benchmarks.tables import batches

    for batch in batches(count, total=count):
        yield _with_readings(batch, every=CHANGED).filter(_ids(batch) % REMOVED != 7)
    yield from batches(count // ADDED, first=count, total=count + count // ADDED)


def _one_month(count: int) -> Iterator[Any]:
    """One reading in a hundred is another, in May 2023 alone."""
    import numpy as np
    import pyarrow as pa

    from benchmarks.tables import batches

    first, last = np.datetime64("2023-05-01", "us"), np.datetime64("2023-06-01", "us")
    for batch in batches(count, total=count):
        times = batch.column("ts").to_numpy(zero_copy_only=False)
        inside = pa.array((times >= first) & (times < last))
        changed = _with_readings(batch, every=CHANGED)
        kept = [batch.filter(~inside.to_numpy(False)), changed.filter(inside)]
        yield from pa.Table.from_batches(kept).sort_by(KEY).combine_chunks().to_batches()


def _ids(batch: Any) -> Any:
    return batch.column(KEY).to_numpy()


def _with_readings(batch: Any, *, every: int) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    hit = pa.array(_ids(batch) % every == 3)
    more = pc.add(pc.fill_null(batch.column("reading"), 0.0), 1.0)
    at = batch.schema.get_field_index("reading")
    return batch.set_column(
        at, batch.schema.field(at), pc.if_else(hit, more, batch.column("reading"))
    )


def _checked(folder: Path, found: Mapping[str, Any]) -> dict[str, float]:
    """The counts as figures; wrong ones end the contender."""
    import pyarrow.parquet as pq

    count = pq.read_metadata(_files(folder)[0]).num_rows
    removed = len(range(7, count, REMOVED))
    changed = len(range(3, count, CHANGED))  # none of these is among the removed
    counts = {name: int(found[name]) for name in ("added", "removed", "changed")}
    assert counts == {"added": count // ADDED, "removed": removed, "changed": changed}, counts
    return {name: float(value) for name, value in counts.items()}


def _ours(folder: Path, *, low_memory: bool = False) -> Action:
    _use_store(folder)
    from opendata import releases

    diff = releases.diff_datasets

    def compare() -> Mapping[str, float]:
        found = diff(*_files(folder), [KEY], low_memory=low_memory)["diff_R"]
        assert found["columns"] == {"reading": found["changed"]}
        return _checked(folder, found)

    return compare


def _ours_in_low_memory(folder: Path) -> Action:
    return _ours(folder, low_memory=True)


def _by_hand(folder: Path) -> Action:
    import duckdb

    def compare() -> Mapping[str, float]:
        with duckdb.connect(":memory:", config={"threads": 2}) as connection:
            connection.execute("SET enable_progress_bar = false")
            row = connection.execute(STATEMENT, list(_files(folder))).fetchone() or ()
        return _checked(folder, dict(zip(("added", "removed", "changed"), row, strict=True)))

    return compare


def _datacompy(folder: Path, library: str) -> Action:
    from benchmarks.peers import ask_peer

    def compare() -> Mapping[str, float]:
        found = ask_peer(folder, "_datacompy.py", library, *_files(folder), KEY)
        return {**_checked(folder, found), SECONDS: found[SECONDS]}

    return compare


def _on_polars(folder: Path) -> Action:
    return _datacompy(folder, "polars")


def _on_pandas(folder: Path) -> Action:
    return _datacompy(folder, "pandas")


def _releases(folder: Path) -> Action:
    return _changed_rows(folder, f"{REFERENCE}@1.0.0", f"{REFERENCE}@1.0.1")


def _whole_files(folder: Path) -> Action:
    return _changed_rows(folder, *_files(folder))


def _changed_rows(folder: Path, before: str, after: str) -> Action:
    _use_store(folder)
    from opendata import releases

    diff = releases.diff_datasets

    def compare() -> Mapping[str, float]:
        found = diff(before, after, ["ts", "id"])["diff_R"]
        assert found["columns"] == {"reading": found["changed"]}
        assert (found["added"], found["removed"]) == (0, 0)
        return {"changed": float(found["changed"])}

    return compare


CASES = (
    Case(
        name="diff",
        title="A diff by key of ten million rows of eight columns, one in a hundred changed",
        prepare=_prepare,
        contenders={
            OURS: _ours,
            LOW_MEMORY: _ours_in_low_memory,
            BY_HAND: _by_hand,
            POLARS: _on_polars,
            PANDAS: _on_pandas,
        },
        goals=(
            Goal("time of one DuckDB statement", SECONDS, OURS, BY_HAND, at_most=1.2),
            Goal("time of datacompy on polars", SECONDS, OURS, POLARS, at_most=1 / 3.5),
            Goal("time of datacompy on pandas", SECONDS, OURS, PANDAS, at_most=1 / 12),
            Goal("peak memory, bytes", PEAK_BYTES, OURS, at_most=1.3e9),
            Goal("peak memory in low memory, bytes", PEAK_BYTES, LOW_MEMORY, at_most=0.7e9),
        ),
        versions=("duckdb", "pyarrow"),
        notes=(
            "Imports are excluded, reading both files is not. datacompy 1.1 runs in an environment "
            "of its own with pandas 3 and polars (`requirements/peers.txt`); its clock stops when "
            "it has compared, before it is asked for counts."
        ),
    ),
    Case(
        name="diff-shards",
        title="A diff of two releases of ten million rows, one of whose 36 shards changed",
        prepare=_prepare_shards,
        contenders={SHARDED: _releases, WHOLE: _whole_files},
        goals=(Goal("time of the same rows unsharded", SECONDS, SHARDED, WHOLE, at_most=1 / 15),),
        versions=("duckdb", "pyarrow"),
        notes="Shards whose content both releases have are not read.",
    ),
)
