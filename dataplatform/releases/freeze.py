"""Freeze: a candidate with passing verdicts becomes an immutable, numbered, signed manifest.

Freezing is one put-if-absent of `releases/<semver>.json`. It is not visible to readers of the
current release until `publish` moves the pointer. A number that was frozen but never published
stays taken: the same candidate on the same predecessor resumes it, anything else takes the next.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dataplatform.contracts.model import ReleaseSettings
from dataplatform.releases.candidate import Candidate, as_manifest, read_candidate
from dataplatform.releases.carrying import Carried, carry_readers
from dataplatform.releases.collecting.condemned import require_not_condemned
from dataplatform.releases.compare import Comparison, compare_candidate
from dataplatform.releases.earlier import (
    is_resumable,
    readable_release,
    refuse_what_was_rolled_back,
    require_standing_base,
)
from dataplatform.releases.lines import beside_closed_lines, closed_by, closes_line
from dataplatform.releases.number import Numbers, Taken, next_numbers
from dataplatform.releases.objects import JSON
from dataplatform.releases.patched import refuse_to_undo_patch, require_patched_base
from dataplatform.releases.ports import ReleasePorts, Signer
from dataplatform.releases.promises import floor_of, promise_entries, require_reachable_floor
from dataplatform.releases.trace import RunReference, attach_provenance
from dataplatform.releases.verdict import Decision, Gate, require_verdicts
from opendata.reading.resolve import Release, read_current
from opendata.reading.signature import release_statement
from opendata.stores.port import AlreadyExists, ObjectStore
from opendata.wire import keys
from opendata.wire.codec import replace
from opendata.wire.digest import digest_of
from opendata.wire.errors import Conflict
from opendata.wire.ids import DatasetId
from opendata.wire.manifest import (
    Break,
    Changelog,
    Freeze,
    Integrity,
    Manifest,
    Versioning,
)
from opendata.wire.signed_body import signed_body
from opendata.wire.times import format_instant
from opendata.wire.version import Version, parse_version

# Every failed publish of other data leaves a number behind until one succeeds.
FREEZE_TRIES = 1000
_UNFROZEN_HASH = "0" * 64


@dataclass(frozen=True)
class Frozen:
    """A frozen release, and whether an earlier, interrupted attempt had frozen it already."""

    release: Release
    change: Comparison
    resumed: bool = False


@dataclass(frozen=True)
class Unchanged:
    """The candidate holds what the current release holds: no change, no release."""

    current: Release


def freeze_candidate(
    ports: ReleasePorts,
    dataset: DatasetId,
    digest: str,
    run: RunReference,
    *,
    force: bool = False,
    built_on: int | None = None,
) -> Frozen | Unchanged:
    """Freeze a staged candidate that passed its gates.

    Args:
        force: Freeze also one that changes nothing, or brings back what was taken away.
        built_on: The pointer's generation that it was built upon, where that is known: rows that
            it took over from there must not undo what was published since.

    Raises:
        GateClosed: if a gate has no passing verdict on exactly this candidate.
        BreakingChange, Rejected: if the version that the change needs was not declared.
        Conflict: if other candidates kept taking every free number.
    """
    decisions = require_verdicts(ports.store, dataset, digest, ports.signer)
    candidate = read_candidate(ports.store, dataset, digest)
    require_not_condemned(ports, candidate.to_bytes, f"this candidate of {dataset}")
    current = read_current(ports.store, dataset)
    before = current.manifest if current else None
    require_patched_base(candidate, current)
    change = compare_candidate(ports, candidate, before)
    if current is not None and change.is_empty:
        if not force:
            return Unchanged(current)
        change = dataclasses.replace(change, about=("forced",))
    require_standing_base(candidate, current, built_on)
    if not force:
        refuse_to_undo_patch(ports, candidate, current)
    carried = carry_readers(before, candidate, change, ports.units)
    draft = _draft(candidate, digest, current, change, decisions, run, carried)
    settings = ReleaseSettings.model_validate(candidate.definition.get("release", {}))
    return _take_number(ports, dataset, draft, current, change, settings, force=force)


def preview_freeze(
    ports: ReleasePorts, dataset: DatasetId, digest: str
) -> tuple[Comparison, Numbers]:
    """What freezing would do, without doing it (`od run --dry-run`). Raises as freezing does."""
    candidate = read_candidate(ports.store, dataset, digest)
    current = read_current(ports.store, dataset)
    require_patched_base(candidate, current)
    change = compare_candidate(ports, candidate, current.manifest if current else None)
    settings = ReleaseSettings.model_validate(candidate.definition.get("release", {}))
    return change, _numbers(ports, change, current, settings, Taken())


def _numbers(
    ports: ReleasePorts,
    change: Comparison,
    current: Release | None,
    settings: ReleaseSettings,
    taken: Taken,
) -> Numbers:
    versioning = current.manifest.versioning if current else None
    declared = parse_version(settings.version) if settings.version else None
    numbers = next_numbers(change, versioning, declared, taken)
    require_reachable_floor(settings, numbers.schema_version)
    closed = closed_by(ports, current)
    return beside_closed_lines(numbers, [closed] if closed else [], declared, taken)


def _take_number(
    ports: ReleasePorts,
    dataset: DatasetId,
    draft: Manifest,
    current: Release | None,
    change: Comparison,
    settings: ReleaseSettings,
    *,
    force: bool,
) -> Frozen:
    taken = Taken()
    for _ in range(FREEZE_TRIES):
        numbers = _numbers(ports, change, current, settings, taken)
        version = numbers.data_release
        if ports.store.stat(keys.release_key(dataset, version)) is None:
            before = current.manifest if current else None
            promises = promise_entries(ports, before, numbers.schema_version)
            breaks = _numbered(draft.breaks, change, numbers)
            promising = replace(draft, promises=promises, breaks=breaks)
            manifest = _seal(promising, numbers, settings, ports.now(), ports.signer)
            if frozen := _put_manifest(ports.store, dataset, version, manifest):
                return Frozen(frozen, change)
        earlier = readable_release(ports, dataset, version)
        if earlier is not None and is_resumable(ports, earlier, draft, current):
            return Frozen(earlier, change, resumed=True)
        if earlier is not None and not force:
            refuse_what_was_rolled_back(ports, earlier, draft, current)
        taken = taken.also(
            version,
            earlier.manifest if earlier else None,
            draft.contract,
            closes=earlier is not None and closes_line(ports, earlier),
        )
    raise Conflict(
        f"{FREEZE_TRIES} numbers of {dataset} were taken by others while freezing",
        code="numbers_taken",
        hint=f"od repair {dataset} lists releases that were frozen and never published",
    )


def _numbered(breaks: tuple[Break, ...], change: Comparison, numbers: Numbers) -> tuple[Break, ...]:
    """The breaks, the last of which is this change's where it is one, under its schema's number."""
    if not change.breaking or not breaks:
        return breaks
    *former, own = breaks
    return (*former, replace(own, schema_version=str(numbers.schema_version)))


def _put_manifest(
    store: ObjectStore, dataset: DatasetId, version: Version, manifest: Manifest
) -> Release | None:
    """Store the frozen bytes; None where somebody else was first."""
    data = manifest.to_bytes()
    try:
        store.put_new(keys.release_key(dataset, version), data, content_type=JSON)
    except AlreadyExists:
        return None
    return Release(dataset, version, manifest, data, digest_of(data))


def _draft(
    candidate: Candidate,
    digest: str,
    current: Release | None,
    change: Comparison,
    decisions: dict[Gate, Decision],
    run: RunReference,
    carried: Carried,
) -> Manifest:
    """The manifest but for what the number, the clock and the key add."""
    diff = change.to_json()
    return replace(
        as_manifest(candidate, digest),
        trace=attach_provenance(candidate, digest, run),
        reports=_reports(decisions),
        versioning=Versioning(
            schema_version="1.0.0",
            data_release="1.0.0",
            prev_release=str(current.version) if current else None,
            notes=candidate.code.get("patch", {}).get("notes"),
        ),
        changelog=Changelog(
            diff_S=diff["diff_S"],
            diff_R=diff["diff_R"],
            diff_I=diff["diff_I"],
            breaking=change.breaking,
        ),
        integrity=Integrity(hash_sha256=_UNFROZEN_HASH, content_hash=candidate.content_hash),
        freeze=Freeze(tag="", mode="soft", frozen_at=""),
        adapters=carried.adapters,
        indexes=change.indexes.entries,
        transforms=carried.transforms,
        breaks=carried.breaks,
    )


def _reports(decisions: dict[Gate, Decision]) -> dict[str, Any]:
    reports: dict[str, Any] = {gate: decision.report for gate, decision in decisions.items()}
    reports["profile"] = decisions["contract"].profile
    reports["decided_at"] = {gate: decision.decided_at for gate, decision in decisions.items()}
    return reports


def _seal(
    draft: Manifest,
    numbers: Numbers,
    settings: ReleaseSettings,
    now: datetime,
    signer: Signer | None,
) -> Manifest:
    """Number, hash, freeze and sign; the hash covers all but the two blocks that hold it."""
    numbered = replace(
        draft,
        versioning=replace(
            draft.versioning,
            schema_version=str(numbers.schema_version),
            data_release=str(numbers.data_release),
            reader_min=str(floor_of(settings, numbers.schema_version, draft.breaks)),
        ),
    )
    freeze = Freeze(
        tag=str(numbers.data_release),
        mode=str(settings.freeze),
        frozen_at=format_instant(now),
        observation_until=_observation_until(settings, now),
    )
    digest = digest_of(signed_body(numbered.to_json()))
    integrity = replace(draft.integrity, hash_sha256=digest)
    if signer is not None:
        signed_at = format_instant(now)
        statement = release_statement(numbered, freeze.to_json(), digest, signed_at)
        integrity = replace(
            integrity,
            signature=signer.sign(statement),
            signed_by=signer.key_id,
            signed_at=signed_at,
        )
    return replace(numbered, integrity=integrity, freeze=freeze)


def _observation_until(settings: ReleaseSettings, now: datetime) -> str | None:
    if str(settings.freeze) != "soft":
        return None
    return format_instant(now + settings.observation)
