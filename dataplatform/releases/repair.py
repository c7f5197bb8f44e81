"""Repair: find what a crash or a hand left behind and finish it.

Derived copies are compared with the pointer and rebuilt where they differ. What is immutable is
never touched: releases that were frozen and never published, and commits that lost their race,
are reported and left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from dataplatform.releases.derive import derive_copies, join_index, wants_stable_copy
from dataplatform.releases.health import read_recorded_health
from dataplatform.releases.metadata import build_entry
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.update import update_object
from opendata.reading.history import walk_history
from opendata.reading.resolve import Release, read_current, read_release
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.catalogue import Catalogue, CatalogueEntry, read_catalogue
from opendata.wire.codec import read_json
from opendata.wire.errors import Corrupt, NotFound, OpenDataError
from opendata.wire.ids import DatasetId, parse_dataset_id
from opendata.wire.times import format_instant
from opendata.wire.version import parse_version


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `repairable` is False for what is only reported."""

    dataset: str
    object: str
    problem: str
    repairable: bool

    def to_json(self) -> dict[str, Any]:
        """The finding by name."""
        return asdict(self)


def published_ids(ports: ReleasePorts) -> list[DatasetId]:
    """Every data set that has a pointer."""
    names = (keys.dataset_of_pointer_key(stat.key) for stat in ports.store.list(keys.DATASETS))
    return [parse_dataset_id(name) for name in names if name is not None]


def inspect(ports: ReleasePorts, dataset: DatasetId) -> list[Finding]:
    """What repairing would do, without doing it."""
    try:
        release = read_current(ports.store, dataset)
        if release is None:
            return list(_leftovers(ports, dataset, set()))
        published = {commit.release for commit in walk_history(ports.store, dataset)}
    except Corrupt as error:
        return [Finding(str(dataset), keys.pointer_key(dataset), error.message, False)]
    return [*_stale_copies(ports, release), *_leftovers(ports, dataset, published)]


def repair(ports: ReleasePorts, dataset: DatasetId) -> list[Finding]:
    """Rebuild what can be rebuilt; returns what was found before."""
    findings = inspect(ports, dataset)
    if any(finding.repairable for finding in findings):
        derive_copies(ports, dataset)
    return findings


def rebuild_index(ports: ReleasePorts) -> tuple[Catalogue, list[Finding]]:
    """Make `index.json` anew from the pointers; a data set that cannot be read is left out.

    Entries of data sets that have no pointer any more are dropped (S1-62, S1-63).
    """
    entries, problems = [], []
    for dataset in published_ids(ports):
        try:
            release = read_current(ports.store, dataset)
            if release is not None and release.pointer is not None:
                health = read_recorded_health(ports.store, dataset)
                entries.append(build_entry(dataset, release.manifest, release.pointer, health))
        except OpenDataError as error:
            key = keys.pointer_key(dataset)
            problems.append(Finding(str(dataset), key, error.message, False))
    known = {entry.id for entry in entries} | {problem.dataset for problem in problems}
    _drop_unknown(ports, known)
    join_index(ports, entries)
    data = ports.store.get(keys.INDEX).data
    return read_catalogue(data, keys.INDEX), problems


def _drop_unknown(ports: ReleasePorts, known: set[str]) -> None:
    def keep_known(data: bytes | None) -> bytes:
        kept: tuple[CatalogueEntry, ...] = ()
        if data:
            try:
                present = read_catalogue(data, keys.INDEX).datasets
            except Corrupt:
                present = ()  # it is derived: a damaged one is simply made anew
            kept = tuple(entry for entry in present if entry.id in known)
            if kept == present and kept:
                return data
        return Catalogue(generated_at=format_instant(ports.now()), datasets=kept).to_bytes()

    update_object(ports.store, keys.INDEX, keep_known)


def _stale_copies(ports: ReleasePorts, release: Release) -> Iterator[Finding]:
    store, dataset = ports.store, release.id
    expected = {keys.manifest_copy_key(dataset): release.stored_sha256}
    if release.manifest.readme is not None:
        readme = keys.digest_of_object_key(release.manifest.readme)
        expected[keys.readme_key(dataset)] = readme
    for key, digest in expected.items():
        if difference := _differs(store, key, digest):
            yield Finding(str(dataset), key, difference, True)
    yield from _stale_metadata(ports, release)
    yield from _stale_index(ports, release)


def _stale_metadata(ports: ReleasePorts, release: Release) -> Iterator[Finding]:
    key = keys.metadata_key(release.id)
    generation = release.pointer.generation if release.pointer else 0
    try:
        metadata = read_json(ports.store.get(key).data, key)
    except (NotFound, Corrupt) as error:
        yield Finding(str(release.id), key, error.message, True)
        return
    if metadata.get("generation") != generation:
        shown = metadata.get("generation")
        problem = f"shows generation {shown}, the pointer is at {generation}"
        yield Finding(str(release.id), key, problem, True)
    elif wants_stable_copy(release):
        copy = keys.stable_copy_key(release.id)
        if difference := _differs(ports.store, copy, str(metadata.get("checksum_sha256"))):
            yield Finding(str(release.id), copy, difference, True)


def _stale_index(ports: ReleasePorts, release: Release) -> Iterator[Finding]:
    try:
        entries = read_catalogue(ports.store.get(keys.INDEX).data, keys.INDEX).datasets
    except (NotFound, Corrupt) as error:
        yield Finding(str(release.id), keys.INDEX, error.message, True)
        return
    generations = {entry.id: entry.generation for entry in entries}
    if release.pointer and generations.get(str(release.id), 0) < release.pointer.generation:
        yield Finding(str(release.id), keys.INDEX, "does not show the current generation", True)


def _differs(reader: ObjectReader, key: str, expected: str) -> str | None:
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
        except OpenDataError as error:
            problem = error.message
        yield Finding(str(dataset), stat.key, problem, False)
