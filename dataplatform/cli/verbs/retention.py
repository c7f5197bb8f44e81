"""Retention: cleaning up what was built and never released (S4-89)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dataplatform.cli.place import find_settings
from dataplatform.releases.collecting import retention
from dataplatform.wiring import from_settings
from opendata.wire.ids import parse_dataset_id


def enforce_retention(
    ds: str, ttl_days: int | None = None, *, dry_run: bool = False
) -> dict[str, Any]:
    """Remove candidates that are older than `ttl_days` and were never frozen (S4-89).

    Frozen releases, published or not, are never touched, nor is what a pin names.

    Args:
        ds: `ns/name`.
        ttl_days: At least 1; by default what `OPENDATA_RETENTION` says, or 30.
        dry_run: Only say what would go.

    Returns:
        `{"id", "applied", "expired": […], "kept": […]}`, each candidate with the reason.

    Raises:
        InvalidInput: if `ttl_days` is less than a day.
        Corrupt: naming a document that cannot be read, since it may pin a candidate.
    """
    settings = find_settings()
    ttl = settings.retention if ttl_days is None else timedelta(days=ttl_days)
    act = retention.review_staged if dry_run else retention.enforce_retention
    return act(from_settings(settings).ports, parse_dataset_id(ds), ttl).to_json()
