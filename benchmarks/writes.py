"""Writing: a whole push, and a release that gains one month, beside a bare Parquet writer.

The peer does the least that leaves the same rows behind: read the table, write it with the same
compression in one file, hash the file. Ours is everything between the rows and the moved pointer:
conform, order, cut, encode, hash the content and every chunk, store durably, contract, quality,
comparison, manifest, publish.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import tables
from benchmarks.cases import SECONDS, Action, Case, Contender, Goal
from opendata.reading.resolve import read_current
from opendata.wire.ids import parse_dataset_id

if TYPE_CHECKING:
    from dataplatform.wiring import Platform

ID = "bench/readings"
STORED_BYTES = "stored_bytes"
"""How much larger the store's files are than before, whatever was replaced included."""
START, END = "2024-12-01T00:00:00+00:00", "2024-12-31T23:59:59.999999+00:00"
DEFINITION: dict[str, Any] = {
    "title": "Readings",
    "description": "Synthetic sensor readings.",
    "license": "CC0-1.0",
    "time": "ts",
    "contract": {"primary_key": ["id"]},
    "release": {"shard": "month", "stable_copy": "never"},
}
PRODUCER = """
from pyarrow import parquet

def produce(context):
    yield from parquet.ParquetFile({path!r}).iter_batches()
"""


def _prepare_push(folder: Path, scale: float) -> None:
    tables.write_plain(folder / "plain.parquet", _rows(scale))


def _prepare_append(folder: Path, scale: float) -> None:
    """A published release of 35 months, and the rows of the one that comes next."""
    if (folder / "ready").exists():
        return
    whole, before = folder / "plain.parquet", folder / "before.parquet"
    tables.write_plain(whole, _rows(scale))
    _split(whole, before, folder / "month.parquet")
    push_file(before, folder / "store")
    (folder / "ready").touch()


def _split(whole: Path, before: Path, after: Path) -> None:
    bound = pa.scalar(datetime.fromisoformat(START), tables.SCHEMA.field("ts").type)
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
def scratch_in(folder: Path) -> Iterator[Path]:
    """A folder that is gone when the contender ends."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        yield Path(scratch)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _rows(scale: float) -> int:
    return int(tables.FULL_ROWS * scale)


def push_file(path: Path, store: Path) -> None:
    """Publish a file's rows in a store of their own."""
    import opendata as od

    os.environ["OPENDATA_STORAGE"] = str(store)
    with warnings.catch_warnings(action="ignore"):  # that it is not signed
        od.push(str(path), ID, **DEFINITION)


def _push_alone(folder: Path) -> Action:
    # Imports are not what is measured.
    import dataplatform.cli.pushing
    import dataplatform.cli.sdk
    import dataplatform.wiring  # noqa: F401

    def action() -> dict[str, float]:
        with scratch_in(folder) as store:
            push_file(folder / "plain.parquet", store)
            return {STORED_BYTES: _size(store)}

    return action


def _append(folder: Path) -> Action:
    """A producer that yields the new month, run for that month by the verbs of `od run`."""
    from dataplatform.adapters.runner.producer_process.lazy_pandas import delay_pandas
    from dataplatform.releases.chain import Released
    from dataplatform.releases.run import build, release
    from dataplatform.releases.trace import RunReference

    delay_pandas()  # as the command does
    stack = contextlib.ExitStack()
    scratch = stack.enter_context(scratch_in(folder))
    shutil.copytree(folder / "store", scratch / "store")
    platform = platform_at(scratch, folder / "month.parquet")
    producer = platform.producers.find(parse_dataset_id(ID))
    options = dataclasses.replace(
        platform.options(producer),
        start_at=datetime.fromisoformat(START),
        end_at=datetime.fromisoformat(END),
    )
    current = read_current(platform.ports.store, producer.id)
    assert current is not None
    for entry in current.manifest.files:
        platform.ports.shard_path(entry)  # hashed when they were published, but this is a copy
    before = _size(scratch / "store")

    def action() -> dict[str, float]:
        with stack:
            result = release(
                platform.ports,
                producer.id,
                lambda: build(platform.ports, producer, options, lambda level, text: None),
                RunReference(run_id=uuid.uuid4().hex, by="benchmark"),
                lambda text: None,
            )
            assert isinstance(result, Released), result
            return {STORED_BYTES: _size(scratch / "store") - before}

    return action


def platform_at(scratch: Path, month: Path) -> Platform:
    """The platform on `scratch / "store"`, with a producer that yields the rows of a file."""
    from dataplatform.settings import read_settings
    from dataplatform.wiring import from_settings

    folder = scratch / "producers" / ID
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(PRODUCER.format(path=str(month)), encoding="utf-8")
    source = {"repo": "https://example.org/bench", "source": {"provider": "bench"}}
    document = {"id": ID, **source, **DEFINITION}
    (folder / "opendata.yaml").write_text(json.dumps(document), encoding="utf-8")
    environ = {
        "OPENDATA_STORAGE": str(scratch / "store"),
        "OPENDATA_PRODUCERS": str(scratch / "producers"),
        "OPENDATA_CACHE": str(scratch / "cache"),
    }
    return from_settings(read_settings({**os.environ, **environ}, scratch))


def _write_alone(name: str) -> Contender:
    def contender(folder: Path) -> Action:
        def action() -> dict[str, float]:
            with scratch_in(folder) as out:
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
    Case(
        name="republish",
        title="Republish: a release of 36 months gains one more by a run for that month",
        prepare=_prepare_append,
        contenders={"od run": _append, "pyarrow": _write_alone("month.parquet")},
        goals=(
            Goal("republish, bytes stored", STORED_BYTES, "od run", "pyarrow", at_most=1.1),
            Goal("republish, seconds", SECONDS, "od run", "pyarrow", at_most=3),
        ),
        versions=("pyarrow", "duckdb"),
    ),
)
