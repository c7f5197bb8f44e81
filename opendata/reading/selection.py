"""From a query to the pieces of shards that answer it, in the release's order.

Here belongs the cut into tasks: small enough that several run at once and little waits in memory,
large enough that a remote store is asked few times. Decoding them belongs in `decode`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from opendata.reading.ahead import in_order, worker_count
from opendata.reading.key_index import Groups, look_up
from opendata.reading.partitions import named_shard
from opendata.reading.prune import may_match
from opendata.reading.query import BoundQuery, Moment, bind_query
from opendata.reading.release_schema import release_schema
from opendata.reading.shard import Access, ShardPlan, plan_shard
from opendata.reading.source import Portion, ShardSource
from opendata.wire.manifest import FileEntry, Manifest

TASK_ROWS = 1 << 20
TASK_BYTES = 64 << 20
"""What one task decodes at most, and fetches at most where ranges are fetched."""
STREAMED_BYTES = 16 << 20
"""The same where rows are streamed: what is fetched together is held until it is decoded."""


@dataclass(frozen=True)
class Selection:
    """A query that is bound to a release, and the workers that answer it.

    `groups` are the row groups that an index leaves of each shard, where one was of use.
    """

    access: Access
    query: BoundQuery
    schema: pa.Schema
    entries: tuple[FileEntry, ...]
    workers: int
    groups: Groups | None = None

    @property
    def wanted(self) -> pa.Schema:
        """The schema of the answer."""
        return pa.schema([self.schema.field(name) for name in self.query.columns])

    def nothing(self) -> pa.Table:
        """The answer without rows (Arrow's own empty table would import pandas)."""
        return pa.Table.from_batches([], schema=self.wanted)

    def sources(self, *, eager: bool = True) -> Generator[ShardSource, None, None]:
        """The shards that take part, in order; their chunk lists are read ahead."""
        groups = self.groups or {}
        tasks = (
            partial(plan_shard, self.access, entry, self.query, groups.get(entry.name))
            for entry in self.entries
        )
        with closing(in_order(tasks, workers=self.workers, eager=eager)) as plans:
            for plan in plans:
                if plan is not None:
                    yield ShardSource(self.access, plan)


def select(
    access: Access,
    manifest: Manifest,
    *,
    columns: Sequence[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    filters: Iterable[Any] | None = None,
    partition: str | None = None,
) -> Selection:
    """Bind a query and leave out the shards that statistics or an index rule out.

    `partition` is the name of the one shard that is meant.

    Raises:
        NotFound, InvalidInput: for a wrong column, interval, filter or shard; nothing was fetched
            then.
    """
    schema = release_schema(manifest)
    query = bind_query(manifest, schema, columns=columns, start=start, end=end, filters=filters)
    files = manifest.files if partition is None else named_shard(manifest, partition)
    return selection_of(access, manifest, schema, query, files)


def selection_of(
    access: Access,
    manifest: Manifest,
    schema: pa.Schema,
    query: BoundQuery,
    files: Sequence[FileEntry],
) -> Selection:
    """The shards among `files` that may answer a query; the others count as skipped."""
    entries = tuple(entry for entry in files if may_match(query, entry.stats, entry.row_count))
    groups = look_up(access, manifest, query, schema, entries)
    if groups is not None:
        entries = tuple(entry for entry in entries if entry.name in groups)
    access.stats.bytes_total = manifest.size_bytes
    access.stats.add(shards_skipped=len(manifest.files) - len(entries))
    access.stats.expect(sum(entry.size_bytes for entry in entries))
    is_remote = bool(entries) and access.reader.local_path(entries[0].path) is None
    return Selection(access, query, schema, entries, worker_count(remote=is_remote), groups)


def portions(source: ShardSource, max_bytes: int, max_rows: int) -> Iterator[Portion]:
    """A shard's needed row groups in runs of so many bytes and rows, at least one group each."""
    run: list[int] = []
    run_bytes = run_rows = 0
    for index in source.plan.groups:
        group_bytes, rows = _cost(source.plan, index)
        if run and (run_bytes + group_bytes > max_bytes or run_rows + rows > max_rows):
            yield source.portion(run)
            run, run_bytes, run_rows = [], 0, 0
        run.append(index)
        run_bytes, run_rows = run_bytes + group_bytes, run_rows + rows
    if run:
        yield source.portion(run)


def _cost(plan: ShardPlan, index: int) -> tuple[int, int]:
    group = plan.chunks.row_groups[index]
    wanted = set(plan.columns)
    needed = (
        column.bytes.length
        for column in group.columns
        if column.path in wanted or column.path.split(".", 1)[0] in wanted
    )
    return sum(needed), group.row_count
