"""The matrix: which reader can read which schema version, and by which adapters (S4-50, S4-56).

Here belongs making it from manifests, and keeping it as releases come: a verdict is reached anew
only where one of the two schemas says something new. Where it is stored belongs to the platform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from opendata.reading.lineage import stored_matrix, walk_releases
from opendata.reading.resolve import Release, read_release
from opendata.stores.port import ObjectReader
from opendata.wire.codec import replace
from opendata.wire.compatibility import Cell, Matrix, SchemaRelease, judge
from opendata.wire.digest import json_digest
from opendata.wire.manifest import Manifest
from opendata.wire.version import Version, parse_version

SCHEMAS_MAX: Final = 40
"""How many minor versions of a schema the matrix tells of, the newest ones. A verdict on others is
still reached when somebody reads."""


def merge_matrix(
    release: Release,
    manifests: Iterable[Manifest],
    previous: Matrix | None,
    load: Callable[[str], Manifest],
) -> Matrix:
    """The matrix after some releases.

    Args:
        release: The current release.
        manifests: Those published since `previous`, in any order; without it, all there are.
        previous: The matrix as it was; its verdicts stay where neither schema says anything new.
        load: The manifest of a release by its number.
    """
    schemas = {_line(one): one for one in (previous.schemas if previous else ())}
    known = {release.manifest.release: release.manifest}
    for manifest in (*manifests, release.manifest):
        entry = _entry(manifest)
        before = schemas.get(_line(entry))
        if before is None or _age(before) < _age(entry):
            schemas[_line(entry)] = entry
            known[manifest.release] = manifest
    chosen = tuple(schemas[line] for line in sorted(schemas)[-SCHEMAS_MAX:])

    def manifest_of(entry: SchemaRelease) -> Manifest:
        if entry.data_release not in known:
            known[entry.data_release] = load(entry.data_release)
        return known[entry.data_release]

    reached = _reached(previous)
    cells = []
    for reader in chosen:
        for target in chosen:
            cell = reached.get((reader.facts, target.facts))
            if cell is None:
                cell = judged(manifest_of(reader), manifest_of(target))
            numbers = {"schema_version": target.schema_version}
            numbers |= {"reader": reader.schema_version, "data_release": target.data_release}
            cells.append(replace(cell, **numbers))
    versioning = release.manifest.versioning
    return Matrix(
        id=release.manifest.id,
        generation=release.pointer.generation if release.pointer else 0,
        release=release.manifest.release,
        schema_version=versioning.schema_version,
        reader_min=versioning.reader_min,
        schemas=chosen,
        cells=tuple(cells),
    )


def judged(reader: Manifest, stored: Manifest) -> Cell:
    """One cell."""
    verdict = judge(reader, stored)
    return Cell(
        reader=reader.versioning.schema_version,
        schema_version=stored.versioning.schema_version,
        data_release=stored.release,
        verdict=verdict.verdict,
        reasons=verdict.reasons,
        adapters=verdict.adapters,
    )


def read_compatibility(reader: ObjectReader, release: Release) -> list[Cell]:
    """The cells of a data set: the stored matrix, if it shows the pointer's state, else made here.

    For a pinned release its own column, reached from the manifests.
    """
    if release.pointer is None:  # a pinned release: its own column of the matrix
        found = stored_matrix(reader, release.id) or _whole_matrix(reader, release)
        readers = [_loaded(reader, release, entry.data_release) for entry in found.schemas]
        return [judged(one, release.manifest) for one in readers]
    stored = stored_matrix(reader, release.id)
    if stored is None or stored.generation != release.pointer.generation:
        stored = _whole_matrix(reader, release)
    return list(stored.cells)


def _whole_matrix(reader: ObjectReader, release: Release) -> Matrix:
    manifests = list(walk_releases(reader, release))
    return merge_matrix(release, manifests, None, lambda one: _loaded(reader, release, one))


def _loaded(reader: ObjectReader, release: Release, version: str) -> Manifest:
    return read_release(reader, release.id, parse_version(version)).manifest


def _reached(previous: Matrix | None) -> dict[tuple[str, str], Cell]:
    if previous is None:
        return {}
    facts = {one.schema_version: one.facts for one in previous.schemas}
    return {
        (facts[cell.reader], facts[cell.schema_version]): cell
        for cell in previous.cells
        if cell.reader in facts and cell.schema_version in facts
    }


def _entry(manifest: Manifest) -> SchemaRelease:
    return SchemaRelease(
        schema_version=manifest.versioning.schema_version,
        data_release=manifest.release,
        facts=facts_of(manifest),
    )


def facts_of(manifest: Manifest) -> str:
    """The digest of all that verdicts follow from: equal facts, equal verdicts."""
    return json_digest(
        {
            "schema_version": manifest.versioning.schema_version,
            "reader_min": manifest.versioning.reader_min,
            "schema": [field.to_json() for field in manifest.schema],
            "contract": manifest.contract,
            "time": manifest.time_column,
            "shard": manifest.shard,
            "adapters": manifest.adapters.to_json(),
            "transforms": list(manifest.transforms),
            "breaks": [one.to_json() for one in manifest.breaks],
            "indexes": [list(index.keys) for index in manifest.indexes],
        }
    )


def _line(entry: SchemaRelease) -> tuple[int, int]:
    version = parse_version(entry.schema_version)
    return version.major, version.minor


def _age(entry: SchemaRelease) -> tuple[Version, Version]:
    return parse_version(entry.data_release), parse_version(entry.schema_version)
