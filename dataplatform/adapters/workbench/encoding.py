"""How a shard's columns are encoded, chosen by its first rows.

A dictionary pays where values repeat, and costs twice where they do not. Whole numbers and times
that rise are small as differences. Here belongs the choice; content hashes do not depend on it.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.adapters.workbench.distinct import different_values

SAMPLE_ROWS: Final = 8_192
# With more different values than this share of the rows, a dictionary is larger than the values.
_REPEATING_SHARE: Final = 0.5
_DELTA: Final = "DELTA_BINARY_PACKED"


def encoding_options(rows: pa.RecordBatch) -> dict[str, Any]:
    """Options of the Parquet writer for a shard that begins with these rows."""
    options: dict[str, Any] = {"compression": "zstd", "version": "2.6"}
    if not rows.num_rows or any(pa.types.is_nested(field.type) for field in rows.schema):
        return options  # members of nested columns have names of their own
    sample = rows.slice(0, SAMPLE_ROWS)
    several = [field.name for field in rows.schema if _repeats(sample.column(field.name))]
    options["use_dictionary"] = several or False
    options["column_encoding"] = {
        field.name: _DELTA
        for field in rows.schema
        if field.name not in several and _rises(sample.column(field.name))
    } or None
    return options


def _repeats(column: pa.Array) -> bool:
    if pa.types.is_null(column.type) or pa.types.is_boolean(column.type):
        return False
    return len(different_values(column)) <= _REPEATING_SHARE * len(column)


def _rises(column: pa.Array) -> bool:
    """Whether differences of neighbours are small whole numbers, nulls aside."""
    kind = column.type
    if not (pa.types.is_int32(kind) or pa.types.is_int64(kind) or _is_whole_time(kind)):
        return False
    values = column.drop_null()
    return len(values) > 1 and bool(pc.all(pc.less_equal(values[:-1], values[1:])).as_py())


def _is_whole_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date32(kind) or pa.types.is_time(kind))
