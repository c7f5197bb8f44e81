"""Parquet files as one table that DuckDB reads: their rows in order, and what it reads inexactly.

Here belong opening the files and knowing which columns need another way in. What is asked of the
rows belongs to the adapters.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataplatform.adapters.duckdb.session import Session, readable_paths
from dataplatform.adapters.duckdb.text import literal, name, scan
from dataplatform.contracts.report import json_value
from opendata.reading.type_names import plain_type
from opendata.wire.errors import Corrupt

DECIMAL_DIGITS_MAX: Final = 38
TAKEN_NAMES: Final = ("#file", "#row", "#before")


@dataclass(frozen=True)
class Table:
    """Parquet files that are read as one table.

    `unreadable` columns cannot be asked anything, `inexact` ones only for nulls; both say why.
    Where a column is in `through_arrow`, all rows are read through Arrow, and it as that type:
    DuckDB's own reader would round it. `arrow_name` is the table's name in the session then.
    """

    files: tuple[str, ...]
    schemas: tuple[pa.Schema, ...]
    unreadable: Mapping[str, str]
    inexact: Mapping[str, str]
    through_arrow: Mapping[str, pa.DataType]
    arrow_name: str

    @property
    def schema(self) -> pa.Schema:
        """The columns as the first file has them."""
        return self.schemas[0]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that can be asked about nulls at least."""
        return tuple(column for column in self.schema.names if column not in self.unreadable)

    def type_of(self, column: str) -> pa.DataType:
        """A column's type without encodings."""
        return plain_type(self.schema.field(column).type)

    @property
    def place(self) -> tuple[str, ...]:
        """The columns that name a row where there is no key."""
        return ("#file", "#row") if len(self.files) > 1 and self.counts_per_file else ("#row",)

    @property
    def counts_per_file(self) -> bool:
        """Whether the engine says of each row which file it is in."""
        taken = {column.casefold() for column in self.schema.names}
        return not self.through_arrow and taken.isdisjoint(("file_index", "file_row_number"))

    def literal(self, column: str, value: bool | int | float | str) -> str:
        """A contract's value as SQL, in the type in which this column is compared."""
        kind = self.type_of(column)
        if column in self.through_arrow:
            return f"CAST({literal(value, 'TIMESTAMPTZ')} AS TIMESTAMP_NS)"
        if pa.types.is_floating(kind):
            # A bound of 0.1 means the float that is written so, not the decimal beside it.
            width = "DOUBLE" if pa.types.is_float64(kind) else "FLOAT"
            return f"CAST({literal(value, width)} AS {width})"
        return literal(value, sql_type(kind))

    def opened(self, session: Session) -> AbstractContextManager[None]:
        """Make the rows readable in a session, where the session cannot do it alone."""
        if not self.through_arrow:
            return nullcontext()
        fields = [f.with_type(self.through_arrow.get(f.name, f.type)) for f in self.schema]
        import pyarrow.dataset as ds  # loads pandas, which most tables do not need

        source = ds.dataset(list(self.files), schema=pa.schema(fields), format="parquet")
        return session.named(self.arrow_name, source)

    @property
    def rows_sql(self) -> str:
        """The rows in their order as a SQL table, with `#file` and `#row` (from 1)."""
        return self._rows(self.arrow_name if self.through_arrow else scan(self.files))

    @property
    def user_rows_sql(self) -> str:
        """The same rows where only the files are at hand."""
        return self._rows(scan(self.files))

    @property
    def data_sql(self) -> str:
        """The rows as user SQL sees them."""
        return f"SELECT {', '.join(self._column_sql())} FROM {scan(self.files)}"

    def json_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A fetched row as JSON, its file by name."""
        shown = {column: self.json_cell(column, value) for column, value in row.items()}
        if "#file" in shown:
            shown["#file"] = os.path.basename(self.files[row["#file"]])
        return shown

    def json_cell(self, column: str, value: Any) -> Any:
        """A fetched value as JSON; nanoseconds come as text and get their zone back."""
        if isinstance(value, str) and column in self.schema.names:
            kind = self.type_of(column)
            if pa.types.is_timestamp(kind):
                return value.replace(" ", "T").removesuffix("Z") + ("Z" if kind.tz else "")
        return json_value(value)

    def _rows(self, source: str) -> str:
        place = '0 AS "#file", row_number() OVER () AS "#row"'
        if self.counts_per_file:
            place = 'file_index AS "#file", file_row_number + 1 AS "#row"'
        return f"(SELECT {', '.join([*self._column_sql(), place])} FROM {source})"

    def _column_sql(self) -> Iterator[str]:
        for column in self.columns:
            if pa.types.is_floating(self.type_of(column)) or column in self.through_arrow:
                # Parquet statistics leave NaN out, so a comparison that is answered from them
                # skips row groups in which NaN stands; and Arrow cannot be asked with the zone
                # taken off. The engine's push-down does not look through a function.
                yield f"greatest({name(column)}) AS {name(column)}"
            else:
                yield name(column)


def open_table(files: Sequence[str], arrow_name: str = "arrow_rows") -> Table:
    """Read the files' schemas; their rows are read when they are asked for.

    Raises:
        InvalidInput, NotFound: where there is no file.
        Corrupt: where a file is no readable Parquet.
    """
    paths = readable_paths(files)
    schemas = tuple(_schema_of(path) for path in paths)
    finer = {field.name: plain_type(field.type) for field in schemas[0] if _is_finer(field, paths)}
    zoned = {name for name, kind in finer.items() if pa.types.is_timestamp(kind)}
    return Table(
        files=tuple(paths),
        schemas=schemas,
        unreadable=dict(_unreadable(schemas[0])),
        inexact={name: _why_inexact(kind) for name, kind in finer.items() if name not in zoned},
        through_arrow=dict.fromkeys(zoned, pa.timestamp("ns")),
        arrow_name=arrow_name,
    )


def exact_type(kind: pa.DataType) -> pa.DataType:
    """A type in which DuckDB holds the values of a column exactly, if not in its own."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp("ns")
    return pa.string() if pa.types.is_decimal(kind) else pa.int64()


