"""Prune: which shards and row groups cannot hold a row that is asked for, or hold no other. Pure.

Conservative: without statistics, or for a comparison whose order is not ours to know, everything
may match and nothing must. A row group of nulls alone matches only what nulls satisfy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opendata.reading.predicates import Predicate
from opendata.reading.query import BoundQuery
from opendata.wire.chunks import ColumnStats


def may_match(query: BoundQuery, stats: Mapping[str, ColumnStats], row_count: int) -> bool:
    """Whether rows with these statistics may satisfy the query."""
    for conjunction in query.alternatives:
        for predicate in conjunction:
            if not _may_satisfy(predicate, stats, row_count):
                break
        else:
            return True
    return False


def must_match(query: BoundQuery, stats: Mapping[str, ColumnStats]) -> bool:
    """Whether every row with these statistics satisfies the query, so that none is filtered."""
    return any(
        all(_must_satisfy(predicate, stats) for predicate in conjunction)
        for conjunction in query.alternatives
    )


def _must_satisfy(predicate: Predicate, stats: Mapping[str, ColumnStats]) -> bool:
    column = stats.get(predicate.column)
    if column is None or column.null_count != 0:
        return False
    if predicate.ordinals is None or column.min is None or column.max is None:
        return False
    return _covers(predicate, column.min, column.max)


def _covers(predicate: Predicate, low: str, high: str) -> bool:
    values: tuple[Any, ...] = predicate.ordinals or ()
    decode: Callable[[str], Any] = predicate.decode
    comparisons: Mapping[str, Callable[[Any], bool]] = {
        "<": lambda value: bool(decode(high) < value),
        "<=": lambda value: bool(decode(high) <= value),
        ">": lambda value: bool(decode(low) > value),
        ">=": lambda value: bool(decode(low) >= value),
        "==": lambda value: bool(decode(low) == value == decode(high)),
    }
    covers = comparisons.get(predicate.operator)
    return covers is not None and len(values) == 1 and covers(values[0])


def _may_satisfy(predicate: Predicate, stats: Mapping[str, ColumnStats], row_count: int) -> bool:
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
    return _overlaps(predicate, column.min, column.max)


def _overlaps(predicate: Predicate, low: str, high: str) -> bool:
    """Only the bound that decides is decoded: a release has many shards."""
    values: tuple[Any, ...] = predicate.ordinals or ()
    decode: Callable[[str], Any] = predicate.decode
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
