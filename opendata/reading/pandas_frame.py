"""A selection as a pandas frame, without a second copy of it on the way.

Where all rows of what is decoded match, their number is known before. Then every column is one
array that the decoding tasks fill side by side, and texts that repeat are never spelled out. What
has no such array (nested values, whole numbers with nulls) goes through Arrow's own conversion,
which also says how every column looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.pandas_compat

from opendata.reading.ahead import in_order
from opendata.reading.decode import decode
from opendata.reading.limits import refused
from opendata.reading.memory import usual_pages
from opendata.reading.selection import TASK_BYTES, TASK_ROWS, Selection, portions
from opendata.reading.source import Portion, ShardSource
from opendata.reading.table import tables_of

REPEATED_BYTES_MAX = 4
"""Texts that take fewer bytes than this each are codes in a dictionary, in effect."""
_DAY_MILLISECONDS = 86_400_000
_NOT_A_TIME = np.iinfo(np.int64).min


def pandas_frame(selection: Selection) -> pd.DataFrame:
    """The selection's rows and columns."""
    with closing(selection.sources()) as found:
        sources = list(found)
    names = selection.query.columns
    if any(source.plan.unsure for source in sources) or len(set(names)) < len(names):
        return pandas_from_arrow(
            pa.concat_tables([selection.nothing(), *tables_of(selection, sources)])
        )
    looks = pandas_from_arrow(selection.nothing()).dtypes
    filled = {
        name: looks[name]
        for name in names
        if _can_be_filled(selection.wanted.field(name).type, looks[name])
        and (looks[name].kind not in "iub" or _has_no_nulls(sources, name))
    }
    parts = [part for source in sources for part in portions(source, TASK_BYTES, TASK_ROWS)]
    sources.clear()  # a shard is let go as soon as its last part is decoded
    return _assembled(selection, parts, filled)


def pandas_from_arrow(table: pa.Table) -> pd.DataFrame:
    """A table as a frame; it is used up."""
    return table.to_pandas(split_blocks=True, self_destruct=True, date_as_object=False)


def _can_be_filled(kind: pa.DataType, look: Any) -> bool:
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return look.kind == "M"
    if pa.types.is_string(kind):
        return look == np.dtype(object)
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return plain and isinstance(look, np.dtype) and look.kind in "iufb"


def _has_no_nulls(sources: list[ShardSource], name: str) -> bool:
    return all(
        name in stats and stats[name].null_count == 0
        for source in sources
        for index in source.plan.groups
        for stats in (source.plan.chunks.row_groups[index].stats,)
    )


def _rows(portion: Portion) -> int:
    groups = portion.source.plan.chunks.row_groups
    return sum(groups[index].row_count for index in portion.groups)


def _assembled(
    selection: Selection, parts: list[Portion], looks: Mapping[str, Any]
) -> pd.DataFrame:
    count = sum(map(_rows, parts))
    filling = _Filling(selection, {name: _array(look, count) for name, look in looks.items()})
    tasks = _tasks(filling, parts)
    with closing(in_order(tasks, workers=selection.workers)) as rests:
        kept = [rest for rest in rests if rest is not None]
    columns: dict[str, Any] = {
        name: _column(filling.arrays.pop(name), look) for name, look in looks.items()
    }
    if len(columns) < len(selection.query.columns):
        others = [name for name in selection.query.columns if name not in columns]
        rest = pandas_from_arrow(pa.concat_tables([selection.nothing().select(others), *kept]))
        columns |= {name: rest[name] for name in others}
    ordered = {name: columns[name] for name in selection.query.columns}
    return pd.DataFrame(ordered, index=pd.RangeIndex(count), copy=False)


def _tasks(filling: _Filling, parts: list[Portion]) -> Iterator[Callable[[], pa.Table | None]]:
    """One task per part, which is let go with its bytes as soon as it is done."""
    at = 0
    parts.reverse()
    while parts:
        rows = _rows(parts[-1])
        yield partial(filling.fill, parts.pop(), at)
        at += rows


@dataclass(frozen=True)
class _Filling:
    selection: Selection
    arrays: dict[str, Any]

    def fill(self, portion: Portion, at: int) -> pa.Table | None:
        """Decode a portion into its place; returns the columns that have no array."""
        selection = self.selection
        codes = _repeated_texts(portion, selection.wanted)
        table = decode(portion, selection.query, selection.schema, text_as_codes=codes)
        for name, array in self.arrays.items():
            place = at
            for chunk in table.column(name).chunks:
                try:
                    _fill(array[place : place + len(chunk)], chunk)
                except pa.ArrowIndexError as error:
                    raise refused(portion.source.plan.entry.path, f"cannot be: {error}") from error
                place += len(chunk)
        rest = [name for name in table.schema.names if name not in self.arrays]
        return table.select(rest) if rest else None


def _array(look: Any, count: int) -> Any:
    kind = np.dtype(f"M8[{look.unit}]") if isinstance(look, pd.DatetimeTZDtype) else look
    if kind == np.dtype(object) or not count:
        with usual_pages():
            return np.empty(count, kind)
    # NumPy asks for huge pages, which are slow to get where memory is in pieces; Arrow does not.
    return np.frombuffer(pa.allocate_buffer(count * kind.itemsize), kind)


def _column(array: Any, look: Any) -> Any:
    if isinstance(look, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(array.view(np.int64), dtype=look, copy=False)  # counted in UTC
    return array


def _fill(place: Any, chunk: pa.Array) -> None:
    """Put the values where they belong, texts by their codes without an array in between."""
    if not pa.types.is_dictionary(chunk.type):
        place[:] = _values(chunk)
        return
    texts = np.append(chunk.dictionary.to_numpy(zero_copy_only=False), [None])
    codes = chunk.indices.fill_null(len(texts) - 1).to_numpy()
    if len(codes) and (codes.min() < 0 or codes.max() >= len(texts)):
        raise pa.ArrowIndexError("a text's code is beyond its dictionary")
    np.take(texts, codes, out=place, mode="clip")  # the mode that checks nothing copies nothing


def _values(chunk: pa.Array) -> Any:
    """The values as NumPy holds them in the column's array."""
    kind = chunk.type
    if pa.types.is_date32(kind):
        days = chunk.view(pa.int32()).cast(pa.int64()).fill_null(0).to_numpy()
        times = days * _DAY_MILLISECONDS
        if chunk.null_count:
            times[chunk.is_null().to_numpy(zero_copy_only=False)] = _NOT_A_TIME
        return times.view("M8[ms]")
    if pa.types.is_temporal(kind):
        unit = "ms" if pa.types.is_date64(kind) else kind.unit
        ticks = chunk.view(pa.int64())
        if chunk.null_count:
            ticks = ticks.fill_null(int(_NOT_A_TIME))
        return ticks.to_numpy().view(f"M8[{unit}]")
    return chunk.to_numpy(zero_copy_only=False)


def _repeated_texts(portion: Portion, schema: pa.Schema) -> list[str]:
    footer, index = portion.prepare(), portion.groups[0]
    group = footer.row_group(index)
    repeated = []
    for position in range(group.num_columns):
        column = group.column(position)
        at = schema.get_field_index(column.path_in_schema)
        if at < 0 or not pa.types.is_string(schema.field(at).type) or not column.num_values:
            continue
        if column.total_uncompressed_size / column.num_values < REPEATED_BYTES_MAX:
            repeated.append(column.path_in_schema)
    return repeated