def sql_type(kind: pa.DataType) -> str:
    """The type in which DuckDB compares a column."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        if kind.tz is not None:
            return "TIMESTAMPTZ"
        return "TIMESTAMP_NS" if kind.unit == "ns" else "TIMESTAMP"
    if pa.types.is_date(kind):
        return "DATE"
    if pa.types.is_time(kind):
        return "TIME"
    if pa.types.is_integer(kind):
        return "UBIGINT" if pa.types.is_unsigned_integer(kind) else "BIGINT"
    return "DOUBLE" if pa.types.is_floating(kind) else "VARCHAR"


def _schema_of(path: str) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise Corrupt(
            f"{path} is no readable Parquet file: {error}", code="unreadable_parquet"
        ) from error


def _unreadable(schema: pa.Schema) -> Iterator[tuple[str, str]]:
    folded = [column.casefold() for column in schema.names]
    for column in schema.names:
        if column.casefold().startswith(TAKEN_NAMES):
            yield column, f"the name {column!r} is taken: reports name rows by it"
        if folded.count(column.casefold()) > 1:
            yield column, f"another column is called {column!r} but for its case"


def _is_finer(field: pa.Field, paths: list[str]) -> bool:
    """Whether DuckDB's Parquet reader would round values of this column."""
    kind = plain_type(field.type)
    if pa.types.is_decimal(kind):
        return bool(kind.precision > DECIMAL_DIGITS_MAX)
    in_nanoseconds = pa.types.is_time64(kind) or (pa.types.is_timestamp(kind) and kind.tz)
    return bool(in_nanoseconds and kind.unit == "ns" and _has_nanoseconds(paths, field.name))


def _why_inexact(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"{kind} has more than {DECIMAL_DIGITS_MAX} digits"
    return f"{kind} is compared in microseconds, and its values are finer"


def _has_nanoseconds(paths: list[str], column: str) -> bool:
    """Whether any value is finer than a microsecond; reads this one column."""
    for path in paths:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(columns=[column]):
                nanoseconds = batch.column(0).cast(pa.int64())
                whole = pc.multiply(pc.divide(nanoseconds, 1000), 1000)
                if pc.any(pc.not_equal(nanoseconds, whole)).as_py():
                    return True
    return False
