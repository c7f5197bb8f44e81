"""Derive: the copies that the registry convention asks for, made from pointer and manifest.

They may be behind for a moment and can be lost without losing anything: each is rebuilt from what
is immutable. Data is written first and metadata last. Whoever derives an old generation while a
new one appears, sees the pointer differ afterwards and derives again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dataplatform.contracts.model import ReleaseSettings, StableCopy
from dataplatform.releases.health import read_recorded_health
from dataplatform.releases.metadata import build_entry, build_metadata
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.update import update_object
from opendata.reading.resolve import Release, read_current, read_route
from opendata.stores.port import LocalFile
from opendata.wire import keys
from opendata.wire.catalogue import (
    Catalogue,
    CatalogueEntry,
    merge_entries,
    read_catalogue,
)
from opendata.wire.codec import read_json
from opendata.wire.digest import canonical_json
from opendata.wire.errors import Conflict, Corrupt, NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.pointer import Pointer
from opendata.wire.times import format_instant

STABLE_COPY_AUTO_BYTES = 256 << 20
DERIVE_TRIES = 8
PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Derived:
    """Which generation the derived copies show now."""

    generation: int
    stable_copy: bool


def derive_copies(ports: ReleasePorts, dataset: DatasetId) -> Derived:
    """Bring all derived copies of a data set to the pointer's state.

    Raises:
        NotFound: if the data set was never published.
        Conflict: if the pointer kept moving; its mover derives as well.
    """
    for _ in range(DERIVE_TRIES):
        release = read_current(ports.store, dataset)
        if release is None or release.pointer is None:
            raise NotFound(f"{dataset} was never published", hint=f"od run {dataset} --publish")
        stable_sha256 = _write_stable_copy(ports, release)
        _write_texts(ports, release, stable_sha256)
        _join_index(ports, release, release.pointer)
        route = read_route(ports.store, dataset)
        if route is not None and route.pointer.generation == release.pointer.generation:
            return Derived(release.pointer.generation, stable_sha256 is not None)
    raise Conflict(f"{dataset} was published {DERIVE_TRIES} times while its copies were derived")


def refresh_health(ports: ReleasePorts, dataset: DatasetId) -> None:
    """Show a new run's outcome in `metadata.json` and `index.json`, if there is a release."""
    release = read_current(ports.store, dataset)
    if release is None or release.pointer is None:
        return
    metadata = _read_metadata(ports, dataset)
    if metadata is None or metadata.get("generation") != release.pointer.generation:
        derive_copies(ports, dataset)
        return
    metadata["health"] = read_recorded_health(ports.store, dataset).summary()
    ports.store.put(
        keys.metadata_key(dataset), canonical_json(metadata), content_type="application/json"
    )
    _join_index(ports, release, release.pointer)


def wants_stable_copy(release: Release) -> bool:
    """Whether this release is also written as one file (`release.stable_copy`)."""
    settings = ReleaseSettings.model_validate(release.manifest.definition.get("release", {}))
    if settings.stable_copy is StableCopy.AUTO:
        return release.manifest.size_bytes <= STABLE_COPY_AUTO_BYTES
    return settings.stable_copy is StableCopy.ALWAYS


def _write_stable_copy(ports: ReleasePorts, release: Release) -> str | None:
    key = keys.stable_copy_key(release.id)
    if not wants_stable_copy(release):
        ports.store.delete(key)
        return None
    files = release.manifest.files
    paths = [ports.shard_path(entry) for entry in files]
    if len(files) == 1:
        ports.store.put(key, LocalFile(paths[0]), content_type=PARQUET)
        return files[0].sha256
    with ports.workbench.session() as session:
        copy, sha256 = session.combine(paths)
        ports.store.put(key, copy, content_type=PARQUET)
    return sha256


def _write_texts(ports: ReleasePorts, release: Release, stable_sha256: str | None) -> None:
    store, dataset, manifest = ports.store, release.id, release.manifest
    if manifest.readme is not None:
        readme = store.get(manifest.readme).data
        store.put(keys.readme_key(dataset), readme, content_type="text/markdown; charset=utf-8")
    json_type = "application/json"
    store.put(keys.manifest_copy_key(dataset), release.stored_bytes, content_type=json_type)
    metadata = _metadata(ports, release, stable_sha256)
    store.put(keys.metadata_key(dataset), canonical_json(metadata), content_type=json_type)


def _metadata(ports: ReleasePorts, release: Release, stable_sha256: str | None) -> dict[str, Any]:
    preview: dict[str, Any] = {"columns": [], "rows": []}
    if release.manifest.preview is not None:
        preview = read_json(ports.store.get(release.manifest.preview).data, "the preview")
    health = read_recorded_health(ports.store, release.id)
    assert release.pointer is not None  # a current release has one
    return build_metadata(
        release.id, release.manifest, release.pointer, preview, health, stable_sha256
    )


def _read_metadata(ports: ReleasePorts, dataset: DatasetId) -> dict[str, Any] | None:
    key = keys.metadata_key(dataset)
    try:
        return read_json(ports.store.get(key).data, key)
    except (NotFound, Corrupt):
        return None


def _join_index(ports: ReleasePorts, release: Release, pointer: Pointer) -> None:
    health = read_recorded_health(ports.store, release.id)
    entry = build_entry(release.id, release.manifest, pointer, health)
    join_index(ports, [entry])


def join_index(ports: ReleasePorts, entries: list[CatalogueEntry]) -> None:
    """Merge entries into `index.json`; per data set the highest generation stays."""

    def join(data: bytes | None) -> bytes:
        present = read_catalogue(data, keys.INDEX).datasets if data else ()
        merged = merge_entries(entries, present)
        if data and merged == present:
            return data
        now = format_instant(ports.now())
        return Catalogue(generated_at=now, datasets=merged).to_bytes()

    update_object(ports.store, keys.INDEX, join)
