"""Compare: what a candidate changes against the release it would follow.

Pure but for the row diff, which is asked only of shards whose content differs, so its cost
follows the change. The result decides whether there is anything to release and how far the
version moves (requirements S4-15, S4-16, S4-28…S4-31).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dataplatform.contracts.counterparts import counterparts, tolerances
from dataplatform.contracts.evolve import SchemaDiff, diff_schema
from dataplatform.contracts.model import Contract, ReleaseSettings
from dataplatform.releases.candidate import Candidate
from dataplatform.releases.differ import DiffOptions, RowDiff
from dataplatform.releases.index_change import IndexChange, change_of_indexes
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.promises import (
    broken_promises,
    earlier_promises,
    floor_change,
    floor_of,
    recorded_floor,
)
from dataplatform.releases.reprojection import require_known_system
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.manifest import FileEntry, Manifest
from opendata.wire.version import Bump, parse_version
from opendata.wire.words import counted


@dataclass(frozen=True)
class Comparison:
    """One state against another: mostly a candidate against its predecessor, if it has one.

    `older` says how readers of earlier schema versions would break, who are served yet. `about`
    lists changed descriptive fields (title, licence, README …). `not_compared` says why rows were
    not counted: a damaged predecessor must not keep its successor from coming out.
    """

    first: bool
    schema: SchemaDiff
    rows: RowDiff | None
    partition: tuple[str, str] | None = None
    older: tuple[str, ...] = ()
    indexes: IndexChange = field(default_factory=IndexChange)
    about: tuple[str, ...] = ()
    content_changed: bool = True
    not_compared: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to release."""
        return not self.first and self.data_bump is Bump.NONE

    @property
    def breaking(self) -> bool:
        """Whether readers of the current release may break."""
        return self.schema_bump is Bump.MAJOR

    @property
    def schema_bump(self) -> Bump:
        """How far the schema version moves."""
        breaks = Bump.MAJOR if self.partition or self.older else Bump.NONE
        return max(breaks, self.schema.bump, self.indexes.bump)

    @property
    def data_bump(self) -> Bump:
        """How far the data release moves: the larger of the schema's and the data's bump."""
        data = Bump.PATCH if self.content_changed or self.about else Bump.NONE
        return max(self.schema_bump, data)

    @property
    def breaking_reasons(self) -> tuple[str, ...]:
        """Why the change breaks readers, one sentence each."""
        reasons = list(self.schema.reasons)
        if self.partition:
            old, new = self.partition
            reasons.append(f"shards change from {old} to {new}: old paths no longer resolve")
        return (*reasons, *self.older)

    def to_json(self) -> dict[str, Any]:
        """The diff in the pinned form of `diff_datasets`."""
        return {
            "diff_R": self._rows_json(),
            "diff_S": self.schema.to_json(),
            "diff_I": self.indexes.to_json(),
            "breaking": self.breaking,
            "bump": str(self.data_bump),
            "about": list(self.about),
        }

    @property
    def unseen(self) -> str | None:
        """Why there is something to release although no row differs, where that is so (S4-16)."""
        if self.rows is None or not self.rows.is_empty or not self.content_changed:
            return None
        if self.rows.within_tolerance:
            rows = self.rows.within_tolerance
            differ = "differs within its" if rows == 1 else "differ within their"
            return f"{counted(rows, 'row')} {differ} tolerance"
        if self.schema.changes or self.partition:
            return None
        return "every row has the same values, which are stored or arranged in another way"

    def _rows_json(self) -> dict[str, Any]:
        if self.rows is not None:
            why = self.unseen
            return {**self.rows.to_json(), **({"unseen": why} if why else {})}
        counts = {"added": 0, "removed": 0, "changed": 0}
        return {**counts, "not_compared": self.not_compared} if self.not_compared else counts


@dataclass(frozen=True)
class ShardDelta:
    """Which shards two releases do not share: only these can hold changed rows."""

    old: tuple[FileEntry, ...] = field(default=())
    new: tuple[FileEntry, ...] = field(default=())


