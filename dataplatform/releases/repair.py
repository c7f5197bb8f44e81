"""Repair: find what a crash or a hand left behind and finish it.

Derived copies are compared with the pointer and rebuilt where they differ. What is immutable is
never touched: releases that were frozen and never published, and commits that lost their race,
are reported and left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from dataplatform.releases.announce import (
    announced_keys,
    announcement_problems,
    write_announcements,
)
from dataplatform.releases.derive import derive_copies, metadata_bytes, wants_stable_copy
from dataplatform.releases.findings import Finding
from dataplatform.releases.index import (
    entry_of,
    index_problem,
    published_ids,
    rebuild_index,
    replace_entry,
)
from dataplatform.releases.objects import read_object
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import lost_pointer
from dataplatform.releases.yank import missing_yanks, settle_yanks
from opendata.reading.history import walk_history
from opendata.reading.resolve import Release, read_current, read_release
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.codec import read_json
from opendata.wire.errors import Corrupt, NotFound, OpenDataError, Unavailable
from opendata.wire.ids import DatasetId
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.pointer import Pointer
from opendata.wire.version import parse_version

__all__ = ["Finding", "inspect", "published_ids", "rebuild_index", "repair"]


def inspect(ports: ReleasePorts, dataset: DatasetId) -> list[Finding]:
    """What repairing would do, without doing it."""
    try:
        release = read_current(ports.store, dataset)
        if release is None and (loss := lost_pointer(ports.store, dataset)):
            raise loss
        if release is None:
            return list(_leftovers(ports, dataset, set()))
        history = list(walk_history(ports.store, dataset))
        unmarked = list(_unmarked(ports, dataset, history))
    except Corrupt as error:
        damaged_key = str(error.details.get("object", keys.pointer_key(dataset)))
        return [Finding(str(dataset), damaged_key, error.message, False)]
    damaged = list(_damaged_sources(ports, release))
    stale = [] if damaged else _stale_copies(ports, release)
    published = {commit.release for commit in history}
    return [*damaged, *stale, *unmarked, *_leftovers(ports, dataset, published)]


def repair(ports: ReleasePorts, dataset: DatasetId) -> list[Finding]:
    """Rebuild what can be rebuilt; returns what was found before."""
    findings = inspect(ports, dataset)
    wrong = {finding.object for finding in findings if finding.repairable}
    if keys.INDEX in wrong and (release := read_current(ports.store, dataset)) is not None:
        replace_entry(ports, entry_of(ports, release))
    told = set(announced_keys(dataset)) & wrong
    if keys.compatibility_key(dataset) in told:
        ports.store.delete(keys.compatibility_key(dataset))  # it is kept up by adding to it
    marks = {key for key in wrong if key.startswith(keys.mark_prefix(dataset))}
    if marks:
        settle_yanks(ports, dataset, by="od repair", every=True)
    try:
        if wrong - marks - told - {keys.INDEX}:
            derive_copies(ports, dataset)
        elif told and (release := read_current(ports.store, dataset)) is not None:
            write_announcements(ports.store, release)
    except Corrupt as error:
        lost = str(error.details.get("object", dataset))
        findings.append(Finding(str(dataset), lost, error.message, repairable=False))
    return findings


def _damaged_sources(ports: ReleasePorts, release: Release) -> Iterator[Finding]:
    """What the release itself stands on and is lost or damaged, so that no copy can be made."""
    cure = f"od run {release.id} --publish writes it anew while the source still has it"
    checks: list[tuple[str, Callable[[], object]]] = [
        (entry.path, partial(ports.shard_path, entry)) for entry in release.manifest.files
    ]
    checks += [
        (key, partial(read_object, ports.store, key))
        for key in (release.manifest.readme, release.manifest.preview)
        if key is not None
    ]
    for key, check in checks:
        try:
            check()
        except (NotFound, Corrupt) as error:
            yield Finding(str(release.id), key, f"{error.message}; {cure}", repairable=False)


def _unmarked(
    ports: ReleasePorts, dataset: DatasetId, history: Sequence[Pointer]
) -> Iterator[Finding]:
    """What a rollback did not come to say of the releases that it left or returned to."""
    for want in missing_yanks(ports.store, dataset, history):
        key = keys.mark_key(dataset, want.version, want.kind)
        done = "withdrew it" if want.kind == "yank" else "made it the current release again"
        problem = f"is missing, although the rollback of generation {want.rollback.generation}"
        yield Finding(str(dataset), key, f"{problem} {done}", repairable=True)


def _stale_copies(ports: ReleasePorts, release: Release) -> Iterator[Finding]:
    manifest, dataset = release.manifest, release.id
    readme = keys.digest_of_object_key(manifest.readme) if manifest.readme else None
    metadata, problem = _look_at_metadata(ports, release)
    expected = {
        keys.manifest_copy_key(dataset): release.stored_sha256,
        keys.readme_key(dataset): readme,
        keys.stable_copy_key(dataset): _stable_digest(release, metadata),
    }
    problems = {key: _differs(ports.store, key, digest) for key, digest in expected.items()}
    problems[keys.metadata_key(dataset)] = problem
    problems |= announcement_problems(ports.store, release)
    problems[keys.INDEX] = index_problem(ports, release)
    for key, found in problems.items():
        if found is not None:
            yield Finding(str(dataset), key, found, repairable=True)


def _look_at_metadata(ports: ReleasePorts, release: Release) -> tuple[dict[str, Any], str | None]:
    """The stored metadata as far as it can be read, and what is wrong with it."""
    key, generation = keys.metadata_key(release.id), _generation(release)
    try:
        data = ports.store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
        metadata = read_json(data, key)
    except (NotFound, Corrupt) as error:
        return {}, error.message
    shown = metadata.get("generation")
    if shown != generation:
        return metadata, f"shows generation {shown}, the pointer is at {generation}"
    if data != metadata_bytes(ports, release, _stable_digest(release, metadata)):
        return metadata, "is not what the current release and its runs say"
    return metadata, None


def _stable_digest(release: Release, metadata: dict[str, Any]) -> str | None:
    """What the stable copy should hash to; of several shards only the metadata tells that."""
    if not wants_stable_copy(release):
        return None
    if len(release.manifest.files) == 1:
        return release.manifest.files[0].sha256
    return str(metadata.get("checksum_sha256"))


def _generation(release: Release) -> int:
    return release.pointer.generation if release.pointer else 0


def _differs(reader: ObjectReader, key: str, expected: str | None) -> str | None:
    if expected is None:
        return "is left over from an earlier release" if reader.stat(key) else None
    sha = hashlib.sha256()
    try:
        for piece in reader.stream(key):
            sha.update(piece)
    except NotFound:
        return "is missing"
    return None if sha.hexdigest() == expected else "is not the current release's"


def _leftovers(ports: ReleasePorts, dataset: DatasetId, published: set[str]) -> Iterator[Finding]:
    """Frozen releases that no commit in the pointer's history names."""
    prefix = keys.release_prefix(dataset)
    for stat in ports.store.list(prefix):
        version = stat.key.removeprefix(prefix).removesuffix(".json")
        if version in published:
            continue
        try:
            manifest = read_release(ports.store, dataset, parse_version(version)).manifest
            problem = f"frozen {manifest.freeze.frozen_at} and never published; its number is taken"
        except Unavailable:
            raise  # what was not read is no finding
        except OpenDataError as error:
            problem = error.message
        yield Finding(str(dataset), stat.key, problem, repairable=False)
