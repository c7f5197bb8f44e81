"""SQL text from names and values; nothing that comes from outside is spliced in unquoted.

Here belong quoting and the scan of Parquet files. Statements belong to their adapters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def name(column: str) -> str:
    """A column or table name as SQL."""
    return '"' + column.replace('"', '""') + '"'


def names(columns: Iterable[str]) -> str:
    """Column names as a SQL list."""
    return ", ".join(name(column) for column in columns)


def text(value: str) -> str:
    """A string as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def literal(value: bool | int | float | str, sql_type: str) -> str:
    """A contract's scalar as SQL; text takes the type of the column that it is compared with."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return f"CAST({text(value)} AS {sql_type})"
    return f"({value!r})"


def scan(files: Sequence[str]) -> str:
    """The rows of Parquet files, in the files' order; columns are matched by name."""
    listed = ", ".join(text(path) for path in files)
    return f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
