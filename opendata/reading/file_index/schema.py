"""The columns of an index as Arrow has them (S0-44…S0-49)."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

INDEX_SCHEMA: Final = pa.schema(
    [
        ("file_id", pa.string()),
        ("relative_path", pa.string()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("size_bytes", pa.int64()),
        ("checksum", pa.string()),
        ("metadata", pa.string()),
    ]
)
TIME: Final = "timestamp"
TIME_POSITION: Final = INDEX_SCHEMA.get_field_index(TIME)
