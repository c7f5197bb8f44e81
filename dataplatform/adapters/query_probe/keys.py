"""Which rows a probe looks up: the first, the last, and some between, by place.

Here belongs reading their keys from verified files. The same files give the same keys.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from opendata.reading.bounds import encode_bound
from opendata.reading.type_names import plain_type
from opendata.wire.errors import Corrupt

PLACES: Final = 5
Key = Mapping[str, Any]
Shard = tuple[int, Callable[[], str]]
"""How many rows a shard has, and what opens its file."""


def keys_of(shards: Sequence[Shard], fields: Sequence[str]) -> list[Key]:
    """The keys of `PLACES` rows at even distances; equal ones once, absent ones not at all."""
    rows = sum(count for count, _ in shards)
    places = sorted({rows * at // (PLACES - 1) for at in range(PLACES - 1)} | {max(rows - 1, 0)})
    found: list[Key] = []
    for opened, within in _placed(shards, places if rows else []):
        key = _key_at(opened(), within, fields)
        if key is not None and key not in found:
            found.append(key)
    return found


def _placed(
    shards: Sequence[Shard], places: Sequence[int]
) -> Iterator[tuple[Callable[[], str], int]]:
    """Each place's shard, and the row within it."""
    before = 0
    for count, opened in shards:
        for place in places:
            if before <= place < before + count:
                yield opened, place - before
        before += count


def _key_at(path: str, row: int, fields: Sequence[str]) -> Key | None:
    """The key of a row, or of one about there in its row group where that row has none."""
    table, offset = _group_of(path, row, fields)
    complete = table.drop_null()
    if not complete.num_rows:
        return None
    at = offset * complete.num_rows // table.num_rows
    values = {name: _value(complete.column(name)[at]) for name in fields}
    return None if None in values.values() else values


def _group_of(path: str, row: int, fields: Sequence[str]) -> tuple[pa.Table, int]:
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if row < count:
                    return file.read_row_group(group, columns=list(fields)), row
                row -= count
    except (pa.ArrowException, OSError) as error:
        raise Corrupt(f"{path} cannot be read: {error}", code="bad_parquet") from error
    raise Corrupt(f"{path} has fewer rows than its manifest says", code="bad_parquet")


def _value(scalar: pa.Scalar) -> Any:
    """A cell as a filter takes it, or None where nothing can be looked up by it."""
    kind = plain_type(scalar.type)
    if pa.types.is_timestamp(kind):
        # As text, since Python's own times end at microseconds.
        return encode_bound(kind, scalar.cast(kind).cast(pa.int64()).as_py())
    value = scalar.as_py()
    return None if isinstance(value, float) and math.isnan(value) else value