def shard_delta(old: tuple[FileEntry, ...], new: tuple[FileEntry, ...]) -> ShardDelta:
    """The shards whose content the other side does not have, under whichever name.

    Equal shards are taken away in pairs, one of each side. The rows of a pair are the same ones,
    and where a key stands in no second row, none of them is the counterpart of a row elsewhere:
    what is left gives the same difference as everything would.
    """
    return ShardDelta(tuple(_without(old, new)), tuple(_without(new, old)))


def _without(some: Sequence[FileEntry], others: Sequence[FileEntry]) -> Iterator[FileEntry]:
    left = Counter(entry.content_hash for entry in others)
    for entry in some:
        if left[entry.content_hash]:
            left[entry.content_hash] -= 1
        else:
            yield entry


def compare_candidate(
    ports: ReleasePorts, candidate: Candidate, current: Manifest | None
) -> Comparison:
    """What releasing this candidate would change.

    Raises:
        Rejected: if its coordinates are in a reference system that does not exist.
    """
    contract = Contract.model_validate(candidate.contract)
    require_known_system(ports, contract)
    if current is None:
        indexes = IndexChange(entries=candidate.indexes)
        return Comparison(True, diff_schema(contract, contract), None, indexes=indexes)
    delta = shard_delta(current.files, candidate.files)
    changed = candidate.content_hash != current.integrity.content_hash
    resharded = (current.shard, candidate.shard) if current.shard != candidate.shard else None
    schema, older = _compare_promises(ports, candidate, current)
    bump = Bump.MAJOR if resharded or older else schema.bump
    settings = ReleaseSettings.model_validate(candidate.definition.get("release", {}))
    rows = not_compared = None
    try:
        rows = _diff_rows(ports, candidate, current, contract, delta) if changed else None
    except (Corrupt, NotFound) as damage:
        not_compared = damage.message
    return Comparison(
        first=False,
        schema=schema,
        rows=rows,
        partition=resharded,
        older=older,
        indexes=change_of_indexes(
            current, candidate, settings, renames=schema.renames, schema_bump=bump
        ),
        about=_changed_fields(candidate, current),
        content_changed=changed,
        not_compared=not_compared,
    )


def _compare_promises(
    ports: ReleasePorts, candidate: Candidate, current: Manifest
) -> tuple[SchemaDiff, tuple[str, ...]]:
    """What changes against the current release, and what would break for readers of older ones."""
    contract = Contract.model_validate(candidate.contract)
    schema = diff_schema(
        Contract.model_validate(current.contract),
        contract,
        same_dimension=ports.units.same_dimension,
        can_reproject=ports.reference_systems.can_reproject,
    )
    if schema.breaking:
        return schema, ()
    settings = ReleaseSettings.model_validate(candidate.definition.get("release", {}))
    before = recorded_floor(current)
    floor = floor_of(settings, parse_version(current.versioning.schema_version), current.breaks)
    older: tuple[str, ...] = ()
    if schema.bump is not Bump.NONE or floor < before:
        promises = earlier_promises(ports, current, floor)
        older = tuple(broken_promises(promises, contract, ports))
    told = (*schema.constraint_change, *floor_change(before, floor))
    return replace(schema, constraint_change=told), older


def _diff_rows(
    ports: ReleasePorts,
    candidate: Candidate,
    current: Manifest,
    contract: Contract,
    delta: ShardDelta,
) -> RowDiff:
    released = Contract.model_validate(current.contract)
    pairs = counterparts(released, contract)
    keys = contract.primary_key
    if tuple(pairs.get(key) for key in keys) != released.primary_key:
        keys = ()  # a key that the current release does not promise may not identify its rows
    return ports.differ.diff(
        [ports.shard_path(entry) for entry in delta.old],
        [ports.shard_path(entry) for entry in delta.new],
        keys=keys,
        columns=list(pairs),
        options=DiffOptions(former=pairs, tolerances=tolerances(contract) if keys else {}),
    )


def _changed_fields(candidate: Candidate, current: Manifest) -> tuple[str, ...]:
    names = sorted({*candidate.dataset, *current.dataset})
    changed = [n for n in names if candidate.dataset.get(n) != current.dataset.get(n)]
    if candidate.readme != current.readme:
        changed.append("README")
    return tuple(changed)
