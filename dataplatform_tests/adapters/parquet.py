"""Small Parquet files for tests of what reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def written(folder: Path, table: pa.Table | dict[str, Any], name: str = "rows.parquet") -> str:
    """The path of a Parquet file with these rows."""
    path = folder / name
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path)
    return str(path)
