"""Derive: the copies that the registry convention asks for, made from pointer and manifest.

They may be behind for a moment and can be lost without losing anything: each is rebuilt from what
is immutable. Data is written first and metadata last. Whoever derives an old generation while a
new one appears, sees the pointer differ afterwards and derives again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dataplatform.contracts.model import ReleaseSettings, StableCopy
from dataplatform.releases.announce import write_announcements
from dataplatform.releases.health import read_recorded_health, record_outcome
from dataplatform.releases.index import entry_of, join_index
from dataplatform.releases.metadata import build_metadata
from dataplatform.releases.objects import JSON, MARKDOWN, PARQUET, read_object
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.resolve import Release, read_current, read_route
from opendata.stores.port import LocalFile, ObjectReader, PreconditionFailed
from opendata.wire import keys
from opendata.wire.catalogue import RunOutcome
from opendata.wire.codec import read_json
from opendata.wire.digest import canonical_json
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.limits import DOCUMENT_MAX_BYTES

STABLE_COPY_AUTO_BYTES = 256 << 20
DERIVE_TRIES = 8


@dataclass(frozen=True)
class Derived:
    """Which generation the derived copies show now."""

    generation: int
    stable_copy: bool


def derive_copies(ports: ReleasePorts, dataset: DatasetId) -> Derived:
    """Bring all derived copies of a data set to the pointer's state.

    Where the pointer keeps moving, whoever moved it last derives as well.

    Raises:
        NotFound: if the data set was never published.
    """
    for _ in range(DERIVE_TRIES):
        release = read_current(ports.store, dataset)
        if release is None or release.pointer is None:
            raise NotFound(f"{dataset} was never published", hint=f"od run {dataset} --publish")
        stable_sha256 = _write_stable_copy(ports, release)
        _write_texts(ports, release, stable_sha256)
        write_announcements(ports.store, release)
        join_index(ports, [entry_of(ports, release)])
        derived = Derived(release.pointer.generation, stable_sha256 is not None)
        route = read_route(ports.store, dataset)
        if route is not None and route.pointer.generation == derived.generation:
            break
    return derived


def shown_generation(reader: ObjectReader, dataset: DatasetId) -> int | None:
    """Which move of the pointer the copies show; None where they cannot be read."""
    key = keys.metadata_key(dataset)
    try:
        found = read_json(reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key)
    except (NotFound, Corrupt):
        return None
    generation = found.get("generation")
    return generation if isinstance(generation, int) else None


def show_outcome(
    ports: ReleasePorts, dataset: DatasetId, outcome: RunOutcome, *, late: bool = False
) -> None:
    """Record how a run ended, and show it wherever the data set's health is shown."""
    record_outcome(ports.store, dataset, outcome, late=late)
    refresh_health(ports, dataset)


def refresh_health(ports: ReleasePorts, dataset: DatasetId) -> None:
    """Show a new run's outcome in `metadata.json` and `index.json`, if there is a release."""
    release = read_current(ports.store, dataset)
    if release is None:
        return
    if _refresh_metadata(ports, release):
        join_index(ports, [entry_of(ports, release)])
    else:
        derive_copies(ports, dataset)


def _refresh_metadata(ports: ReleasePorts, release: Release) -> bool:
    """Write the health into the metadata; False if that shows another release by now."""
    key, pointer = keys.metadata_key(release.id), release.pointer
    for _ in range(DERIVE_TRIES):
        try:
            blob = ports.store.get(key, max_bytes=DOCUMENT_MAX_BYTES)
            metadata = read_json(blob.data, key)
        except (NotFound, Corrupt):
            return False
        if pointer is None or metadata.get("generation") != pointer.generation:
            return False
        metadata["health"] = read_recorded_health(ports.store, release.id).summary()
        try:
            # Never unconditionally: a newer release's metadata may have come in between.
            ports.store.put_if_match(key, canonical_json(metadata), blob.token, content_type=JSON)
        except PreconditionFailed:
            continue
        return True
    return False


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
    store, dataset = ports.store, release.id
    readme, key = release.manifest.readme, keys.readme_key(dataset)
    if readme is None:
        store.delete(key)
    else:
        data = read_object(store, readme)
        store.put(key, data, content_type=MARKDOWN)
    store.put(keys.manifest_copy_key(dataset), release.stored_bytes, content_type=JSON)
    metadata = metadata_bytes(ports, release, stable_sha256)
    store.put(keys.metadata_key(dataset), metadata, content_type=JSON)


def metadata_bytes(ports: ReleasePorts, release: Release, stable_sha256: str | None) -> bytes:
    """What `metadata.json` should hold, with the digest of the stable copy where there is one."""
    preview: dict[str, Any] = {"columns": [], "rows": []}
    if release.manifest.preview is not None:
        preview_key = release.manifest.preview
        preview = read_json(read_object(ports.store, preview_key), preview_key)
    health = read_recorded_health(ports.store, release.id)
    assert release.pointer is not None  # a current release has one
    return canonical_json(
        build_metadata(
            release.id, release.manifest, release.pointer, preview, health, stable_sha256
        )
    )
