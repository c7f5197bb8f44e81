"""World airports after a bad transfer: the contract has to stop this release.

Two accidents that happen: a resumed download wrote its last rows a second time, and a tool on
the way emptied every code that begins with an underscore. Everything else is the real producer
(`real.py`) on the real source.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

REAL = runpy.run_path(str(Path(__file__).with_name("real.py")))

WRITTEN_TWICE = 500


def produce(context: Any) -> pa.Table:
    """The real table, with duplicate keys and null keys."""
    table = REAL["produce"](context)
    codes = table["icao"]
    emptied = pc.if_else(pc.starts_with(codes, "_"), pa.scalar(None, codes.type), codes)
    table = table.set_column(table.column_names.index("icao"), "icao", emptied)
    return pa.concat_tables([table, table.slice(table.num_rows - WRITTEN_TWICE)])
