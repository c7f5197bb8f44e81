"""Comparing two states of a table: releases, tables, frames or files, in any combination.

Here belongs bringing both sides into one shape. What a difference means is `releases.compare`'s.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dataplatform.cli.frames import as_reader
from dataplatform.contracts.evolve import diff_schema
from dataplatform.contracts.infer import infer_contract
from dataplatform.contracts.model import Contract
from dataplatform.releases.compare import Comparison, shard_delta
from dataplatform.releases.index_change import IndexChange, diff_indexes
from dataplatform.releases.ports import ReleasePorts
from dataplatform.settings import Settings
from dataplatform.wiring import for_rehearsal
from opendata.reading.resolve import Release, resolve
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import parse_reference
from opendata.wire.manifest import FileEntry


@dataclass(frozen=True)
class Side:
    """One state: its contract, and its rows as shards of a release or as plain files."""

    contract: Contract
    files: tuple[str, ...] = ()
    release: Release | None = None


def compare_states(
    settings: Settings, before: Any, after: Any, keys: Sequence[str] | None = None
) -> Comparison:
    """How `after` differs from `before`.

    Args:
        before, after: References, Arrow tables, frames or the paths of files.
        keys: The columns that identify a row; by default the later side's primary key.

    Raises:
        NotFound, InvalidInput: if a side cannot be read, or lacks a key.
        Rejected: if keys are null or repeated.
    """
    with tempfile.TemporaryDirectory(prefix="opendata-diff-") as scratch:
        ports = for_rehearsal(settings, scratch).ports
        old = _side(ports, before, Path(scratch, "before.parquet"))
        new = _side(ports, after, Path(scratch, "after.parquet"))
        return _compare(ports, old, new, keys)


def compare_releases(settings: Settings, before: Release, after: Release) -> Comparison:
    """How one release differs from another; shards that both share are not read."""
    with tempfile.TemporaryDirectory(prefix="opendata-diff-") as scratch:
        ports = for_rehearsal(settings, scratch).ports
        return _compare(ports, _of_release(before), _of_release(after), None)


def _side(ports: ReleasePorts, data: Any, draft: Path) -> Side:
    is_text = isinstance(data, str | os.PathLike)
    if is_text and not Path(data).expanduser().is_file():
        return _of_release(resolve(ports.store, parse_reference(str(data))))
    reader = as_reader(data)
    with pq.ParquetWriter(draft, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return Side(infer_contract(reader.schema), (str(draft),))


def _of_release(release: Release) -> Side:
    return Side(Contract.model_validate(release.manifest.contract), release=release)


def _compare(ports: ReleasePorts, old: Side, new: Side, keys: Sequence[str] | None) -> Comparison:
    old_shards, new_shards = _shards(old), _shards(new)
    if old.release and new.release:
        delta = shard_delta(old_shards, new_shards)
        old_shards, new_shards = delta.old, delta.new
    old_files = [*old.files, *map(ports.shard_path, old_shards)]
    new_files = [*new.files, *map(ports.shard_path, new_shards)]
    common = _common_columns(old.contract, new.contract)
    chosen = tuple(keys) if keys is not None else new.contract.primary_key
    if missing := [name for name in chosen if name not in common]:
        raise InvalidInput(
            f"the key {', '.join(missing)} is not a column of both sides with one type",
            code="missing_key",
            hint=f"columns of both: {', '.join(common)}",
        )
    rows = ports.differ.diff(old_files, new_files, keys=chosen, columns=common)
    schema = diff_schema(
        old.contract,
        new.contract,
        same_dimension=ports.same_dimension,
        can_reproject=ports.reference_systems.can_reproject,
    )
    return Comparison(
        first=False,
        schema=schema,
        rows=rows,
        indexes=_index_change(old, new, schema.renames),
        content_changed=not rows.is_empty,
    )


def _index_change(old: Side, new: Side, renames: dict[str, str]) -> IndexChange:
    if old.release is None or new.release is None:
        return IndexChange()
    return diff_indexes(old.release.manifest.indexes, new.release.manifest.indexes, renames)


def _shards(side: Side) -> tuple[FileEntry, ...]:
    return side.release.manifest.files if side.release else ()


def _common_columns(old: Contract, new: Contract) -> list[str]:
    old_types = {field.name: field.type for field in old.fields}
    return [field.name for field in new.fields if old_types.get(field.name) == field.type]
