"""Promises: the earlier schema versions whose readers a new release must still serve.

A change that is harmless step by step may break those who skipped a step: a field that was added
as optional and became required two releases later is new and required to them. So a candidate is
held against every schema version of its major from `reader_min` on (S4-13, S4-14), not only
against the last. Their contracts lie in objects that the manifest names, one per schema version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dataplatform.contracts.evolve import Change, diff_schema
from dataplatform.contracts.model import Contract, ReleaseSettings
from dataplatform.releases.objects import JSON, put_object, read_object
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.resolve import read_release
from opendata.stores.parallel import in_parallel
from opendata.wire.codec import read_json
from opendata.wire.digest import canonical_json
from opendata.wire.errors import NotFound, Rejected
from opendata.wire.ids import DatasetId, parse_dataset_id
from opendata.wire.manifest import Break, Manifest, PromiseEntry
from opendata.wire.version import Bump, Version, parse_version


@dataclass(frozen=True)
class Promise:
    """What one schema version promised, and the last release that had it."""

    schema_version: Version
    release: str
    contract: Contract


def floor_of(
    settings: ReleaseSettings, schema_version: Version, breaks: Sequence[Break]
) -> Version:
    """The oldest reader that is served: `release.reader_min`, else the first from which adapters
    lead here. That is the major's first, or an earlier major's where all breaks are bridged.

    Args:
        breaks: Those on the way to this schema version, as a manifest records them.
    """
    if settings.reader_min is not None:
        return parse_version(settings.reader_min)
    return _first_that_is_led_here(schema_version, breaks)


def recorded_floor(manifest: Manifest) -> Version:
    """The oldest reader that a release serves, as `floor_of` told when it was frozen."""
    stated = manifest.versioning.reader_min
    if stated is not None:
        return parse_version(stated)
    version = parse_version(manifest.versioning.schema_version)
    return _first_that_is_led_here(version, manifest.breaks)


def _first_that_is_led_here(schema_version: Version, breaks: Sequence[Break]) -> Version:
    bridged = {parse_version(one.schema_version).major for one in breaks if not one.reasons}
    walls = {parse_version(one.schema_version).major for one in breaks if one.reasons}
    major = schema_version.major
    while major in bridged - walls:
        major -= 1
    return Version(major, 0, 0)


def require_reachable_floor(settings: ReleaseSettings, schema_version: Version) -> None:
    """Refuse a `reader_min` that nobody could have.

    Raises:
        Rejected: naming the newest schema version that there will be.
    """
    floor = floor_of(settings, schema_version, ())
    if floor > schema_version:
        raise Rejected(
            f"release.reader_min says {floor}, but this release has schema {schema_version}: "
            "nobody could read it",
            code="wrong_reader_min",
            hint=f'reader_min counts schema versions: write "{schema_version}" or an earlier one',
            details={"reader_min": str(floor), "schema_version": str(schema_version)},
        )


def floor_change(before: Version, after: Version) -> tuple[Change, ...]:
    """How raising or lowering `reader_min` is told in the changelog."""
    if before == after:
        return ()
    return (Change("release", str(before), str(after), Bump.MINOR, constraint="reader_min"),)


def broken_promises(
    promises: Sequence[Promise], new: Contract, ports: ReleasePorts
) -> Iterator[str]:
    """Why readers of earlier schema versions could not read a release with this contract."""
    for promise in promises:
        found = diff_schema(
            promise.contract,
            new,
            same_dimension=ports.units.same_dimension,
            can_reproject=ports.reference_systems.can_reproject,
        )
        for reason in found.reasons:
            yield (
                f"readers of schema {promise.schema_version} (release {promise.release}) "
                f"are still served: to them {reason}"
            )


def earlier_promises(ports: ReleasePorts, current: Manifest, floor: Version) -> list[Promise]:
    """The promises before the current release's own, from `floor` on; they are read from the store.

    Raises:
        Corrupt, NotFound: if a contract that the manifest names is damaged or gone.
    """
    if current.promises or _is_first_of_major(current):
        wanted = [p for p in current.promises if parse_version(p.schema_version) >= floor]
        return list(in_parallel(lambda entry: _read_promise(ports, entry), wanted))
    walked = _walked(ports, current)
    return [promise for promise in walked if promise.schema_version >= floor]


def promise_entries(
    ports: ReleasePorts, current: Manifest | None, schema_version: Version
) -> tuple[PromiseEntry, ...]:
    """What a release with this schema version names; the contracts are stored on the way."""
    if current is None:
        return ()
    before = parse_version(current.versioning.schema_version)
    if schema_version.major != before.major:
        return ()
    named = current.promises
    if not named and not _is_first_of_major(current):
        named = tuple(_store_promise(ports, promise) for promise in _walked(ports, current))
    if schema_version == before:
        return named
    return (*named, _store_promise(ports, _own_promise(current)))


def _is_first_of_major(manifest: Manifest) -> bool:
    version = parse_version(manifest.versioning.schema_version)
    return (version.minor, version.patch) == (0, 0)


def _walked(ports: ReleasePorts, current: Manifest) -> list[Promise]:
    """The promises of a release whose manifest names none yet: from the releases before it.

    Each costs a request, once: what is found is named by the next manifest. The walk ends where
    the major begins, or at a release that retention took away, whose readers nobody serves.
    """
    dataset = parse_dataset_id(current.id)
    own = parse_version(current.versioning.schema_version)
    found: dict[Version, Promise] = {}
    for manifest in _ancestors(ports, dataset, current):
        version = parse_version(manifest.versioning.schema_version)
        if version.major != own.major:
            break
        if version != own:
            found.setdefault(version, _own_promise(manifest))
        if manifest.promises:
            for entry in manifest.promises:
                found.setdefault(parse_version(entry.schema_version), _read_promise(ports, entry))
            break
        if _is_first_of_major(manifest):
            break
    return [found[version] for version in sorted(found)]


def _ancestors(ports: ReleasePorts, dataset: DatasetId, manifest: Manifest) -> Iterator[Manifest]:
    previous = manifest.versioning.prev_release
    while previous is not None:
        try:
            manifest = read_release(ports.store, dataset, parse_version(previous)).manifest
        except NotFound:
            return
        yield manifest
        previous = manifest.versioning.prev_release


def _own_promise(manifest: Manifest) -> Promise:
    versioning = manifest.versioning
    contract = Contract.model_validate(manifest.contract)
    return Promise(parse_version(versioning.schema_version), versioning.data_release, contract)


def _store_promise(ports: ReleasePorts, promise: Promise) -> PromiseEntry:
    document: dict[str, Any] = promise.contract.model_dump(mode="json", exclude_none=True)
    key = put_object(ports.store, canonical_json(document), content_type=JSON)
    return PromiseEntry(
        schema_version=str(promise.schema_version), release=promise.release, contract=key
    )


def _read_promise(ports: ReleasePorts, entry: PromiseEntry) -> Promise:
    document = read_json(read_object(ports.store, entry.contract), entry.contract)
    contract = Contract.model_validate(document)
    return Promise(parse_version(entry.schema_version), entry.release, contract)
