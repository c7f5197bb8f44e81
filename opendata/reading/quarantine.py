"""The rows that a release's rules took out, read as the release itself is: verified, and in bounds.

Here belongs seeing them as a table of their own. What takes rows out belongs to who publishes.
"""

from __future__ import annotations

from opendata.wire.codec import replace
from opendata.wire.manifest import FieldEntry, Manifest

ASIDE_COLUMNS = (
    FieldEntry(name="#rule", type="string", description="Which rules the row breaks"),
    FieldEntry(name="#reason", type="string", description="How it breaks them"),
)


def quarantine_manifest(manifest: Manifest) -> Manifest:
    """The quarantine as what a reader takes for a release: the same columns and two more."""
    aside = manifest.quarantined
    columns = tuple(replace(column, nullable=True) for column in manifest.schema)
    return replace(
        manifest,
        files=(aside.file,) if aside else (),
        schema=(*columns, *ASIDE_COLUMNS),
        row_count=aside.file.row_count if aside else 0,
        size_bytes=aside.file.size_bytes if aside else 0,
        shard="none",
        indexes=(),
    )


def quarantine_facts(manifest: Manifest) -> dict[str, object] | None:
    """How many rows were taken out, and how many by each rule; None where none were."""
    aside = manifest.quarantined
    return {"rows": aside.file.row_count, "rules": dict(aside.rules)} if aside else None
