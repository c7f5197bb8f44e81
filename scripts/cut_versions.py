"""Cut the tables that packages published down to what fits into the repository.

`python -m scripts.cut_versions [FOLDER]` fetches the pinned packages into FOLDER (kept there for
the next time) and writes the cuts beside the golden tests. Small tables are kept whole. Of a large
one stay, for each step, the first rows by key that were added, removed, changed and left alone: in
every version where they are, as they are.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.published_versions import TABLES, PublishedTable, fetch

TARGET: Final = Path(__file__).resolve().parents[1] / "dataplatform_tests/golden/versions"
WHOLE: Final = ("media-types", "licences", "node-releases")
CUT: Final = ("airports", "towns", "cities", "reference-rates")
ROWS_OF_A_KIND: Final = 30
Keyed = Mapping[Hashable, Mapping[str, Any]]


def main(folder: Path) -> None:
    """Write every cut."""
    for table in TABLES:
        if table.name not in (*WHOLE, *CUT):
            continue
        versions = {v: table.table(fetch(table, v, folder)) for v in table.versions}
        kept = versions if table.name in WHOLE else _cut(table, versions)
        for version, rows in kept.items():
            path = TARGET / table.name / f"{version}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, path, compression="zstd", compression_level=19)
            print(f"{path.relative_to(TARGET)}: {rows.num_rows:,} rows, {path.stat().st_size:,} B")


def _cut(table: PublishedTable, versions: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The rows of all versions whose key is one of those that were picked."""
    key = table.key or table.columns
    keyed = [_by_key(rows, key) for rows in versions.values()]
    picked = {k for old, new in pairwise(keyed) for k in _picked(old, new)}
    return {
        version: rows.filter(pa.array([k in picked for k in _keys(rows, key)]))
        for version, rows in versions.items()
    }


def _picked(old: Keyed, new: Keyed) -> Iterable[Hashable]:
    both = sorted(old.keys() & new.keys(), key=repr)
    yield from islice((k for k in sorted(new.keys() - old.keys(), key=repr)), ROWS_OF_A_KIND)
    yield from islice((k for k in sorted(old.keys() - new.keys(), key=repr)), ROWS_OF_A_KIND)
    yield from islice((k for k in both if old[k] != new[k]), ROWS_OF_A_KIND)
    yield from islice((k for k in both if old[k] == new[k]), ROWS_OF_A_KIND)


def _by_key(rows: pa.Table, key: Sequence[str]) -> dict[Hashable, dict[str, Any]]:
    return dict(zip(_keys(rows, key), rows.to_pylist(), strict=True))


def _keys(rows: pa.Table, key: Sequence[str]) -> list[Hashable]:
    return list(zip(*(rows[name].to_pylist() for name in key), strict=True))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory(prefix="opendata-versions-") as scratch:
            main(Path(scratch))
