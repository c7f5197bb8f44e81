"""Indexing: `releases.build_index`, over a draft, a release, a table or a file (S4-47).

Here belongs bringing what is given into the shape of files. Measuring is the port's; what a draft
makes of it, `releases.draft`'s.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dataplatform.cli.frames import as_reader
from dataplatform.cli.place import find_settings
from dataplatform.cli.release_flow import Draft
from dataplatform.contracts.segments import SegmentIndex
from dataplatform.releases.draft import with_statistics
from dataplatform.releases.ports import ReleasePorts
from dataplatform.wiring import for_rehearsal
from opendata.reading.resolve import resolve
from opendata.wire.ids import parse_reference
from opendata.wire.manifest import FileEntry


def build_index(ds: Any, keys: Sequence[str]) -> dict[str, Any]:
    """Statistics of every segment by `keys`, and how the keys lie in the rows (S4-47).

    Args:
        ds: A draft, a reference such as `ns/name@1.2.0`, a frame or Arrow table, or the path of a
            Parquet file (its row groups are taken as they are).
        keys: The columns to index by.

    Returns:
        `{"keys", "row_count", "segments": [{"shard", "row_group", "row_count", "columns": {key:
        {"min", "max", "null_count", "distinct_estimate"}}}, …], "distinct_est": {key: estimate},
        "distinct_keys", "unique", "null_rows", "repeated_rows", "order": "strict" | "with repeats"
        | "none", "pruning": {key: share}}`. A draft's own statistics are refreshed by it.

    Raises:
        NotFound, InvalidInput: if there is no such table or column, or a column has no order.
    """
    if isinstance(ds, Draft):
        found = _of_shards(ds.ports, ds.built.candidate.files, keys)
        ds.built = with_statistics(ds.ports, ds.built, found.files)
        return _told(found, [entry.name for entry in ds.built.candidate.files])
    with tempfile.TemporaryDirectory(prefix="opendata-index-") as scratch:
        ports = for_rehearsal(find_settings(), scratch).ports
        if not isinstance(ds, str | os.PathLike):
            return _of_rows(ports, ds, Path(scratch, "rows.parquet"), keys)
        path = Path(ds).expanduser()
        if path.is_file():
            return _told(ports.segments.index([str(path)], keys), [path.name])
        files = resolve(ports.store, parse_reference(str(ds))).manifest.files
        return _told(_of_shards(ports, files, keys), [entry.name for entry in files])


def _of_shards(
    ports: ReleasePorts, files: Sequence[FileEntry], keys: Sequence[str]
) -> SegmentIndex:
    return ports.segments.index([ports.shard_path(entry) for entry in files], keys)


def _of_rows(ports: ReleasePorts, data: Any, path: Path, keys: Sequence[str]) -> dict[str, Any]:
    reader = as_reader(data)
    with pq.ParquetWriter(path, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return _told(ports.segments.index([str(path)], keys), ["rows"])


def _told(index: SegmentIndex, shards: Sequence[str]) -> dict[str, Any]:
    found = index.to_json()
    found["segments"] = [
        {"shard": shards[segment.pop("file")], **segment} for segment in found["segments"]
    ]
    found["unique"] = index.is_unique
    del found["files"]
    return found
