"""Where the records of a patch lie: which shards have them, and which will have those that move.

Statistics say which shards and row groups can hold a key; of those the key columns are read, and
whole rows only where a record may have to move to another shard. So what is not concerned is not
opened (requirement S4-35, S4-36).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.releases.arranging import UNDATED, shard_name, shard_ordinals
from dataplatform.releases.conform import conform_batch
from dataplatform.releases.objects import read_object
from dataplatform.releases.patching.edits import Edits
from dataplatform.releases.patching.fields import Blame
from dataplatform.releases.patching.match import KeyIndex
from dataplatform.releases.patching.plan import Plan
from dataplatform.releases.patching.rows import InPlace, changed_rows, key_index, new_rows
from dataplatform.releases.ports import ReleasePorts, WorkSession
from opendata.reading.bounds import decode_bound, is_counted_type, ordinal_scalar
from opendata.stores.parallel import in_parallel
from opendata.wire.chunks import ColumnStats, read_chunk_list
from opendata.wire.manifest import FileEntry, Manifest

_MISSING_SHOWN: Final = 3


@dataclass(frozen=True)
class Located:
    """What is to be done where.

    `touched` are names of shards that hold a record of the patch, or get one; `comes` are whole
    rows that are new or have to find another place.
    """

    touched: frozenset[str]
    in_place: InPlace
    comes: pa.RecordBatch


@dataclass(frozen=True)
class _Seen:
    """What one shard holds of the records: the numbers of their edits, and rows that will move."""

    numbers: list[np.ndarray] = field(default_factory=list)
    moving: list[pa.RecordBatch] = field(default_factory=list)


def locate(
    ports: ReleasePorts, session: WorkSession, base: Manifest, plan: Plan, blame: Blame
) -> Located:
    """Find the records of a patch in the release that it changes.

    Raises:
        InvalidInput: at a record that is to be deleted and is not there, or at a new one that
            lacks a value.
    """
    edits = plan.edits
    assert edits is not None  # who asks has records
    index = key_index(edits)
    moves = _may_move(plan, edits)
    there = np.zeros(len(edits), bool)
    touched, moving = set[str](), list[pa.RecordBatch]()
    concerned = [e for e in base.files if plan.changes_fields or _may_hold(e.stats, plan, edits)]
    look = partial(_look_into, ports, session, plan, index, moves)
    for entry, seen in zip(concerned, in_parallel(look, concerned), strict=True):
        for numbers in seen.numbers:
            touched.add(entry.name)
            there[numbers] = True
        moving += seen.moving
    refuse_missing(edits, there, blame)
    is_new = edits.puts & (edits.removes | ~there)
    comes = new_rows(edits, np.flatnonzero(is_new).tolist(), plan.after, blame)
    comes = pa.concat_batches([comes, *moving])
    touched |= _shards_of(comes, plan, base.shard)
    goes = pa.array(edits.removes | moves)
    return Located(frozenset(touched), InPlace(edits, index, goes), comes)


def _may_move(plan: Plan, edits: Edits) -> np.ndarray:
    """Which edits can change where their row stands: those that set a time that is no key."""
    time = plan.after.time
    if time is None or time in edits.keys:
        return np.zeros(len(edits), bool)
    return edits.given[time] & edits.puts & ~edits.removes


def _look_into(
    ports: ReleasePorts,
    session: WorkSession,
    plan: Plan,
    index: KeyIndex,
    moves: np.ndarray,
    entry: FileEntry,
) -> _Seen:
    edits, seen = plan.edits, _Seen()
    assert edits is not None
    groups = None if plan.changes_fields else _groups(ports, entry, plan, edits)
    if groups is not None and not groups:
        return seen
    path = ports.shard_path(entry)
    for group, rows in session.rows(path, edits.keys, groups):
        at = index.match(_keys_after(rows, plan))
        if at.null_count == len(at):
            continue
        numbers = at.drop_null().to_numpy()
        seen.numbers.append(numbers)
        if moves[numbers].any():
            seen.moving.extend(_moved(session, path, group, plan, index, moves))
    return seen


def _keys_after(rows: pa.RecordBatch, plan: Plan) -> dict[str, pa.Array]:
    keys = plan.after.contract.primary_key
    schema = pa.schema([plan.before.schema.field(name) for name in rows.schema.names])
    after = conform_batch(rows, schema, 0)
    if plan.changes_fields:
        after = plan.as_after(after, keys)
    return {name: after.column(name) for name in keys}


def _moved(
    session: WorkSession,
    path: str,
    group: int,
    plan: Plan,
    index: KeyIndex,
    moves: np.ndarray,
) -> Iterator[pa.RecordBatch]:
    """Whole rows of a row group that will stand elsewhere, as they will be."""
    edits = plan.edits
    assert edits is not None
    for _, rows in session.rows(path, None, [group]):
        after = plan.as_after(conform_batch(rows, plan.before.schema, 0))
        at = index.match({name: after.column(name) for name in edits.keys})
        moving = pc.fill_null(pa.array(moves).take(at), False)
        if moving.true_count:
            yield changed_rows(after.filter(moving), at.filter(moving), edits)


def _groups(
    ports: ReleasePorts, entry: FileEntry, plan: Plan, edits: Edits
) -> Sequence[int] | None:
    """The row groups that can hold a record, by the chunk list."""
    chunks = read_chunk_list(read_object(ports.store, entry.chunks), entry.chunks)
    return [at for at, group in enumerate(chunks.row_groups) if _may_hold(group.stats, plan, edits)]


def _may_hold(stats: Mapping[str, ColumnStats], plan: Plan, edits: Edits) -> bool:
    """Whether rows with these statistics can have the key of an edit."""
    possible: pa.Array | None = None
    for name in edits.keys:
        known = stats.get(name)
        kind = plan.before.schema.field(name).type
        inside = _inside(edits.columns[name], kind, known)
        if inside is not None:
            possible = inside if possible is None else pc.and_(possible, inside)
    return possible is None or bool(possible.true_count)


def _inside(keys: pa.Array, kind: pa.DataType, stats: ColumnStats | None) -> pa.Array | None:
    """Which keys lie within bounds; None where that cannot be said."""
    if stats is None or stats.min is None or stats.max is None:
        return None
    if not (is_counted_type(kind) or pa.types.is_string(kind) or pa.types.is_floating(kind)):
        return None
    if pa.types.is_floating(kind) and pc.is_nan(keys).true_count:
        return None  # bounds leave NaN out
    low, high = (_bound(kind, text) for text in (stats.min, stats.max))
    return pc.and_(pc.greater_equal(keys, low), pc.less_equal(keys, high))


def _bound(kind: pa.DataType, text: str) -> pa.Scalar:
    ordinal = decode_bound(kind, text)
    return ordinal_scalar(kind, ordinal) if isinstance(ordinal, int) else pa.scalar(ordinal, kind)


def refuse_missing(edits: Edits, there: np.ndarray, blame: Blame) -> None:
    """Refuse to delete what is not there.

    Raises:
        InvalidInput: at the first such record, naming some more.
    """
    missing = np.flatnonzero(edits.must_be_there & ~there).tolist()
    if not missing:
        return
    shown = "; ".join(edits.key(at) for at in missing[:_MISSING_SHOWN])
    more = f" and {len(missing) - _MISSING_SHOWN:,} more" if len(missing) > _MISSING_SHOWN else ""
    raise blame(
        edits.places[missing[0]],
        f"there is no record {shown}{more}, so it cannot be deleted",
        "write `missing: ignore` where that is fine",
    )


def _shards_of(rows: pa.RecordBatch, plan: Plan, shard: str) -> set[str]:
    """The names of the shards that rows belong to."""
    if not rows.num_rows:
        return set()
    time = plan.after.time
    if time is None or shard == "none":
        return {shard_name(None, "none")}
    ordinals = pc.unique(shard_ordinals(rows.column(time), shard)).to_pylist()
    return {UNDATED if at is None else shard_name(at, shard) for at in ordinals}
