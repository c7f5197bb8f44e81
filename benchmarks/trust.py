"""Trust: verifying a release of a gigabyte, and the content hash of rows that lie in order.

The peers do the least that reads the same bytes. Verifying is beside hashlib over the same shard
files, one thread a core; hashing the content is beside decoding the same rows and taking the sha256
of their buffers as they are. Both ours come to the same answer on every machine, the peers' do not.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import tables
from benchmarks.cases import SECONDS, Action, Case, Goal

ID = "bench/signals"
SHARDED_ROWS = 8_000_000
HASHED_ROWS = 10_000_000
COLUMNS = 16
BATCH_ROWS = 1 << 16
SCHEMA = pa.schema(
    [tables.SCHEMA.field("ts"), *(pa.field(f"v{n:02}", pa.float64()) for n in range(COLUMNS))]
)
DEFINITION: dict[str, Any] = {
    "title": "Signals",
    "description": "Noise that no compression makes smaller.",
    "license": "CC0-1.0",
    "time": "ts",
    "release": {"shard": "month", "stable_copy": "never"},
}


def _prepare_release(folder: Path, scale: float) -> None:
    """A signed release of 36 shards of noise: a gigabyte of files at full scale."""
    if (folder / "ready").exists():
        return
    import opendata as od
    from dataplatform.adapters.signing.ed25519 import create_key

    signer = create_key(folder / "key.pem")
    (folder / "trust.json").write_text(signer.trust_file(), encoding="utf-8")
    os.environ["OPENDATA_STORAGE"] = str(folder / "store")
    os.environ["OPENDATA_SIGNING_KEY"] = f"file:{folder / 'key.pem'}"
    rows = int(SHARDED_ROWS * scale)
    with warnings.catch_warnings(action="ignore"):
        od.push(pa.RecordBatchReader.from_batches(SCHEMA, _noise(rows)), ID, **DEFINITION)
    (folder / "ready").touch()


def _noise(rows: int) -> Iterator[pa.RecordBatch]:
    span = int((tables.LAST - tables.FIRST).astype(np.int64)) - 1
    first = tables.FIRST.astype(np.int64)
    for start in range(0, rows, BATCH_ROWS):
        count = min(BATCH_ROWS, rows - start)
        times = first + (np.arange(start, start + count) * (span / rows)).astype(np.int64)
        random = np.random.default_rng(start)
        stamps = pa.array(times, pa.timestamp("us")).cast(SCHEMA.field("ts").type)
        values = [pa.array(random.random(count)) for _ in range(COLUMNS)]
        yield pa.RecordBatch.from_arrays([stamps, *values], schema=SCHEMA)


def _verify(folder: Path) -> Action:
    from opendata.reading.trust import TrustRoot
    from opendata.reading.verify import verify_dataset
    from opendata.stores import FolderStore
    from opendata.wire.ids import parse_reference

    store, trust = FolderStore(str(folder / "store")), folder / "trust.json"
    root = TrustRoot.from_file(str(trust))

    def action() -> None:
        verified = verify_dataset(store, parse_reference(ID), root)
        assert (verified.passed, verified.trusted) == (True, "signature"), verified

    return action


def _shard_files(folder: Path) -> list[Path]:
    from opendata.reading.resolve import read_current
    from opendata.stores import FolderStore
    from opendata.wire.ids import parse_dataset_id

    current = read_current(FolderStore(str(folder / "store")), parse_dataset_id(ID))
    assert current is not None
    return [folder / "store" / entry.path for entry in current.manifest.files]


def _hash_files(folder: Path) -> Action:
    files = _shard_files(folder)

    def digest(path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def action() -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            assert [path.name for path in files] == list(pool.map(digest, files))

    return action


def _prepare_rows(folder: Path, scale: float) -> None:
    tables.write_plain(folder / "plain.parquet", int(HASHED_ROWS * scale))


def _batches(folder: Path) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(folder / "plain.parquet").iter_batches(BATCH_ROWS)


def _content_hash(folder: Path) -> Action:
    from opendata.reading.canonical_rows import content_hash

    def action() -> None:
        content_hash(_batches(folder), tables.SCHEMA)

    return action


def _hash_buffers(folder: Path) -> Action:
    def action() -> None:
        sha = hashlib.sha256()
        for batch in _batches(folder):
            for column in batch.columns:
                for buffer in column.buffers():
                    if buffer is not None:
                        sha.update(buffer)
        sha.hexdigest()

    return action


CASES = (
    Case(
        name="verify",
        title="Verify: signature and digests of a release of 1 GB in 36 shards, in a folder",
        prepare=_prepare_release,
        contenders={"od verify": _verify, "hashlib, all cores": _hash_files},
        goals=(
            Goal("verify, seconds", SECONDS, "od verify", "hashlib, all cores", at_most=1 / 0.9),
            Goal("verify, peak memory, bytes", "peak_bytes", "od verify", at_most=256e6),
        ),
        versions=("securesystemslib", "cryptography"),
        notes="The files lie in the system's cache. hashlib takes the shards alone, od verify also "
        "chunk lists, reports, history, copies and the signature.",
    ),
    Case(
        name="content-hash",
        title="Content hash: 10 M rows of 8 columns that lie in order, from a Parquet file",
        prepare=_prepare_rows,
        contenders={"content hash": _content_hash, "decode, sha256": _hash_buffers},
        goals=(
            Goal("content hash, seconds", SECONDS, "content hash", "decode, sha256", at_most=2),
        ),
        versions=("pyarrow",),
    ),
)
