"""Writing: a whole push, and a release that gains one month, beside a bare Parquet writer.

The peer does the least that leaves the same rows behind: read the table, write it with the same
compression in one file, hash the file. Ours is everything between the rows and the moved pointer:
conform, order, cut, encode, hash the content and every chunk, store durably, contract, quality,
comparison, manifest, publish.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import tables
from benchmarks.cases import SECONDS, Action, Case, Goal

ID = "bench/readings"
STORED_BYTES = "stored_bytes"
"""How much larger the store's files are than before, whatever was replaced included."""
LAST_MONTH = "2024-12"
DEFINITION: dict[str, Any] = {
    "title": "Readings",
    "description": "Synthetic sensor readings.",
    "license": "CC0-1.0",
    "time": "ts",
    "contract": {"primary_key": ["id"]},
    "release": {"shard": "month", "stable_copy": "never"},
}
PRODUCER = """
import pyarrow.parquet as pq

def produce(context):
    yield from pq.ParquetFile({path!r}).iter_batches()
"""


def _prepare_push(folder: Path, scale: float) -> None:
    tables.write_plain(folder / "plain.parquet", _rows(scale))


def _prepare_append(folder: Path, scale: float) -> None:
    """A published release of 35 months, and the rows of the one that comes next."""
    if (folder / "ready").exists():
        return
    whole = folder / "plain.parquet"
    tables.write_plain(whole, _rows(scale))
    before, after = folder / "before.parquet", folder / "month.parquet"
    _split(whole, before, after)
    _push(before, folder / "store")
    (folder / "ready").touch()


def _split(whole: Path, before: Path, after: Path) -> None:
    bound = pa.scalar(np.datetime64(f"{LAST_MONTH}-01T00:00:00", "us")).cast(
        tables.SCHEMA.field("ts").type
    )
    import pyarrow.compute as pc

    with (
        pq.ParquetWriter(before, tables.SCHEMA, compression="zstd") as first,
        pq.ParquetWriter(after, tables.SCHEMA, compression="zstd") as last,
    ):
        for batch in pq.ParquetFile(whole).iter_batches(1 << 20):
            is_new = pc.greater_equal(batch.column("ts"), bound)
            for writer, part in (
                (first, batch.filter(pc.invert(is_new))),
                (last, batch.filter(is_new)),
            ):
                if part.num_rows:
                    writer.write_batch(part)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        yield Path(scratch)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _rows(scale: float) -> int:
    return int(tables.FULL_ROWS * scale)


def _push(path: Path, store: Path) -> None:
    import os

    import opendata as od

    os.environ["OPENDATA_STORAGE"] = str(store)
    od.push(str(path), ID, **DEFINITION)


def _push_alone(folder: Path) -> Action:
    import opendata as od  # noqa: F401 - what a caller has imported before

    def action() -> dict[str, float]:
        with _scratch(folder) as store:
            _push(folder / "plain.parquet", store)
            return {STORED_BYTES: _size(store)}

    return action


def _write_alone(name: str) -> Any:
    def contender(folder: Path) -> Action:
        def action() -> dict[str, float]:
            with _scratch(folder) as out:
                path = out / "data.parquet"
                pq.write_table(pq.read_table(folder / name), path, compression="zstd")
                with path.open("rb") as file:
                    hashlib.file_digest(file, "sha256")
                return {STORED_BYTES: path.stat().st_size}

        return action

    return contender


CASES = (
    Case(
        name="push",
        title="Push: 20 M rows of 8 columns from a Parquet file, 36 monthly shards, in a folder",
        prepare=_prepare_push,
        contenders={"od.push": _push_alone, "pyarrow": _write_alone("plain.parquet")},
        goals=(
            Goal("push, seconds", SECONDS, "od.push", "pyarrow", at_most=1.5),
            Goal("push, peak memory", "peak_bytes", "od.push", "pyarrow", at_most=1.0),
        ),
        versions=("pyarrow", "duckdb"),
    ),
)
