"""Sorting and cutting on DuckDB, which spills what does not fit into memory.

Here belong the order's SQL, the shard of a time, and the cut of the sorted stream. How a column
travels through the engine stands in `carry`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.adapters.arrange.carry import carried_type, carry, restore
from dataplatform.adapters.arrange.spool import Spool, open_spool
from dataplatform.adapters.duckdb.session import Limits, locked_session
from dataplatform.releases.arranging import SHARDS, Shards, shard_name
from opendata.reading.bounds import is_time_type
from opendata.reading.canonical_rows import rechunk
from opendata.wire.errors import InvalidInput

SPOOL: Final = "spool"
SHARD: Final = "shard"
_POSITIVE_INFINITY: Final = {32: 0x7F80_0000, 64: 0x7FF0_0000_0000_0000}


class DuckDBArranger:
    """Sorts and cuts within `limits`; implements `TableArranger`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def arrange(
        self,
        spool: str,
        *,
        order_by: Sequence[str],
        shard: str,
        time: str | None,
        schema: pa.Schema | None = None,
    ) -> Shards:
        """The rows by shard, in their canonical order; see the port."""
        with open_spool(spool) as opened:
            target = schema or opened.schema
            _check(opened.schema, target, order_by, shard, time)
            rows = pa.RecordBatchReader.from_batches(
                _carried_schema(target), _carried(opened, target, shard, time)
            )
            with locked_session([], self._limits) as session, session.named(SPOOL, rows):
                sql = f"SELECT * FROM {SPOOL} ORDER BY {', '.join(_order(target, order_by))}"
                yield from _shards(session.batches(sql), target, shard)


def _check(
    actual: pa.Schema, target: pa.Schema, order_by: Sequence[str], shard: str, time: str | None
) -> None:
    if shard not in SHARDS:
        raise InvalidInput(f"{shard!r} is no way to shard; there are {', '.join(SHARDS)}")
    if len(set(actual.names)) < len(actual.names):
        raise InvalidInput("two columns have the same name", code="repeated_column")
    asked = [*order_by, *target.names, *([time] if time else [])]
    missing = [column for column in asked if column not in actual.names]
    if missing:
        raise InvalidInput(f"the rows have no column {missing[0]!r}", code="no_such_column")
    if shard != "none" and (time is None or not is_time_type(target.field(time).type)):
        raise InvalidInput(
            f"shards by {shard} need a time column of type date or timestamp",
            hint="name one with `time:`, or leave `release.shard` out",
        )


def _carried_schema(schema: pa.Schema) -> pa.Schema:
    columns = [(f"c{at}", carried_type(field.type)) for at, field in enumerate(schema)]
    return pa.schema([(SHARD, pa.int64()), *columns])


def _carried(
    spool: Spool, schema: pa.Schema, shard: str, time: str | None
) -> Iterator[pa.RecordBatch]:
    carried = _carried_schema(schema)
    for batch in spool.batches:
        columns = [batch.column(field.name).cast(field.type) for field in schema]
        if shard == "none" or time is None:
            ordinal = pa.nulls(batch.num_rows, pa.int64())
        else:
            ordinal = _shard_ordinal(columns[schema.get_field_index(time)], shard)
        arrays = [ordinal, *(carry(column) for column in columns)]
        yield pa.RecordBatch.from_arrays(arrays, schema=carried)


def _shard_ordinal(times: pa.Array, shard: str) -> pa.Array:
    """The time as the number yyyymmdd in UTC, with zeros for what is not cut by."""
    if pa.types.is_timestamp(times.type) and times.type.tz is not None:
        times = times.cast(pa.int64()).cast(pa.timestamp(times.type.unit))
    ordinal = pc.multiply(pc.year(times), 10_000)
    if shard != "year":
        ordinal = pc.add(ordinal, pc.multiply(pc.month(times), 100))
    if shard == "day":
        ordinal = pc.add(ordinal, pc.day(times))
    return ordinal.cast(pa.int64())


def _order(schema: pa.Schema, order_by: Sequence[str]) -> list[str]:
    """`order_by`, then the other columns; last the bits in which equal floats may differ."""
    rest = [column for column in schema.names if column not in order_by]
    columns = [schema.get_field_index(column) for column in (*order_by, *rest)]
    kinds = [schema.field(at).type for at in range(len(schema))]
    keys = [key for at in columns for key in _keys(f"c{at}", kinds[at])]
    ties = [f"c{at}" for at in columns if pa.types.is_floating(_values_type(kinds[at]))]
    return [f"{key} ASC NULLS LAST" for key in (SHARD, *keys, *ties)]


def _keys(column: str, kind: pa.DataType) -> list[str]:
    kind = _values_type(kind)
    if pa.types.is_floating(kind):
        return [_float_key(column, carried_type(kind).bit_width)]
    if pa.types.is_nested(kind):
        # The engine rebuilds what it sorts from its sort keys, which drop the sign of zero; an
        # expression around the column keeps the column itself out of them.
        return [f"[{column}]", f"CAST({column} AS VARCHAR)"]
    return [column]


def _float_key(column: str, width: int) -> str:
    """One key for both zeros, and one for all NaNs, above every number."""
    infinity = _POSITIVE_INFINITY[width]
    beyond = f"{column} > {infinity} OR {column} < {-infinity - 1}"
    return f"CASE WHEN {column} = -1 THEN 0 WHEN {beyond} THEN {infinity + 1} ELSE {column} END"


def _values_type(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.BaseExtensionType):
        return _values_type(kind.storage_type)
    return _values_type(kind.value_type) if pa.types.is_dictionary(kind) else kind


def _shards(batches: Iterator[pa.RecordBatch], schema: pa.Schema, shard: str) -> Shards:
    pieces = (piece for batch in batches for piece in _runs(batch))
    for ordinal, group in groupby(pieces, key=lambda piece: piece[0]):
        rows = rechunk(piece for _, piece in group)
        yield shard_name(ordinal, shard), (_restored(batch, schema) for batch in rows)


def _runs(batch: pa.RecordBatch) -> Iterator[tuple[int | None, pa.RecordBatch]]:
    """The batch cut where the shard changes."""
    ordinals = batch.column(0)
    codes = ordinals.fill_null(-1).to_numpy(zero_copy_only=False)
    starts = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), batch.num_rows]
    for start, end in pairwise(starts):
        if end > start:
            yield ordinals[start].as_py(), batch.slice(start, end - start)


def _restored(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays: list[Any] = [
        restore(batch.column(at + 1), field.type) for at, field in enumerate(schema)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
