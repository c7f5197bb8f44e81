"""Secondary indexes: which row groups of which shards hold the keys that a query asks for.

Here belongs using an index that a release brings. It only ever leaves out what cannot hold an asked
row: a query gives the same rows with it and without it, also if it is damaged or out of reach. An
index is read like a shard: verified, by ranges where it is large, within the same limits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa

from opendata.reading.decode import decode
from opendata.reading.predicates import Predicate
from opendata.reading.query import BoundQuery
from opendata.reading.shard import Access, plan_shard
from opendata.reading.source import SMALL_OBJECT_BYTES, ShardSource
from opendata.reading.stats import ReadStats
from opendata.wire.errors import OpenDataError
from opendata.wire.manifest import FileEntry, IndexEntry, Manifest

SHARD: Final = "opendata:shard"
ROW_GROUP: Final = "opendata:row_group"
SHARDS_MIN: Final = 3
"""Fewer shards are looked through sooner than an index of them is."""
BYTES_SHARE: Final = 4
"""How many times as many bytes as are read of an index the shards have to have."""
GROUP_ROWS: Final = 1 << 16
"""As many rows has a row group of an index, but for the last one."""
_LOOK_UPS: Final = ("==", "in")

Groups = Mapping[str, frozenset[int]]
"""The row groups of each shard that may hold asked rows; shards that hold none are not named."""
Conjunction = tuple[Predicate, ...]


def index_schema(keys: pa.Schema) -> pa.Schema:
    """The columns of an index: its keys, and where rows with them are."""
    return pa.schema([*keys, pa.field(SHARD, pa.string()), pa.field(ROW_GROUP, pa.int32())])


def look_up(
    access: Access,
    manifest: Manifest,
    query: BoundQuery,
    schema: pa.Schema,
    entries: Sequence[FileEntry],
) -> Groups | None:
    """Where the asked rows may be, as the release's indexes tell.

    Args:
        entries: The shards that statistics leave.

    Returns:
        None where no index is of use: there is none for each alternative of the query, it would
        cost more than it spares, or it cannot be read.
    """
    if not manifest.indexes or len(entries) < SHARDS_MIN:
        return None
    chosen = [_best(manifest.indexes, conjunction) for conjunction in query.alternatives]
    asked: dict[IndexEntry, list[Conjunction]] = defaultdict(list)
    for index, conjunction in zip(chosen, query.alternatives, strict=True):
        if index is None:
            return None
        asked[index].append(tuple(one for one in conjunction if one.column in index.keys))
    cost = sum(_cost(index, alternatives) for index, alternatives in asked.items())
    if BYTES_SHARE * cost > sum(entry.size_bytes for entry in entries):
        return None
    found: defaultdict[str, set[int]] = defaultdict(set)
    try:
        for index, alternatives in asked.items():
            for name, group in _read(access, index, schema, tuple(alternatives)):
                found[name].add(group)
    except OpenDataError:
        return None  # the shards alone give the same answer; `od verify` names what is damaged
    access.stats.add(indexes_read=len(asked))
    return {name: frozenset(groups) for name, groups in found.items()}


def _best(indexes: Sequence[IndexEntry], conjunction: Conjunction) -> IndexEntry | None:
    """The index of which most leading keys are looked up, the smallest among equals."""
    given = {one.column for one in conjunction if one.operator in _LOOK_UPS}
    fitting = [(_leading(index.keys, given), -index.size_bytes, index) for index in indexes]
    best = max(fitting, key=lambda one: one[:2])
    return best[2] if best[0] else None


def _leading(keys: Sequence[str], given: set[str]) -> int:
    for count, key in enumerate(keys):
        if key not in given:
            return count
    return len(keys)


def _cost(index: IndexEntry, alternatives: Sequence[Conjunction]) -> float:
    """About how many bytes of an index are read: it is sorted, so of a large one a part is."""
    if index.size_bytes <= SMALL_OBJECT_BYTES:
        return index.size_bytes
    groups = max(index.row_count / GROUP_ROWS, 1)
    looked_up = sum(
        len(one.ordinals or ()) + 1
        for conjunction in alternatives
        for one in conjunction
        if one.column == index.keys[0] and one.operator in _LOOK_UPS
    )
    return index.size_bytes * min(looked_up / groups, 1)


def _read(
    access: Access, index: IndexEntry, schema: pa.Schema, alternatives: tuple[Conjunction, ...]
) -> Iterator[tuple[str, int]]:
    stats = ReadStats()
    columns = index_schema(pa.schema([schema.field(key) for key in index.keys]))
    looked_at = {one.column for conjunction in alternatives for one in conjunction}
    place = (SHARD, ROW_GROUP)
    needed = tuple(name for name in columns.names if name in looked_at or name in place)
    query = BoundQuery(place, place, needed, alternatives)
    try:
        plan = plan_shard(Access(access.reader, access.cache, stats), as_shard(index), query)
        if plan is None:
            return
        portion = ShardSource(Access(access.reader, access.cache, stats), plan).portion(plan.groups)
        for group in plan.groups:
            rows = decode(portion, query, columns, [group])
            yield from zip(*(rows.column(name).to_pylist() for name in place), strict=True)
    finally:
        access.stats.add(requests=stats.requests, cache_hits=stats.cache_hits)


def as_shard(index: IndexEntry) -> FileEntry:
    """An index as what it is stored as."""
    return FileEntry(
        name=", ".join(index.keys),
        path=index.path,
        sha256=index.sha256,
        size_bytes=index.size_bytes,
        row_count=index.row_count,
        chunks=index.chunks,
        content_hash="",
    )
