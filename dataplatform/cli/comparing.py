"""Comparing two states of a table: releases, tables, frames or files, in any combination.

Here belongs bringing both sides into one shape. What a difference means is `releases.compare`'s.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dataplatform.cli.states import State, open_state, told_by
from dataplatform.contracts.counterparts import counterparts, tolerances
from dataplatform.contracts.evolve import diff_schema
from dataplatform.contracts.model import Contract
from dataplatform.releases.compare import Comparison, shard_delta
from dataplatform.releases.differ import NO_OPTIONS, DiffOptions
from dataplatform.releases.index_change import IndexChange, diff_indexes
from dataplatform.releases.ports import ReleasePorts
from dataplatform.settings import Settings
from dataplatform.wiring import for_rehearsal
from opendata.wire.errors import InvalidInput

SAMPLES_BOUND: Final = 1_000_000
"""Samples are held in memory, so fewer than this may be asked for."""


@dataclass(frozen=True)
class Wanted:
    """How two states are compared: the key (absent: the one they promise) and what overrides it.

    Tolerances given here stand beside those of the later state's contract, and before them.
    """

    keys: Sequence[str] | None = None
    options: DiffOptions = NO_OPTIONS


def compare_states(
    settings: Settings, before: Any, after: Any, wanted: Wanted | None = None
) -> Comparison:
    """How `after` differs from `before`.

    Args:
        before, after: References, releases, Arrow tables, frames, or paths of files or folders.
        wanted: The columns that identify a row, by default the primary key of the later side or,
            where it has none, of the earlier one; and what to grant, show and use.

    Raises:
        NotFound, InvalidInput: if a side cannot be read, or lacks a key; if a tolerance or that
            number of samples cannot be granted.
        Rejected: if keys are null or repeated.
    """
    wanted = wanted or Wanted()
    _require_samples(wanted.options.samples)
    with tempfile.TemporaryDirectory(prefix="opendata-diff-") as scratch:
        ports = for_rehearsal(settings, scratch).ports
        old = open_state(ports, before, Path(scratch, "before.parquet"))
        new = open_state(ports, after, Path(scratch, "after.parquet"))
        return _compare(ports, told_by(old, new), told_by(new, old), wanted)


def _require_samples(samples: Any) -> None:
    if not isinstance(samples, int) or not 0 <= samples < SAMPLES_BOUND:
        raise InvalidInput(
            f"{samples!r} is no number of samples",
            code="invalid_samples",
            hint=f"ask for a whole number of at least 0 and below {SAMPLES_BOUND:,}",
        )


def _compare(ports: ReleasePorts, old: State, new: State, wanted: Wanted) -> Comparison:
    pairs = counterparts(old.contract, new.contract)
    keys = _keys(old.contract, new.contract, pairs, wanted.keys)
    options = replace(
        wanted.options,
        former=pairs,
        tolerances=_tolerances(new.contract, pairs, keys, wanted.options.tolerances),
    )
    old_shards, new_shards = old.shards, new.shards
    if _promise(old.contract, new.contract, pairs, keys):
        delta = shard_delta(old_shards, new_shards)
        old_shards, new_shards = delta.old, delta.new
    rows = ports.differ.diff(
        [*old.files, *map(ports.shard_path, old_shards)],
        [*new.files, *map(ports.shard_path, new_shards)],
        keys=keys,
        columns=list(pairs),
        options=options,
    )
    schema = diff_schema(
        old.contract,
        new.contract,
        same_dimension=ports.units.same_dimension,
        can_reproject=ports.reference_systems.can_reproject,
    )
    return Comparison(
        first=False,
        schema=schema,
        rows=rows,
        indexes=_index_change(old, new, schema.renames),
        content_changed=_content_changed(old, new) or not rows.is_empty,
    )


def _index_change(old: State, new: State, renames: dict[str, str]) -> IndexChange:
    if old.release is None or new.release is None:
        return IndexChange()
    return diff_indexes(old.release.manifest.indexes, new.release.manifest.indexes, renames)


def _content_changed(old: State, new: State) -> bool:
    """Whether two releases differ in their bits, which is more than their rows may show."""
    if old.release is None or new.release is None:
        return False
    contents = (side.manifest.integrity.content_hash for side in (old.release, new.release))
    return len(set(contents)) > 1


def _promise(old: Contract, new: Contract, pairs: Mapping[str, str], keys: Sequence[str]) -> bool:
    """Whether both sides promise that this key tells all their rows apart, or none is asked for.

    Then shards that both hold need not be read: none of their rows has a counterpart elsewhere.
    """
    of_old = {pairs[key] for key in keys}
    return not keys or (set(keys) == set(new.primary_key) and of_old == set(old.primary_key))


def _keys(
    old: Contract, new: Contract, pairs: Mapping[str, str], wanted: Sequence[str] | None
) -> tuple[str, ...]:
    """The key by the later side's names; a name that only the earlier side knows is translated."""
    now = {before: after for after, before in pairs.items()}
    chosen = tuple(wanted) if wanted is not None else new.primary_key
    if wanted is None and not chosen and all(key in now for key in old.primary_key):
        chosen = old.primary_key
    keys = tuple(key if key in pairs else now.get(key, key) for key in chosen)
    if missing := [key for key in keys if key not in pairs]:
        raise InvalidInput(
            f"the key {', '.join(missing)} is not a column of both sides",
            code="missing_key",
            hint=f"columns of both: {', '.join(pairs) or 'none'}",
        )
    return keys


def _tolerances(
    new: Contract, pairs: Mapping[str, str], keys: Sequence[str], asked: Mapping[str, float]
) -> dict[str, float]:
    """What is granted by column.

    Raises:
        InvalidInput: for one that was given and cannot be granted.
    """
    given = {column: _granted(column, tolerance) for column, tolerance in asked.items()}
    if given and not keys:
        raise InvalidInput(
            "a tolerance needs a key: without one, whole rows are equal or not",
            code="no_key",
            hint="name the columns that identify a row: --key NAME",
        )
    for column in given:
        if column not in pairs or column in keys:
            what = "part of the key" if column in keys else "not a column of both sides"
            raise InvalidInput(
                f"no tolerance for {column!r}: it is {what}",
                code="no_tolerance",
                hint=f"columns of both: {', '.join(c for c in pairs if c not in keys) or 'none'}",
            )
    if not keys:
        return {}
    return {c: t for c, t in {**tolerances(new), **given}.items() if c not in keys}


def _granted(column: str, tolerance: Any) -> float:
    try:
        granted = float(tolerance)
    except (TypeError, ValueError, OverflowError):
        granted = math.nan
    if not 0 <= granted < math.inf:
        raise InvalidInput(
            f"no tolerance for {column!r}: {tolerance!r} is no finite number of at least 0",
            code="invalid_tolerance",
        )
    return granted
