"""A selection as a polars frame.

Shards that lie here whole are decoded by polars itself, which is faster, once every byte of them
was verified; what has to be filtered, or came in ranges, or has a type that the two sides
might read differently, is decoded by Arrow and handed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import polars as pl
import pyarrow as pa

from opendata.reading.ahead import in_order
from opendata.reading.limits import refused
from opendata.reading.selection import Selection
from opendata.reading.shard import removed_while_read
from opendata.reading.source import ShardSource
from opendata.reading.table import tables_of
from opendata.wire.errors import InvalidInput
from opendata.wire.manifest import FileEntry

if TYPE_CHECKING:
    from polars._typing import PolarsDataType
_UNITS: Mapping[str, Literal["ms", "us", "ns"]] = {  # polars knows no whole seconds
    "s": "ms",
    "ms": "ms",
    "us": "us",
    "ns": "ns",
}
_SAME: Mapping[pa.DataType, PolarsDataType] = {
    pa.bool_(): pl.Boolean(),
    pa.int8(): pl.Int8(),
    pa.int16(): pl.Int16(),
    pa.int32(): pl.Int32(),
    pa.int64(): pl.Int64(),
    pa.uint8(): pl.UInt8(),
    pa.uint16(): pl.UInt16(),
    pa.uint32(): pl.UInt32(),
    pa.uint64(): pl.UInt64(),
    pa.float32(): pl.Float32(),
    pa.float64(): pl.Float64(),
    pa.string(): pl.String(),
    pa.binary(): pl.Binary(),
    pa.date32(): pl.Date(),
}


def polars_frame(selection: Selection) -> pl.DataFrame:
    """The selection's rows and columns."""
    pl.thread_pool_size()  # starts polars' threads: they come up while the shards are looked up
    names = selection.query.columns
    _refuse_twice(names)
    kinds = {field.name: _polars_type(field.type) for field in selection.wanted}
    alike = {name: kind for name, kind in kinds.items() if kind is not None}
    if len(alike) < len(names):  # a type that is read differently
        return polars_from_arrow(pa.concat_tables([selection.nothing(), *_all_tables(selection)]))
    schema = pl.Schema(alike)
    parts = list(_parts(selection, schema))
    if len(parts) == 1:
        return parts[0]
    return pl.concat(parts, rechunk=False) if parts else pl.DataFrame(schema=schema)


def polars_from_arrow(table: pa.Table) -> pl.DataFrame:
    """A table as a frame.

    Raises:
        InvalidInput: if a column is in it twice.
    """
    _refuse_twice(table.column_names)
    frame = pl.from_arrow(_in_named_zones(table))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _all_tables(selection: Selection) -> Iterator[pa.Table]:
    with closing(selection.sources()) as sources:
        yield from tables_of(selection, sources)


def _parts(selection: Selection, schema: pl.Schema) -> Iterator[pl.DataFrame]:
    with closing(selection.sources()) as sources:
        tasks = (partial(_whole_file, source) for source in sources)
        with closing(in_order(tasks, workers=selection.workers)) as results:
            found = list(results)
    for is_file, run in groupby(found, lambda one: isinstance(one, _File)):
        if is_file:
            yield _scanned([one for one in run if isinstance(one, _File)], schema)
            continue
        tables = tables_of(selection, (one for one in run if isinstance(one, ShardSource)))
        frame = pl.from_arrow(pa.concat_tables([selection.nothing(), *tables]))
        assert isinstance(frame, pl.DataFrame)
        yield frame


@dataclass(frozen=True)
class _File:
    """A shard of which all rows are wanted, in a verified file."""

    path: str
    entry: FileEntry


def _whole_file(source: ShardSource) -> _File | ShardSource:
    """The shard's file where polars may read it: all rows wanted, verified, its pages checked."""
    plan = source.plan
    if plan.unsure or len(plan.groups) < len(plan.chunks.row_groups):
        return source
    path = source.portion(plan.groups).checked_path()
    return source if path is None else _File(path, plan.entry)


def _scanned(files: list[_File], schema: pl.Schema) -> pl.DataFrame:
    what = files[0].entry.path if len(files) == 1 else f"a shard from {files[0].entry.path} on"
    paths = [one.path for one in files]
    asked = paths[0] if len(paths) == 1 else paths  # of a list polars makes more than of a path
    try:
        frame = (
            pl.scan_parquet(asked, glob=False, hive_partitioning=False)
            .select(schema.names())
            .collect()
        )
    except FileNotFoundError as error:
        raise removed_while_read(what) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise refused(what, f"cannot be decoded as its manifest says: {error}") from error
    expected = sum(one.entry.row_count for one in files)
    if frame.height != expected:
        raise refused(what, f"has {frame.height} rows where {expected} were published")
    return frame if frame.schema == schema else frame.cast(schema)


def _polars_type(kind: pa.DataType) -> PolarsDataType | None:
    """The type that polars reads from Parquet and takes over from Arrow alike; else None."""
    if pa.types.is_timestamp(kind):
        if _is_offset(kind):
            return None
        return pl.Datetime(_UNITS[kind.unit], kind.tz)
    return _SAME.get(kind)


def _is_offset(kind: pa.DataType) -> bool:
    """Whether the zone is a distance from UTC (`+05:30`) and no name, which polars asks for."""
    return pa.types.is_timestamp(kind) and (kind.tz or "").startswith(("+", "-"))


def _in_named_zones(table: pa.Table) -> pa.Table:
    """The same moments, told in UTC where their zone has no name."""
    for index, field in enumerate(table.schema):
        if _is_offset(field.type):
            kind = pa.timestamp(field.type.unit, "UTC")
            table = table.set_column(index, field.name, table.column(index).cast(kind))
    return table


def _refuse_twice(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(
            f"a polars frame has each column once; asked for twice: {', '.join(twice)}",
            code="duplicate_columns",
            hint='leave them out, or ask for format="arrow"',
        )
