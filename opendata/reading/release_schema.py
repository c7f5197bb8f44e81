"""The Arrow schema that a manifest describes."""

from __future__ import annotations

import pyarrow as pa

from opendata.reading.type_names import parse_arrow_type
from opendata.wire.errors import Corrupt
from opendata.wire.manifest import Manifest


def release_schema(manifest: Manifest) -> pa.Schema:
    """Names and types of a release's columns, in order.

    Raises:
        Corrupt: if the manifest names a type that does not exist.
    """
    try:
        return pa.schema(
            [pa.field(entry.name, parse_arrow_type(entry.type)) for entry in manifest.schema]
        )
    except ValueError as error:
        raise Corrupt(f"the schema of {manifest.id}@{manifest.release}: {error}") from error
