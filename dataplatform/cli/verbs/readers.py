"""Readers: which of them can read a data set, and by which adapters (S4-56…S4-60)."""

from __future__ import annotations

from typing import Any

from dataplatform.cli.place import find_settings, trusted_release
from opendata.reading.lineage import reader_release
from opendata.reading.matrix import judged, read_compatibility
from opendata.stores import open_reader


def compatibility(dataset: str, reader: str | None = None) -> dict[str, Any]:
    """The matrix reader × schema version × data release of a data set.

    Args:
        dataset: `ns/name`, or `ns/name@1.2.0` for the readers of that release alone.
        reader: A schema version such as `1.3`: only that reader, against the release named.

    Returns:
        `{"id", "release", "schema_version", "reader_min", "matrix": [{"reader",
        "schema_version", "data_release", "verdict", "reasons", "adapters"}, …]}`; `verdict` is
        `compatible`, `compatible_with_adapter` or `incompatible`.

    Raises:
        NotFound: if data set or release do not exist.
        InvalidInput, Rejected: if `reader` is no schema version, or none that there ever was.
        Denied: if a trust root is configured and a release's signature does not hold.
    """
    settings = find_settings()
    store = open_reader(settings.store_url, environ=settings.environ)
    release = trusted_release(store, dataset)
    versioning = release.manifest.versioning
    if reader is not None:
        known = reader_release(store, release, reader, settings.trust())
        cells = [judged(known, release.manifest)]
    else:
        cells = read_compatibility(store, release)
    return {
        "id": release.manifest.id,
        "release": release.manifest.release,
        "schema_version": versioning.schema_version,
        "reader_min": versioning.reader_min,
        "matrix": [
            {**cell.to_json(), "reasons": list(cell.reasons), "adapters": list(cell.adapters)}
            for cell in cells
        ],
    }
