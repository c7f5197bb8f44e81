"""Metadata: `metadata.json`, what a page shows of the current release. Pure.

The registry convention's fields (S1-24, S1-28…S1-44, S1-82…S1-85) flat, the platform's sections
under `definition`; everything comes from the manifest, its preview, the pointer and the health.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opendata.reading.quarantine import quarantine_facts
from opendata.wire import keys
from opendata.wire.catalogue import CatalogueEntry, Health
from opendata.wire.digest import json_digest, prefixed
from opendata.wire.ids import DatasetId
from opendata.wire.manifest import Manifest
from opendata.wire.pointer import Pointer
from opendata.wire.version import parse_version


def schema_hash(manifest: Manifest) -> str:
    """The digest of names, types, nullability and units (S1-83)."""
    columns = [
        {"name": f.name, "type": f.type, "nullable": f.nullable, "unit": f.unit}
        for f in manifest.schema
    ]
    return prefixed(json_digest(columns))


def coverage(manifest: Manifest) -> tuple[str | None, str | None]:
    """The earliest and latest value of the time column (S1-84)."""
    minima = [entry.min for entry in manifest.files if entry.min is not None]
    maxima = [entry.max for entry in manifest.files if entry.max is not None]
    return min(minima, default=None), max(maxima, default=None)


def build_metadata(
    dataset: DatasetId,
    manifest: Manifest,
    pointer: Pointer,
    preview: Mapping[str, Any],
    health: Health,
    stable_copy_sha256: str | None,
) -> dict[str, Any]:
    """The whole of `metadata.json`."""
    first, last = coverage(manifest)
    aside = quarantine_facts(manifest)
    return {
        **({"quarantine": aside} if aside else {}),
        **manifest.dataset,
        "id": str(dataset),
        "release": manifest.release,
        "schema_version": manifest.versioning.schema_version,
        "generation": pointer.generation,
        "updated_at": pointer.updated_at,
        "row_count": manifest.row_count,
        "size_bytes": manifest.size_bytes,
        "schema_hash": schema_hash(manifest),
        "checksum_sha256": stable_copy_sha256 or manifest.integrity.hash_sha256,
        "content_hash": manifest.integrity.content_hash,
        "min_date": first,
        "max_date": last,
        "time_column": manifest.time_column,
        "columns": [column.to_json() for column in manifest.schema],
        "preview": {
            "generated_at": manifest.freeze.frozen_at,
            "columns": preview["columns"],
            "rows": preview["rows"],
        },
        "health": health.summary(),
        "signature": {
            "hash_sha256": manifest.integrity.hash_sha256,
            "signed_by": manifest.integrity.signed_by,
            "signed_at": manifest.integrity.signed_at,
        },
        "data": keys.stable_copy_key(dataset) if stable_copy_sha256 else None,
        "manifest": keys.release_key(dataset, parse_version(manifest.release)),
        "definition": manifest.definition,
        "definition_sha256": manifest.trace["method"]["code"].get("definition_sha256"),
    }


def build_entry(
    dataset: DatasetId, manifest: Manifest, pointer: Pointer, health: Health
) -> CatalogueEntry:
    """The data set's entry in `index.json`."""
    first, last = coverage(manifest)
    about = manifest.dataset
    return CatalogueEntry(
        id=str(dataset),
        title=about.get("title", str(dataset)),
        description=about.get("description", ""),
        license=about.get("license", ""),
        namespace=dataset.namespace,
        release=manifest.release,
        generation=pointer.generation,
        updated_at=pointer.updated_at,
        row_count=manifest.row_count,
        size_bytes=manifest.size_bytes,
        topics=tuple(about.get("topics") or ()),
        min_date=first,
        max_date=last,
        health=health.summary(),
    )
