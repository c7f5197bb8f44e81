"""Segments of Parquet files: statistics from their footers, distinct values from their rows.

Here belongs measuring; implements `SegmentIndexer`. One row group's keys are in memory at a time,
and what goes over all rows is asked of the engine, which spills.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.duckdb.repetition import find_repetition, key_order
from dataplatform.adapters.duckdb.session import Limits, Session, locked_session
from dataplatform.adapters.duckdb.table import Table, open_table
from dataplatform.adapters.duckdb.text import name
from dataplatform.adapters.query_probe.keys import keys_of
from dataplatform.adapters.segments.keys import keys_by_group, rows_naming
from dataplatform.adapters.workbench.distinct import DistinctCounts
from dataplatform.adapters.workbench.statistics import column_stats, merge_stats
from dataplatform.contracts.performance import Pruning
from dataplatform.contracts.segments import Segment, SegmentIndex
from opendata.reading.predicates import compare
from opendata.reading.prune import may_match
from opendata.reading.query import BoundQuery
from opendata.reading.suggest import did_you_mean
from opendata.wire.chunks import ColumnStats, RowGroup
from opendata.wire.errors import InvalidInput, NotFound


class ParquetSegments:
    """Indexes Parquet files within `limits`; implements `SegmentIndexer`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def index(self, files: Sequence[str], keys: Sequence[str]) -> SegmentIndex:
        """Statistics, distinct values, order and pruning by keys; see the port."""
        table = open_table(files)
        _check_keys(table, keys)
        measured = [_measured(at, path, keys) for at, path in enumerate(table.files)]
        segments = [segment for found, _ in measured for segment in found]
        per_file = tuple(stats for _, stats in measured)
        with locked_session(table.files, self._limits) as session, table.opened(session):
            repetition = find_repetition(session, table, keys)
            order = key_order(session, table, keys)
            distinct = _distinct_estimates(session, table, keys)
        rows = sum(segment.row_count for segment in segments)
        return SegmentIndex(
            keys=tuple(keys),
            row_count=rows,
            segments=tuple(segments),
            files=per_file,
            distinct_est=distinct,
            distinct_keys=repetition.present - repetition.rows + repetition.groups,
            null_rows=rows - repetition.present,
            repeated_rows=repetition.rows,
            order=order,
            pruning={key: _pruning(table, segments, per_file, key).rate for key in keys},
        )

    def keys_by_group(self, path: str, keys: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
        """Each row group's keys; see the port."""
        return keys_by_group(path, keys)

    def rows_naming(
        self, path: str, column: str, values: Collection[str]
    ) -> Iterator[pa.RecordBatch]:
        """Rows by the values of a text column; see the port."""
        return rows_naming(path, column, values)


def _check_keys(table: Table, keys: Sequence[str]) -> None:
    if isinstance(keys, str) or not keys:
        raise InvalidInput("an index needs key columns", hint='write keys=["day"]', code="no_keys")
    for key in keys:
        if key not in table.schema.names:
            hint = did_you_mean(key, table.schema.names)
            raise NotFound(
                f"the table has no column {key!r}",
                code="unknown_column",
                hint=hint or f"columns: {', '.join(table.schema.names)}",
            )
        kind = table.type_of(key)
        why = table.unreadable.get(key) or table.inexact.get(key)
        if why or pa.types.is_nested(kind) or pa.types.is_null(kind):
            raise InvalidInput(f"{key} cannot be indexed: {why or f'it is {kind}'}")


def _measured(
    at: int, path: str, keys: Sequence[str]
) -> tuple[list[Segment], dict[str, ColumnStats]]:
    """A file's segments, and its own statistics by the keys."""
    segments = []
    with pq.ParquetFile(path) as file:
        # Statistics count in the unit that Parquet stores, which may be finer than the column's.
        stored = file.metadata.schema.to_arrow_schema()
        counts = DistinctCounts(pa.schema([file.schema_arrow.field(key) for key in keys]))
        for group in range(file.num_row_groups):
            metadata = file.metadata.row_group(group)
            distinct = _distinct(counts, file.read_row_group(group, columns=list(keys)))
            columns = {
                part.path_in_schema: column_stats(
                    part.statistics,
                    stored.field(part.path_in_schema).type,
                    distinct.get(part.path_in_schema, 0),
                )
                for part in map(metadata.column, range(metadata.num_columns))
                if part.path_in_schema in keys
            }
            segments.append(
                Segment(file=at, row_group=group, row_count=metadata.num_rows, columns=columns)
            )
    groups = [RowGroup(row_count=s.row_count, columns=(), stats=s.columns) for s in segments]
    if not groups:
        return segments, {}
    return segments, merge_stats(file.schema_arrow, Path(path), groups, counts.totals)


def _distinct(counts: DistinctCounts, rows: pa.Table) -> dict[str, int]:
    batches = rows.combine_chunks().to_batches()
    return counts.add(batches[0]) if batches else {}


def _distinct_estimates(
    session: Session, table: Table, keys: Sequence[str]
) -> dict[str, int | None]:
    asked = ", ".join(f"approx_count_distinct({name(key)}) AS {name(key)}" for key in keys)
    return session.row(f"SELECT {asked} FROM {table.rows_sql}")


def _pruning(
    table: Table,
    segments: Sequence[Segment],
    files: Sequence[dict[str, ColumnStats]],
    key: str,
) -> Pruning:
    """What look-ups by a key leave unread, as `QueryProbe` counts it of a release."""
    rows = [sum(s.row_count for s in segments if s.file == at) for at in range(len(files))]
    shards = [(count, partial(str, path)) for count, path in zip(rows, table.files, strict=True)]
    queries = [_query(table, key, found[key]) for found in keys_of(shards, [key])]
    groups_read, shards_read = 0, 0
    for query in queries:
        for at, stats in enumerate(files):
            if not may_match(query, stats, rows[at]):
                continue
            read = sum(
                may_match(query, segment.columns, segment.row_count)
                for segment in segments
                if segment.file == at
            )
            groups_read += read
            shards_read += read > 0
    return Pruning(len(queries), len(segments), groups_read, len(files), shards_read)


def _query(table: Table, key: str, value: object) -> BoundQuery:
    return BoundQuery((key,), (key,), (key,), ((compare(key, table.type_of(key), "==", value),),))
