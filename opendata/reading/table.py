"""Rows of a release as one Arrow table or as a stream of batches."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from opendata.reading.canonical_rows import rechunk
from opendata.reading.query import BoundQuery, Moment, bind_query
from opendata.reading.release_schema import release_schema
from opendata.reading.shard import Access, OpenShard, open_shard
from opendata.wire.errors import InvalidInput
from opendata.wire.manifest import Manifest


def read_table(
    access: Access,
    manifest: Manifest,
    *,
    columns: Sequence[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    filters: Iterable[Any] | None = None,
) -> pa.Table:
    """The rows and columns asked for, in the release's order.

    Rows whose time is null are part of it only when no interval is asked. Costs are counted in
    `access.stats`.

    Raises:
        NotFound, InvalidInput: for a wrong column, interval or filter.
        Corrupt: naming the object, if any byte differs from its digest.
    """
    started = time.perf_counter()
    schema = release_schema(manifest)
    query = bind_query(manifest, schema, columns=columns, start=start, end=end, filters=filters)
    access.stats.bytes_total = manifest.size_bytes
    parts = [_selected(shard.read(), query) for shard in _open_all(access, manifest, query, schema)]
    wanted = pa.schema([schema.field(name) for name in query.columns])
    table = pa.concat_tables(parts) if parts else wanted.empty_table()
    access.stats.seconds = time.perf_counter() - started
    return table


def read_batches(
    access: Access,
    manifest: Manifest,
    *,
    batch_size: int,
    columns: Sequence[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    filters: Iterable[Any] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of `batch_size` (the last may be shorter), one row group in memory.

    Raises:
        InvalidInput: at once, for a batch size below 1; else as :func:`read_table`.
    """
    if batch_size < 1:
        raise InvalidInput(f"a batch has at least 1 row, not {batch_size}")
    schema = release_schema(manifest)
    query = bind_query(manifest, schema, columns=columns, start=start, end=end, filters=filters)
    access.stats.bytes_total = manifest.size_bytes
    groups = (
        batch
        for shard in _open_all(access, manifest, query, schema)
        for index in shard.groups
        for batch in _selected(shard.read([index]), query).to_batches()
    )
    return rechunk(groups, batch_size)


def _open_all(
    access: Access, manifest: Manifest, query: BoundQuery, schema: pa.Schema
) -> Iterator[OpenShard]:
    for entry in manifest.files:
        shard = open_shard(access, entry, query, schema)
        if shard is not None:
            yield shard


def _selected(table: pa.Table, query: BoundQuery) -> pa.Table:
    expression = query.expression
    rows = table if expression is None else table.filter(expression)
    return rows.select(list(query.columns))
