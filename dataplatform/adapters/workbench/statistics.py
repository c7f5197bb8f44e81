"""Statistics of row groups and shards, from what Parquet's writer measured anyway.

Distinct values are exact within a row group. Over a shard they are exact while they are few, and
estimated by DuckDB's HyperLogLog beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.duckdb import text as sql
from dataplatform.adapters.duckdb.session import Limits, locked_session
from opendata.reading.bounds import Ordinal, decode_bound, encode_bound
from opendata.wire.chunks import ColumnStats, RowGroup


def column_stats(
    statistics: pq.Statistics | None, kind: pa.DataType, distinct: int | None
) -> ColumnStats:
    """One column chunk's statistics in the wire's form; both bounds are known, or neither."""
    if statistics is None:
        return ColumnStats(distinct_estimate=distinct)
    low = high = None
    if statistics.has_min_max:
        low = encode_bound(kind, statistics.min_raw)
        high = encode_bound(kind, statistics.max_raw)
    if low is None or high is None:
        low = high = None
    nulls = statistics.null_count if statistics.has_null_count else None
    return ColumnStats(null_count=nulls, distinct_estimate=distinct, min=low, max=high)


def merge_stats(
    schema: pa.Schema,
    path: Path,
    groups: Sequence[RowGroup],
    distinct: Mapping[str, int | None],
) -> dict[str, ColumnStats]:
    """A shard's statistics from those of its row groups.

    Args:
        distinct: Different values per plain column; None where they were too many to count.
    """
    names = [name for name in schema.names if any(name in group.stats for group in groups)]
    many = [name for name in names if name in distinct and distinct[name] is None]
    distinct = {**distinct, **_distinct_estimates(path, many)}
    return {
        name: _merged(schema.field(name).type, name, groups, distinct.get(name)) for name in names
    }


def _merged(
    kind: pa.DataType, name: str, groups: Sequence[RowGroup], distinct: int | None
) -> ColumnStats:
    parts = [(group.row_count, group.stats[name]) for group in groups]
    with_values = [stats for rows, stats in parts if stats.null_count != rows]
    nulls = [stats.null_count for _, stats in parts if stats.null_count is not None]
    return ColumnStats(
        null_count=sum(nulls) if len(nulls) == len(parts) else None,
        distinct_estimate=distinct,
        min=_extreme(kind, [stats.min for stats in with_values], min),
        max=_extreme(kind, [stats.max for stats in with_values], max),
    )


def _extreme(
    kind: pa.DataType,
    bounds: Sequence[str | None],
    choose: Callable[..., str],
) -> str | None:
    known = [bound for bound in bounds if bound is not None]
    if not known or len(known) < len(bounds):
        return None

    def ordinal(text: str) -> Ordinal:
        return decode_bound(kind, text)

    return choose(known, key=ordinal)


def _distinct_estimates(path: Path, names: Sequence[str]) -> dict[str, int]:
    if not names:
        return {}
    counts = ", ".join(f"approx_count_distinct({sql.name(n)}) AS {sql.name(n)}" for n in names)
    with locked_session([str(path)], Limits()) as session:
        return session.row(f"SELECT {counts} FROM {sql.scan([str(path)])}")
