"""Prune: which shards and row groups cannot hold a row that is asked for, or hold no other. Pure.

Conservative: without statistics, or for a comparison whose order is not ours to know, everything
may match and nothing must. A row group of nulls alone matches only what nulls satisfy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pyarrow as pa

from opendata.reading.bounds import decode_bound
from opendata.reading.predicates import Predicate
from opendata.reading.query import BoundQuery
from opendata.wire.chunks import ColumnStats

Decode = Callable[[str], Any]
"""From a bound as it is stored to its ordinal."""


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
    return _covers(predicate, partial(decode_bound, kind), column.min, column.max)


def _covers(predicate: Predicate, decode: Decode, low: str, high: str) -> bool:
    values: tuple[Any, ...] = predicate.ordinals or ()
    comparisons: Mapping[str, Callable[[Any], bool]] = {
        "<": lambda value: bool(decode(high) < value),
        "<=": lambda value: bool(decode(high) <= value),
        ">": lambda value: bool(decode(low) > value),
        ">=": lambda value: bool(decode(low) >= value),
        "==": lambda value: bool(decode(low) == value == decode(high)),
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
    return _overlaps(predicate, partial(decode_bound, kind), column.min, column.max)


def _overlaps(predicate: Predicate, decode: Decode, low: str, high: str) -> bool:
    """Only the bound that decides is decoded: a release has many shards."""
    values: tuple[Any, ...] = predicate.ordinals or ()
    operator = predicate.operator
    if operator in ("==", "in"):
        first, last = decode(low), decode(high)
        return any(first <= value <= last for value in values)
    if operator == "<":
        return bool(decode(low) < values[0])
    if operator == "<=":
        return bool(decode(low) <= values[0])
    if operator == ">":
        return bool(decode(high) > values[0])
    if operator == ">=":
        return bool(decode(high) >= values[0])
    return True
