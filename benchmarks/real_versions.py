"""Real versions: every step between consecutive versions of eleven published tables.

Every contender counts the rows that each step added, removed and changed, in full tables of 170 to
171,075 rows, and one that counts other than what is known of a step is refused. Most of these
tables are small, so what a comparison costs before its first row weighs here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks.cases import SECONDS, Action, Case, Goal
from benchmarks.published_versions import TABLES, Counts, PublishedTable, fetch

OURS, BY_HAND = "opendata diff", "one DuckDB statement a step"
COUNTS: Final = """
SELECT count(*) FILTER (WHERE a.{first} IS NULL),
       count(*) FILTER (WHERE b.{first} IS NULL),
       count(*) FILTER (WHERE a.{first} IS NOT NULL AND b.{first} IS NOT NULL AND ({changed}))
FROM read_parquet($1) AS a FULL JOIN read_parquet($2) AS b ON {on}
"""
BAGS: Final = """
SELECT (SELECT count(*) FROM (FROM read_parquet($2) EXCEPT ALL FROM read_parquet($1))),
       (SELECT count(*) FROM (FROM read_parquet($1) EXCEPT ALL FROM read_parquet($2))),
       0
"""


def _path(folder: Path, table: PublishedTable, version: str) -> Path:
    return folder / f"{table.name}-{version}.parquet"


def _prepare(folder: Path, scale: float) -> None:
    """Fetch the pinned packages; `scale` has nothing to say about real tables."""
    import pyarrow.parquet as pq

    fetched = folder / "fetched"
    fetched.mkdir(exist_ok=True)
    for table in TABLES:
        for version in table.versions:
            rows = table.table(fetch(table, version, fetched))
            pq.write_table(rows, _path(folder, table, version), compression="zstd")


def _steps(folder: Path) -> Iterator[tuple[PublishedTable, Path, Path, Counts]]:
    for table in TABLES:
        paths = [_path(folder, table, version) for version in table.versions]
        for (before, after), known in zip(pairwise(paths), table.steps, strict=True):
            yield table, before, after, known


def _ours(folder: Path) -> Action:
    from opendata import releases

    def compare() -> Mapping[str, float]:
        steps = list(_steps(folder))
        for table, before, after, known in steps:
            rows = releases.diff_datasets(before, after, list(table.key))["diff_R"]
            found = (rows["added"], rows["removed"], rows["changed"])
            assert found == known, (table.name, before.stem, found)
        return {"steps": len(steps)}

    return compare


def _by_hand(folder: Path) -> Action:
    import duckdb

    def compare() -> Mapping[str, float]:
        steps = list(_steps(folder))
        for table, before, after, known in steps:
            with duckdb.connect(":memory:", config={"threads": 2}) as connection:
                connection.execute("SET enable_progress_bar = false")
                sql = _statement(table)
                found = connection.execute(sql, [str(before), str(after)]).fetchone()
            assert found == known, (table.name, before.stem, found)
        return {"steps": len(steps)}

    return compare


def _statement(table: PublishedTable) -> str:
    if not table.key:
        return BAGS
    rest = [name for name in table.columns if name not in table.key] or list(table.key)
    return COUNTS.format(
        first=f'"{table.key[0]}"',
        changed=" OR ".join(f'(a."{name}" IS DISTINCT FROM b."{name}")' for name in rest),
        on=" AND ".join(f'a."{name}" = b."{name}"' for name in table.key),
    )


CASES = (
    Case(
        name="real-versions",
        title="All 28 steps between real versions of eleven published tables",
        prepare=_prepare,
        contenders={OURS: _ours, BY_HAND: _by_hand},
        goals=(Goal("28 steps, to plain DuckDB", SECONDS, OURS, BY_HAND, at_most=5.0),),
        versions=("duckdb", "pyarrow"),
        notes=(
            "Packages are pinned by version and file digest and fetched once. Ours also compares "
            "the columns, refuses repeated keys, and keeps samples of what changed."
        ),
    ),
)
