"""Prune: which shards and row groups cannot hold a row that is asked for, or hold no other. Pure.

Conservative: without statistics, or for a comparison whose order is not ours to know, everything
may match and nothing must. A row group of nulls alone matches only what nulls satisfy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from opendata.reading.bounds import Ordinal, decode_bound
from opendata.reading.predicates import Predicate
from opendata.reading.query import BoundQuery
from opendata.wire.chunks import ColumnStats


def may_match(
    query: BoundQuery, stats: Mapping[str, ColumnStats], row_count: int, schema: pa.Schema
) -> bool:
    """Whether rows with these statistics may satisfy the query."""
    return any(
        all(_may_satisfy(predicate, stats, row_count, schema) for predicate in conjunction)
        for conjunction in query.alternatives
    )


def must_match(query: BoundQuery, stats: Mapping[str, ColumnStats], schema: pa.Schema) -> bool:
    """Whether every row with these statistics satisfies the query, so that none is filtered."""
    return any(
        all(_must_satisfy(predicate, stats, schema) for predicate in conjunction)
        for conjunction in query.alternatives
    )


def _must_satisfy(
    predicate: Predicate, stats: Mapping[str, ColumnStats], schema: pa.Schema
) -> bool:
    column = stats.get(predicate.column)
    if column is None or column.null_count != 0:
        return False
    if predicate.ordinals is None or column.min is None or column.max is None:
        return False
    kind = schema.field(predicate.column).type
    return _covers(predicate, decode_bound(kind, column.min), decode_bound(kind, column.max))


def _covers(predicate: Predicate, low: Ordinal, high: Ordinal) -> bool:
    values: tuple[Ordinal, ...] = predicate.ordinals or ()
    comparisons: Mapping[str, Callable[[Any], bool]] = {
        "<": lambda value: high < value,
        "<=": lambda value: high <= value,
        ">": lambda value: low > value,
        ">=": lambda value: low >= value,
        "==": lambda value: low == value == high,
    }
    covers = comparisons.get(predicate.operator)
    return covers is not None and len(values) == 1 and covers(values[0])


def _may_satisfy(
    predicate: Predicate, stats: Mapping[str, ColumnStats], row_count: int, schema: pa.Schema
) -> bool:
    column = stats.get(predicate.column)
    if column is None:
        return True
    if predicate.matches_null and column.null_count != 0:
        return True
    if predicate.operator == "is null":
        return False
    if column.null_count == row_count:
        return False
    if predicate.ordinals is None or column.min is None or column.max is None:
        return True
    kind = schema.field(predicate.column).type
    return _overlaps(predicate, decode_bound(kind, column.min), decode_bound(kind, column.max))


def _overlaps(predicate: Predicate, low: Ordinal, high: Ordinal) -> bool:
    values: tuple[Ordinal, ...] = predicate.ordinals or ()
    operator = predicate.operator
    if operator in ("==", "in"):
        return any(low <= value <= high for value in values)  # type: ignore[operator]
    if operator == "<":
        return low < values[0]  # type: ignore[operator]
    if operator == "<=":
        return low <= values[0]  # type: ignore[operator]
    if operator == ">":
        return high > values[0]  # type: ignore[operator]
    if operator == ">=":
        return high >= values[0]  # type: ignore[operator]
    return True
