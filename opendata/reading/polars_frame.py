"""A selection as a polars frame.

Shards that lie here whole are decoded by polars itself, which is faster, once every byte of them
was verified; what has to be filtered, or came in ranges, or has a type that the two sides
might read differently, is decoded by Arrow and handed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import polars as pl
import pyarrow as pa

from opendata.reading.ahead import in_order
from opendata.reading.limits import refused
from opendata.reading.selection import Selection
from opendata.reading.source import ShardSource
from opendata.reading.table import tables_of
from opendata.wire.manifest import FileEntry

def polars_frame(selection: Selection) -> pl.DataFrame:
    """The selection's rows and columns."""
    empty = pl.from_arrow(selection.nothing())
    assert isinstance(empty, pl.DataFrame)
    if len(set(selection.query.columns)) < len(selection.query.columns) or not all(
        _is_read_alike(field.type) for field in selection.wanted
    ):
        table = pa.concat_tables([selection.nothing(), *_all_tables(selection)])
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame
    parts = list(_parts(selection, empty))
    return pl.concat(parts, rechunk=False) if parts else empty


def _all_tables(selection: Selection) -> Iterator[pa.Table]:
    with closing(selection.sources()) as sources:
        yield from tables_of(selection, sources)


def _parts(selection: Selection, empty: pl.DataFrame) -> Iterator[pl.DataFrame]:
    with closing(selection.sources()) as sources:
        tasks = (partial(_whole_file, source) for source in sources)
        with closing(in_order(tasks, workers=selection.workers)) as results:
            found = list(results)
    for is_file, run in groupby(found, lambda one: isinstance(one, _File)):
        if is_file:
            yield _scanned([one for one in run if isinstance(one, _File)], empty)
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


def _scanned(files: list[_File], empty: pl.DataFrame) -> pl.DataFrame:
    what = files[0].entry.path if len(files) == 1 else f"a shard from {files[0].entry.path} on"
    try:
        frame = (
            pl.scan_parquet([one.path for one in files], glob=False, hive_partitioning=False)
            .select(empty.columns)
            .collect()
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise refused(what, f"cannot be decoded as its manifest says: {error}") from error
    expected = sum(one.entry.row_count for one in files)
    if frame.height != expected:
        raise refused(what, f"has {frame.height} rows where {expected} were published")
    return frame if frame.schema == empty.schema else frame.cast(empty.schema)


def _is_read_alike(kind: pa.DataType) -> bool:
    """Whether polars reads such a column from Parquet as it takes it over from Arrow."""
    is_fraction = pa.types.is_float32(kind) or pa.types.is_float64(kind)
    is_plain = pa.types.is_integer(kind) or is_fraction or pa.types.is_boolean(kind)
    is_text = pa.types.is_string(kind) or pa.types.is_binary(kind)
    return is_plain or is_text or pa.types.is_date32(kind) or pa.types.is_timestamp(kind)
