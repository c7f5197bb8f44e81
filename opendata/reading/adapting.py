"""Adapting: a release's rows as a reader of another schema version expects them (S4-56…S4-63).

Here belongs the way from a question in the reader's words to one about stored columns, and from
stored rows to the reader's columns. Questions are pruned as all others are: a filter compares
converted values, and bounds are converted by the same arithmetic. Rows are adapted batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from opendata.reading.conversions import in_type, reprojected
from opendata.reading.lenses import ColumnLens, TableLens, adapted_column, kind_of
from opendata.reading.partitions import named_shard, routed_span
from opendata.reading.predicates import Predicate, compare
from opendata.reading.query import (
    BoundQuery,
    Moment,
    bind_interval,
    bound_query,
    chosen_columns,
    conjunctions,
    read_filter,
)
from opendata.reading.release_schema import release_schema
from opendata.reading.selection import Selection, selection_of
from opendata.reading.shard import Access
from opendata.reading.suggest import did_you_mean
from opendata.wire.bridges import Bridge, ColumnBridge, CrsBridge, bridge_between
from opendata.wire.codec import replace
from opendata.wire.compatibility import INCOMPATIBLE, judge
from opendata.wire.errors import NotFound, Rejected
from opendata.wire.manifest import FileEntry, Manifest


@dataclass(frozen=True)
class Adapter:
    """From stored rows to the columns that were asked for, as the reader knows them."""

    columns: tuple[ColumnBridge, ...]
    coordinates: tuple[CrsBridge, ...]

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the answer."""
        return pa.schema([(one.name, kind_of(one)) for one in self.columns])

    @property
    def sources(self) -> tuple[str, ...]:
        """The stored columns that the answer is made of."""
        named = {one.source: None for one in self.columns if one.source is not None}
        for system in self._moved(named):
            named |= {system.x: None, system.y: None}
        return tuple(named)

    @property
    def is_needless(self) -> bool:
        """Whether the stored columns are the answer already."""
        return not self._moved(self.columns_by_source) and all(one.is_plain for one in self.columns)

    @property
    def columns_by_source(self) -> Mapping[str, ColumnBridge]:
        """The columns that are made of a stored one."""
        return {one.source: one for one in self.columns if one.source is not None}

    def adapt(self, stored: pa.Table) -> pa.Table:
        """The same rows for the reader.

        Raises:
            Rejected, InvalidInput: where a value, a function or a library is missing or does not
                fit; see `conversions`.
        """
        moved = self._coordinates(stored)
        arrays = [
            in_type(moved[one.source], kind_of(one), one.name)
            if one.source in moved
            else adapted_column(one, stored)
            for one in self.columns
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def nothing(self) -> pa.Table:
        """The answer without rows."""
        return pa.Table.from_batches([], schema=self.schema)

    def _coordinates(self, stored: pa.Table) -> dict[str | None, pa.ChunkedArray]:
        moved: dict[str | None, pa.ChunkedArray] = {}
        for system in self._moved(self.columns_by_source):
            pair = stored.column(system.x), stored.column(system.y)
            moved[system.x], moved[system.y] = reprojected(*pair, system)
        return moved

    def _moved(self, sources: Iterable[str]) -> list[CrsBridge]:
        asked = set(sources)
        return [one for one in self.coordinates if asked & {one.x, one.y}]


def select_as(
    access: Access,
    reader: Manifest,
    stored: Manifest,
    *,
    columns: Sequence[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    filters: Iterable[Any] | None = None,
    partition: str | None = None,
) -> tuple[Selection, Adapter | None]:
    """Bind a question in the words of `reader`'s schema to the release `stored`.

    Columns are the reader's unless others are asked for by name. Without an adapter the stored
    columns are the answer. `access.stats` tells the verdict and the adapters.

    Raises:
        Rejected: if such a reader cannot read the release, with the reasons.
        NotFound, InvalidInput: for a wrong column, interval, filter or partition.
    """
    bridge = bridge_between(reader, stored)
    _require_compatible(access, reader, stored, bridge)
    names = Names(reader, stored, bridge)
    schema = release_schema(stored)
    chosen = chosen_columns(columns, [one.name for one in bridge.columns])
    outputs = bridge.columns if chosen is None else tuple(names.column(name) for name in chosen)
    adapter = Adapter(outputs, bridge.coordinates)
    spans, files = _part(reader, stored, bridge, schema, partition)
    timed = replace(stored, time_column=bridge.time or stored.time_column)
    always = (*bind_interval(timed, schema, start, end), *spans)
    alternatives = tuple(
        (*(names.predicate(schema, *read_filter(item)) for item in part), *always)
        for part in conjunctions(filters)
    )
    query = _query(adapter, schema, alternatives)
    selection = selection_of(access, stored, schema, query, files)
    return selection, None if adapter.is_needless else adapter


def _query(
    adapter: Adapter, schema: pa.Schema, alternatives: tuple[tuple[Predicate, ...], ...]
) -> BoundQuery:
    if adapter.is_needless:
        wanted = tuple(one.name for one in adapter.columns)
    else:  # rows have to be counted, even where none of their columns is wanted
        wanted = adapter.sources or (schema.names[0],)
    return bound_query(schema, wanted, alternatives)


def _require_compatible(access: Access, reader: Manifest, stored: Manifest, bridge: Bridge) -> None:
    verdict = judge(reader, stored, bridge)
    access.stats.compatibility = verdict.verdict
    access.stats.adapters = verdict.adapters
    if verdict.verdict != INCOMPATIBLE:
        return
    known, present = reader.versioning.schema_version, stored.versioning.schema_version
    raise Rejected(
        f"a reader of schema {known} cannot read {stored.id}@{stored.release} "
        f"(schema {present}): {'; '.join(verdict.reasons)}",
        code="incompatible_reader",
        hint=f"read a release that it knows: {stored.id}@{reader.release}; what moving on takes: "
        f"od compat {stored.id} --reader {known}",
        details={
            "reader": known,
            "schema_version": present,
            "verdict": verdict.verdict,
            "reasons": list(verdict.reasons),
        },
    )


def _part(
    reader: Manifest, stored: Manifest, bridge: Bridge, schema: pa.Schema, name: str | None
) -> tuple[tuple[Predicate, ...], Sequence[FileEntry]]:
    """The rows that a path of the reader means: whole shards, or a span of time in all of them."""
    if name is None:
        return (), stored.files
    if bridge.route is None or bridge.route.time is None:
        return (), stored.files if bridge.route else named_shard(stored, name)
    time = bridge.route.time
    span = routed_span(reader, stored, bridge.route, name)
    if span.undated:
        return (compare(time, schema.field(time).type, "is null", None),), stored.files
    timed = replace(stored, time_column=time)
    return bind_interval(timed, schema, span.first, span.last), stored.files


@dataclass(frozen=True)
class Names:
    """What the reader calls things, and what that is in the release."""

    reader: Manifest
    stored: Manifest
    bridge: Bridge

    def column(self, name: str) -> ColumnBridge:
        """The column of that name or alias: the reader's, else one that was added since.

        Raises:
            NotFound: with did-you-mean.
        """
        known = {one.name: one for one in self.bridge.columns}
        aliases = {a: field.name for field in self.reader.schema for a in field.aliases}
        aliases |= self.reader.adapters.fields_alias
        if isinstance(name, str):
            found = known.get(name) or known.get(aliases.get(name, ""))
            if found is not None:
                return found
            present = {one.source: one.name for one in self.bridge.columns}
            entry = self.stored.field(name)
            if entry is not None and name not in present:
                return ColumnBridge(entry.name, entry.type, entry.name, entry.type)
            if entry is not None:
                raise self._unknown(name, f"it calls that {present[name]!r}")
        names = [*known, *aliases, *(entry.name for entry in self.stored.schema)]
        hint = did_you_mean(str(name), names) or f"columns: {', '.join(known)}"
        raise self._unknown(name, hint)

    def _unknown(self, name: object, hint: str) -> NotFound:
        version = self.reader.versioning.schema_version
        message = f"schema {version} of {self.stored.id} has no column {name!r}"
        return NotFound(message, code="unknown_column", hint=hint)

    def predicate(self, schema: pa.Schema, name: str, operator: str, value: Any) -> Predicate:
        """A comparison in the reader's words, of stored columns.

        Raises:
            NotFound, InvalidInput: as :func:`opendata.reading.query.bind_query`.
        """
        column = self.column(name)
        systems = [s for s in self.bridge.coordinates if column.source in (s.x, s.y)]
        if column.source is not None and not systems and not column.changes_values:
            return compare(column.source, schema.field(column.source).type, operator, value)
        asked = compare(column.name, kind_of(column), operator, value)
        if column.is_monotonic and not systems:
            lens = ColumnLens(column, schema.field(column.source or "").type)
            return _seen(asked, lens, column.source or "")
        adapter = Adapter((column,), tuple(systems))
        return _seen(asked, TableLens(adapter.sources, adapter.adapt), "")


def _seen(asked: Predicate, lens: ColumnLens | TableLens, column: str) -> Predicate:
    """The comparison through a lens; without a column no statistics are known of it."""
    ordinals = asked.ordinals if column else None
    return Predicate(
        column, asked.kind, asked.operator, ordinals, asked.mask, asked.matches_null, lens
    )
