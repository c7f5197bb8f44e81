"""Key indexes: where each key of a candidate is, so that a look-up reads those shards only.

Here belong which indexes a candidate gets and how each is made: one row for each key in each row
group, sorted by key, written as a shard is. Memory stays bounded by a row group; rows of shards
that have not changed are taken over from the index before. Which of them are announced, dropped or
kept for a while is decided in `index_change`; using them is the SDK's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from dataplatform.contracts.model import ReleaseSettings
from dataplatform.contracts.values import can_be_looked_up
from dataplatform.releases.candidate import Candidate
from dataplatform.releases.describe import Ingredients
from dataplatform.releases.objects import JSON, PARQUET, put_object, put_object_at
from dataplatform.releases.ports import Arrangement, ReleasePorts, WrittenShard
from dataplatform.releases.scratch import keeping
from opendata.reading.key_index import ROW_GROUP, SHARD, as_shard, index_schema
from opendata.reading.suggest import did_you_mean
from opendata.reading.type_names import parse_arrow_type, type_name
from opendata.wire.codec import replace
from opendata.wire.errors import Corrupt, InvalidInput, NotFound
from opendata.wire.manifest import FileEntry, IndexEntry, Manifest

Keys = tuple[str, ...]
Before = Manifest | Candidate


def with_indexes(ports: ReleasePorts, candidate: Candidate, ingredients: Ingredients) -> Candidate:
    """The candidate with the indexes that it should have, those that readers still use included.

    Raises:
        InvalidInput: for an index by a column that does not exist or cannot be looked up by.
        Unavailable: if the store does not take the bytes, or memory does not suffice.
    """
    settings = ingredients.definition.release
    current = ingredients.current.manifest if ingredients.current else None
    wanted = [*(settings.indexes or ()), *_retiring(settings, current, candidate)]
    if not wanted or not candidate.row_count:
        return candidate
    schema = _schema_of(candidate)
    with keeping(ingredients.definition.id):
        indexes = tuple(
            _index(ports, candidate, keys, schema, ingredients.beside) for keys in wanted
        )
    return replace(candidate, indexes=indexes)


def _retiring(
    settings: ReleaseSettings, current: Manifest | None, candidate: Candidate
) -> Iterator[Keys]:
    """Indexes of the current release that are no longer asked for, and can still be written."""
    if current is None or not settings.index_window:
        return
    columns = {entry.name for entry in candidate.schema}
    for index in current.indexes:
        if index.keys not in (settings.indexes or ()) and columns.issuperset(index.keys):
            yield index.keys


def _schema_of(before: Before) -> pa.Schema:
    """The columns that can be looked up by, in the types in which they are compared."""
    kinds = {entry.name: parse_arrow_type(entry.type) for entry in before.schema}
    return pa.schema([(name, _plain(kind)) for name, kind in kinds.items()])


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _index(
    ports: ReleasePorts, candidate: Candidate, keys: Keys, schema: pa.Schema, before: Before | None
) -> IndexEntry:
    columns = index_schema(pa.schema([_key_column(candidate, schema, key) for key in keys]))
    earlier = _earlier(before, keys, columns)
    kept = _unchanged(candidate, before) if earlier else frozenset[str]()
    if earlier and before and kept == {entry.name for entry in (*candidate.files, *before.files)}:
        return replace(earlier, until=None)
    try:
        return _written(ports, candidate, keys, columns, earlier, kept)
    except (Corrupt, NotFound):
        if earlier is None:
            raise
        return _written(ports, candidate, keys, columns, None, frozenset())


def _key_column(candidate: Candidate, schema: pa.Schema, key: str) -> pa.Field:
    if key not in schema.names:
        hint = did_you_mean(key, schema.names) or f"columns: {', '.join(schema.names)}"
        raise InvalidInput(
            f"release.indexes of {candidate.id} names {key!r}, which is no column",
            code="unknown_column",
            hint=hint,
        )
    field = schema.field(key)
    if not can_be_looked_up(field.type):
        raise InvalidInput(
            f"release.indexes of {candidate.id}: nobody looks up by {type_name(field.type)} "
            f"({key!r})",
            code="invalid_index",
            hint="index whole numbers, texts, dates, times or decimals",
        )
    return field


def _earlier(before: Before | None, keys: Keys, columns: pa.Schema) -> IndexEntry | None:
    """The index by the same keys in the same types that rows can be taken over from."""
    if before is None:
        return None
    known = _schema_of(before)
    same_types = all(
        key in known.names and known.field(key).type == columns.field(key).type for key in keys
    )
    found = (index for index in before.indexes if index.keys == keys)
    return next(found, None) if same_types else None


def _unchanged(candidate: Candidate, before: Before | None) -> frozenset[str]:
    """The shards that are the same objects in both: their row groups are too."""
    known = {(entry.name, entry.path) for entry in before.files} if before else set()
    return frozenset(e.name for e in candidate.files if (e.name, e.path) in known)


def _written(
    ports: ReleasePorts,
    candidate: Candidate,
    keys: Keys,
    columns: pa.Schema,
    earlier: IndexEntry | None,
    kept: frozenset[str],
) -> IndexEntry:
    """Sort the rows of the index on the workbench and store what comes of it."""
    order = tuple(columns.names)
    with ports.workbench.session() as session:
        session.begin(Arrangement(columns, order, "none", None, {}), lambda name, content: None)
        if earlier is not None:
            path = ports.shard_path(as_shard(earlier))
            for batch in ports.segments.rows_naming(path, SHARD, kept):
                session.receive(batch.cast(columns))
        for entry in candidate.files:
            if earlier is None or entry.name not in kept:
                for batch in _rows_of(ports, entry, keys, columns):
                    session.receive(batch)
        [written] = session.shards()
        return _stored(ports, keys, written)


def _rows_of(
    ports: ReleasePorts, entry: FileEntry, keys: Keys, columns: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for group, found in ports.segments.keys_by_group(ports.shard_path(entry), keys):
        count = found.num_rows
        placed = found.append_column(SHARD, pa.repeat(pa.scalar(entry.name), count))
        placed = placed.append_column(ROW_GROUP, pa.repeat(pa.scalar(group, pa.int32()), count))
        yield from placed.cast(columns).to_batches()


def _stored(ports: ReleasePorts, keys: Sequence[str], written: WrittenShard) -> IndexEntry:
    entry, parquet, chunks = written.entry, written.parquet, written.chunks
    assert parquet is not None  # nothing earlier was offered for reuse
    assert chunks is not None
    put_object_at(ports.store, entry.path, parquet, entry.size_bytes, PARQUET)
    put_object(ports.store, chunks.to_bytes(), content_type=JSON)
    ports.keep_shard(entry, parquet)
    return IndexEntry(
        keys=tuple(keys),
        path=entry.path,
        sha256=entry.sha256,
        size_bytes=entry.size_bytes,
        row_count=entry.row_count,
        chunks=entry.chunks,
    )
