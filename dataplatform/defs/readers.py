"""Readers: what a release means for those who read it, as metadata of its assets.

Here belong the changelog and the verdicts on readers of earlier schemas, as Dagster shows them. How
a verdict is reached and how a change is told belongs to the wire.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dagster as dg

from dataplatform.defs.tables import table
from opendata.reading.marks import freeze_state_of
from opendata.reading.matrix import read_compatibility
from opendata.reading.resolve import Release, read_release
from opendata.stores.port import ObjectReader
from opendata.wire.changes import bullet, changed_words, release_changes
from opendata.wire.errors import OpenDataError
from opendata.wire.manifest import Manifest
from opendata.wire.version import parse_version

CHANGELOG = "changelog"
COMPATIBILITY = "compatibility"
FREEZE_STATE = "freeze_state"
COLUMNS = ("reader", "verdict", "adapters", "reasons")


def changelog_metadata(reader: ObjectReader, release: Release) -> dict[str, Any]:
    """What the release changed, in the words of its changelog; one request."""
    told = release_changes(release.manifest, _revised(reader, release))
    return {CHANGELOG: dg.MetadataValue.md("\n".join(map(bullet, told)))}


def standing_metadata(reader: ObjectReader, release: Release, now: datetime) -> dict[str, Any]:
    """Whether the release is soft or hard now; one request. It is out: this fails nothing, too."""
    try:
        return {FREEZE_STATE: str(freeze_state_of(reader, release.manifest, now))}
    except OpenDataError as error:
        return {FREEZE_STATE: f"not known: {error.message}"}


def compatibility_metadata(reader: ObjectReader, release: Release) -> dict[str, Any]:
    """Which readers can read the current release, one line per schema version; one request.

    The release is out by now, so what cannot be told is said and fails nothing.
    """
    present = release.manifest.versioning.schema_version
    try:
        cells = read_compatibility(reader, release)
    except OpenDataError as error:
        return {COMPATIBILITY: f"not known: {error.message}"}
    rows = (
        {
            "reader": cell.reader,
            "verdict": cell.verdict,
            "adapters": ", ".join(cell.adapters),
            "reasons": "; ".join(cell.reasons),
        }
        for cell in cells
        if cell.schema_version == present
    )
    return {COMPATIBILITY: table(rows, COLUMNS)}


def _revised(reader: ObjectReader, release: Release) -> list[str]:
    """Which descriptive fields read otherwise than before; none where that release is gone."""
    before = _previous(reader, release)
    return changed_words(before, release.manifest) if before is not None else []


def _previous(reader: ObjectReader, release: Release) -> Manifest | None:
    version = release.manifest.versioning.prev_release
    if version is None:
        return None
    try:
        return read_release(reader, release.id, parse_version(version)).manifest
    except OpenDataError:
        return None  # the rest of the changelog is told all the same
