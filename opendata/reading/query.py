"""What part of a release is asked for: columns, an interval, filters.

A query is bound to a release before anything is fetched, so that a wrong column, value or interval
is an error about words and not about bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from opendata.reading.bounds import time_ordinal
from opendata.reading.masks import combined
from opendata.reading.predicates import NULL_TESTS, Predicate, compare, compare_ordinal
from opendata.reading.suggest import did_you_mean
from opendata.wire.errors import InvalidInput, NotFound
from opendata.wire.manifest import Manifest

Moment = str | date | datetime
Filter = tuple[str, str, Any]


@dataclass(frozen=True)
class BoundQuery:
    """A query against one release's schema. `alternatives` are or-ed, each and-ed within.

    `columns` come in the asked order; `wanted` are the same in the release's order, and `needed`
    has those as well that only a filter looks at.
    """

    columns: tuple[str, ...]
    wanted: tuple[str, ...]
    needed: tuple[str, ...]
    alternatives: tuple[tuple[Predicate, ...], ...]

    def keep(self, table: pa.Table) -> pa.Table:
        """The rows asked for; the table has the needed columns."""
        if not all(self.alternatives):
            return table
        masks = [
            combined([one.keeps(table) for one in conjunction], "and_kleene")
            for conjunction in self.alternatives
        ]
        return table.filter(combined(masks, "or_kleene"))


def bind_query(
    manifest: Manifest,
    schema: pa.Schema,
    *,
    columns: Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    filters: Iterable[Any] | None = None,
) -> BoundQuery:
    """Check a query against a release.

    Raises:
        NotFound: for a column that does not exist, with did-you-mean.
        InvalidInput: for an interval without a time column, an empty interval, a bad filter.
    """
    chosen = chosen_columns(columns, schema.names)
    wanted = tuple(resolve_column(manifest, name) for name in chosen or schema.names)
    interval = bind_interval(manifest, schema, start, end)
    alternatives = tuple(
        tuple(_predicate(manifest, schema, item) for item in conjunction) + interval
        for conjunction in conjunctions(filters)
    )
    return bound_query(schema, wanted, alternatives)


def bound_query(
    schema: pa.Schema,
    wanted: tuple[str, ...],
    alternatives: tuple[tuple[Predicate, ...], ...],
) -> BoundQuery:
    """A query from stored columns and comparisons of them."""
    filtered = {name for part in alternatives for predicate in part for name in predicate.columns}
    ordered = tuple(name for name in schema.names if name in wanted)
    needed = tuple(name for name in schema.names if name in filtered or name in wanted)
    return BoundQuery(wanted, ordered, needed, alternatives)


def chosen_columns(columns: Iterable[str] | None, names: Sequence[str]) -> list[str] | None:
    """The columns that were asked for, as a list; None for all of `names`.

    Raises:
        InvalidInput: if that is no list of columns, or an empty one.
    """
    if isinstance(columns, str):
        raise InvalidInput(
            f"columns={columns!r} is no list of columns", hint=f"write columns=[{columns!r}]"
        )
    if columns is not None and not isinstance(columns, Iterable):
        raise InvalidInput(f"columns={columns!r} is no list of columns")
    chosen = None if columns is None else list(columns)  # a generator, or NumPy's array
    if chosen is not None and not chosen:
        raise InvalidInput(
            "columns=[] asks for rows without any column",
            code="no_columns",
            hint=f"leave it out for all of them, or choose from: {', '.join(names)}",
        )
    return chosen


def resolve_column(manifest: Manifest, name: str) -> str:
    """The column that a name or an alias means.

    Raises:
        NotFound: with did-you-mean.
    """
    names = [entry.name for entry in manifest.schema]
    if name in names:
        return str(name)
    aliases = {alias: entry.name for entry in manifest.schema for alias in entry.aliases}
    aliases |= {old: new for old, new in manifest.adapters.fields_alias.items() if new in names}
    if isinstance(name, str) and name in aliases:
        return aliases[name]
    hint = did_you_mean(str(name), [*names, *aliases]) or f"columns: {', '.join(names)}"
    raise NotFound(
        f"{manifest.id}@{manifest.release} has no column {name!r}",
        code="unknown_column",
        hint=hint,
    )


def bind_interval(
    manifest: Manifest, schema: pa.Schema, start: Moment | None, end: Moment | None
) -> tuple[Predicate, ...]:
    """The comparisons of the time column that an interval means.

    Raises:
        InvalidInput: if there is no time column, or the interval is empty.
    """
    if start is None and end is None:
        return ()
    time = manifest.time_column
    if time is None:
        raise InvalidInput(
            f"{manifest.id} has no time column, so start and end mean nothing",
            code="no_time_column",
            hint="use filters=[(column, operator, value)] instead",
        )
    kind = schema.field(time).type
    if start is not None and end is not None and _is_reversed(start, end):
        raise InvalidInput(
            f"the interval ends ({end}) before it starts ({start})", code="empty_interval"
        )
    first = time_ordinal(kind, start, is_end=False) if start is not None else None
    last = time_ordinal(kind, end, is_end=True) if end is not None else None
    bounds = ((">=", first), ("<=", last))
    return tuple(
        compare_ordinal(time, kind, operator, (ordinal, ordinal))
        for operator, ordinal in bounds
        if ordinal is not None
    )


def _is_reversed(start: Moment, end: Moment) -> bool:
    finest = pa.timestamp("ns")  # between two days or ticks of a column an interval may be empty
    first = time_ordinal(finest, start, is_end=False)
    return first > time_ordinal(finest, end, is_end=True)


def conjunctions(filters: Iterable[Any] | None) -> list[list[Filter]]:
    """Filters as alternatives, each a list of comparisons that all must hold.

    Raises:
        InvalidInput: if that is no list of comparisons.
    """
    if filters is not None and (
        isinstance(filters, str | Mapping) or not isinstance(filters, Iterable)
    ):
        raise _no_filter(filters)
    if isinstance(filters, tuple) and filters and isinstance(filters[0], str):
        return [[filters]]  # one comparison needs no list around it
    items = list(filters or ())
    if not items:
        return [[]]
    if all(isinstance(item, list) for item in items):
        return [list(item) for item in items]
    return [items]


def _predicate(manifest: Manifest, schema: pa.Schema, item: Any) -> Predicate:
    name, operator, value = read_filter(item)
    column = resolve_column(manifest, name)
    return compare(column, schema.field(column).type, operator, value)


def read_filter(item: Any) -> Filter:
    """Column, operator and value of one comparison.

    Raises:
        InvalidInput: if it is written otherwise.
    """
    if isinstance(item, list | tuple) and len(item) == 2 and item[1] in NULL_TESTS:
        item = (*item, None)
    if not isinstance(item, list | tuple) or len(item) != 3:
        raise _no_filter(item)
    name, operator, value = item
    return name, operator, value


def _no_filter(item: Any) -> InvalidInput:
    """What was given instead of a comparison, and how one is written."""
    return InvalidInput(
        f"{item!r} is no filter: write (column, operator, value)",
        code="invalid_filter",
        hint='filters=[("country", "==", "US"), ("rate", ">", 1.5)], or ("rate", "is null")',
    )
