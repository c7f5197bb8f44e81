"""The candidate as the engine reads it: its Arrow schema, its rows, and what it cannot judge.

Here belong opening the files and knowing which columns DuckDB reads exactly. Rules belong to
`row_rules` and `order_rules`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dataplatform.adapters.duckdb.session import Session, readable_paths
from dataplatform.adapters.duckdb.text import literal, name, scan
from dataplatform.contracts.model import Severity
from dataplatform.contracts.report import Finding, json_value
from opendata.reading.type_names import plain_type
from opendata.wire.errors import Corrupt

DECIMAL_DIGITS_MAX: Final = 38
ARROW_ROWS: Final = "arrow_rows"
TAKEN_NAMES: Final = ("#file", "#row", "#before")


@dataclass(frozen=True)
class Table:
    """Parquet files that are read as one table.

    `findings` say where the files disagree. `unreadable` columns cannot be asked anything,
    `inexact` ones only for nulls; both say why. `zoned_nanoseconds` are read through Arrow, since
    DuckDB's own reader rounds them to microseconds.
    """

    files: tuple[str, ...]
    schema: pa.Schema
    findings: tuple[Finding, ...]
    unreadable: Mapping[str, str]
    inexact: Mapping[str, str]
    zoned_nanoseconds: frozenset[str]

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
        return ("#file", "#row") if len(self.files) > 1 and self._counts_per_file else ("#row",)

    @property
    def _counts_per_file(self) -> bool:
        taken = {column.casefold() for column in self.schema.names}
        return not self.zoned_nanoseconds and taken.isdisjoint(("file_index", "file_row_number"))

    def literal(self, column: str, value: bool | int | float | str) -> str:
        """A contract's value as SQL, in the type in which this column is compared."""
        kind = self.type_of(column)
        if column in self.zoned_nanoseconds:
            return f"CAST({literal(value, 'TIMESTAMPTZ')} AS TIMESTAMP_NS)"
        if pa.types.is_floating(kind):
            # A bound of 0.1 means the float that is written so, not the decimal beside it.
            width = "DOUBLE" if pa.types.is_float64(kind) else "FLOAT"
            return f"CAST({literal(value, width)} AS {width})"
        return literal(value, sql_type(kind))

    def opened(self, session: Session) -> AbstractContextManager[None]:
        """Make the rows readable in a session, where the session cannot do it alone."""
        if not self.zoned_nanoseconds:
            return nullcontext()
        fields = [
            field.with_type(pa.timestamp("ns")) if field.name in self.zoned_nanoseconds else field
            for field in self.schema
        ]
        source = ds.dataset(list(self.files), schema=pa.schema(fields), format="parquet")
        return session.named(ARROW_ROWS, source)

    @property
    def rows_sql(self) -> str:
        """The rows in their order as a SQL table, with `#file` and `#row` (from 1)."""
        return self._rows(ARROW_ROWS if self.zoned_nanoseconds else scan(self.files))

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
        if self._counts_per_file:
            place = 'file_index AS "#file", file_row_number + 1 AS "#row"'
        return f"(SELECT {', '.join([*self._column_sql(), place])} FROM {source})"

    def _column_sql(self) -> Iterator[str]:
        for column in self.columns:
            if pa.types.is_floating(self.type_of(column)) or column in self.zoned_nanoseconds:
                # Parquet statistics leave NaN out, so a comparison that is answered from them
                # skips row groups in which NaN stands; and Arrow cannot be asked with the zone
                # taken off. The engine's push-down does not look through a function.
                yield f"greatest({name(column)}) AS {name(column)}"
            else:
                yield name(column)


def open_table(files: Sequence[str]) -> Table:
    """Read the files' schemas.

    Raises:
        InvalidInput, NotFound: where there is no file.
        Corrupt: where a file is no readable Parquet.
    """
    paths = readable_paths(files)
    schemas = [_schema_of(path) for path in paths]
    schema = schemas[0]
    return Table(
        files=tuple(paths),
        schema=schema,
        findings=tuple(_disagreements(paths, schemas)),
        unreadable=dict(_unreadable(schema)),
        inexact=dict(_inexact(paths, schema)),
        zoned_nanoseconds=frozenset(
            field.name
            for field in schema
            if _is_zoned_ns(plain_type(field.type)) and _has_nanoseconds(paths, field.name)
        ),
    )


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


def _disagreements(paths: list[str], schemas: list[pa.Schema]) -> Iterator[Finding]:
    ours = {field.name: field.type for field in schemas[0]}
    for path, schema in zip(paths[1:], schemas[1:], strict=True):
        theirs = {field.name: field.type for field in schema}
        different = [c for c in {**ours, **theirs} if ours.get(c) != theirs.get(c)]
        if not different:
            continue
        yield Finding(
            rule="files",
            fields=tuple(different),
            severity=Severity.ERROR,
            passed=False,
            checked=len(paths),
            failing=1,
            message=(
                f"{os.path.basename(path)} has other columns or types than "
                f"{os.path.basename(paths[0])}: {', '.join(different)}"
            ),
            hint="write all files of a candidate with one schema",
        )


def _unreadable(schema: pa.Schema) -> Iterator[tuple[str, str]]:
    folded = [column.casefold() for column in schema.names]
    for column in schema.names:
        if column.casefold().startswith(TAKEN_NAMES):
            yield column, f"the name {column!r} is taken: reports name rows by it"
        if folded.count(column.casefold()) > 1:
            yield column, f"another column is called {column!r} but for its case"


def _inexact(paths: list[str], schema: pa.Schema) -> Iterator[tuple[str, str]]:
    for field in schema:
        kind = plain_type(field.type)
        if pa.types.is_decimal(kind) and kind.precision > DECIMAL_DIGITS_MAX:
            yield field.name, f"{kind} has more than {DECIMAL_DIGITS_MAX} digits"
        elif pa.types.is_time64(kind) and kind.unit == "ns" and _has_nanoseconds(paths, field.name):
            yield field.name, f"{kind} is compared in microseconds, and its values are finer"


def _is_zoned_ns(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.unit == "ns" and kind.tz is not None)


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
