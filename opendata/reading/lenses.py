"""Lenses: how a stored column looks to a reader of another schema version.

Here belong single columns: their values, and the bounds of shards and row groups among them.
Whole answers belong in `adapting`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from opendata.reading.bounds import Decode, Ordinal, bound_decoder
from opendata.reading.conversions import corrected, in_type, in_unit
from opendata.reading.type_names import parse_arrow_type
from opendata.wire.bridges import ColumnBridge
from opendata.wire.errors import Rejected


def kind_of(column: ColumnBridge) -> pa.DataType:
    """The type under which a reader gets a column.

    A column that never had a value, as the reader knows it, has the type that it is stored in.
    """
    kind = parse_arrow_type(column.type)
    if pa.types.is_null(kind) and column.stored_type is not None:
        return parse_arrow_type(column.stored_type)
    return kind


def adapted_column(column: ColumnBridge, stored: pa.Table) -> pa.ChunkedArray:
    """One column of the reader, coordinates excepted.

    Raises:
        Rejected, InvalidInput: as the conversions of its values.
    """
    kind = kind_of(column)
    if column.source is None:
        return pa.chunked_array([pa.repeat(_default(column, kind), stored.num_rows)])
    return _adapted(column, stored.column(column.source), kind)


def _adapted(column: ColumnBridge, values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.correction is not None:
        values = corrected(values, column.correction)
    if column.unit is not None:
        values = in_unit(values, column.unit)
    return in_type(values, kind, column.name)


def _default(column: ColumnBridge, kind: pa.DataType) -> pa.Scalar:
    if column.default is None:
        return pa.scalar(None, kind)
    return pa.scalar(column.default).cast(kind)


@dataclass(frozen=True)
class ColumnLens:
    """A column in another unit: converted values, whose order is the stored one."""

    column: ColumnBridge
    stored: pa.DataType

    @property
    def columns(self) -> tuple[str, ...]:
        """The stored column."""
        return (self.column.source or "",)

    def values(self, table: pa.Table) -> pa.ChunkedArray:
        """The values as the reader knows them."""
        return adapted_column(self.column, table)

    def bound(self, text: str) -> Ordinal:
        """A stored bound, converted by the very arithmetic that converts values."""
        values = pa.chunked_array([pa.array([self._decode(text)], self.stored)])
        try:
            ordinal: Ordinal = _adapted(self.column, values, kind_of(self.column))[0].as_py()
        except Rejected:  # that it does not fit is told where its row is wanted
            assert self.column.unit is not None  # or this were no lens of a unit
            ordinal = in_unit(values, self.column.unit)[0].as_py()
        return ordinal

    @cached_property
    def _decode(self) -> Decode:
        return bound_decoder(self.stored)


@dataclass(frozen=True)
class TableLens:
    """A value that is made of several columns, of none, or in an order of its own: no bounds."""

    columns: tuple[str, ...]
    adapt: Callable[[pa.Table], pa.Table]

    def values(self, table: pa.Table) -> pa.ChunkedArray:
        """The values as the reader knows them."""
        return self.adapt(table).column(0)

    def bound(self, text: str) -> Ordinal:
        """Never asked: such a comparison has no ordinals."""
        raise TypeError(f"no bound of {', '.join(self.columns)} says anything of these values")
