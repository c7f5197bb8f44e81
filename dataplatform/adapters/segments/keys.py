"""Which keys the row groups of a Parquet file hold, and the rows of an index that still hold.

Here belongs reading them, one row group at a time. What an index is made of belongs to `releases`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def keys_by_group(path: str, keys: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
    """Each row group's number, and the different keys in it, in the columns' own types."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            rows = _without_codes(file.read_row_group(group, columns=list(keys)).select(keys))
            # Names of aggregates could clash with those of keys; without any, only keys are left.
            yield group, rows.group_by(list(keys), use_threads=False).aggregate([])


def rows_naming(path: str, column: str, values: Collection[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a file whose text column holds one of the values."""
    wanted = pa.array(sorted(values), pa.string())
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group)
            yield from rows.filter(pc.is_in(rows.column(column), wanted)).to_batches()


def _without_codes(rows: pa.Table) -> pa.Table:
    """The same rows with dictionaries as their values."""
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))
