"""A DuckDB session that can do nothing but read the files it was opened for.

Here belongs everything that keeps a statement in bounds: memory with spilling, threads, the files
it may read, its time, and the translation of the engine's errors. What is asked belongs to the
adapters that open a session.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from dataplatform.adapters.duckdb.text import text
from dataplatform.adapters.processes.folders import living_folder
from opendata.wire.errors import InvalidInput, NotFound, Rejected, Unavailable

FAILED: Final = "statement_failed"
TIMED_OUT: Final = "statement_timeout"
OUT_OF_MEMORY: Final = "out_of_memory"
_SPILL_PREFIX: Final = "opendata-sql-"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Limits:
    """What one session may use. Beyond `memory_bytes` it spills to a folder of its own."""

    memory_bytes: int = 512 << 20
    threads: int = 2
    statement_seconds: float = 3_600
    spill_folder: str | None = None
    """Under which folder to spill, and to remove what killed ones left; absent: the system's."""


class Session:
    """Runs statements one after the other; each within the time limit."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of a small result as Python values by column name."""
        return rows_of(self.table(sql, parameters))

    def table(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """All rows of a result in Arrow's own form, for results that are not small."""
        return self._run(sql, parameters, lambda cursor: cursor.to_arrow_table())

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
        """The one row of an aggregate."""
        return self.rows(sql, parameters)[0]

    def schema(self, sql: str) -> pa.Schema:
        """The columns of a result, of which few rows should be asked."""
        table: pa.Table = self._run(sql, (), lambda cursor: cursor.to_arrow_table())
        return table.schema

    def execute(self, sql: str) -> None:
        """A statement without a result (views and settings of our own)."""
        self._run(sql, (), lambda cursor: None)

    @contextmanager
    def named(self, name: str, source: Any) -> Iterator[None]:
        """Make an Arrow source readable as the table `name`."""
        self._connection.register(name, source)
        try:
            yield
        finally:
            self._connection.unregister(name)

    def _run(self, sql: str, parameters: Sequence[Any], fetch: Any) -> Any:
        timer = threading.Timer(self._limits.statement_seconds, self._connection.interrupt)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:
            raise Unavailable(
                "the system gives this process no further thread",
                code="no_resources",
                hint="raise its limits of memory or processes (ulimit -a)",
            ) from error
        try:
            return fetch(self._connection.execute(sql, list(parameters)))
        except (duckdb.Error, pa.ArrowException, UnicodeDecodeError) as error:
            raise _translated(error, self._limits) from error
        finally:
            timer.cancel()


def _spill_folder(root: str | None) -> AbstractContextManager[str | Path]:
    if root is None:
        return tempfile.TemporaryDirectory(prefix=_SPILL_PREFIX)
    return living_folder(Path(root), _SPILL_PREFIX)


@contextmanager
def locked_session(files: Sequence[str], limits: Limits) -> Iterator[Session]:
    """A session in memory that can read `files` and nothing else, and cannot be reconfigured."""
    with _spill_folder(limits.spill_folder) as spill:
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{limits.memory_bytes // 1_000_000}MB",
                "threads": limits.threads,
                "temp_directory": str(spill),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
        try:
            _lock(connection, files)
            yield Session(connection, limits)
        finally:
            connection.close()


def _lock(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    # Written out: for a parameter the engine would load pandas, to know whether it is a frame.
    connection.execute(f"SET allowed_paths = [{', '.join(map(text, files))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def readable_paths(files: Sequence[str]) -> list[str]:
    """The files as absolute paths.

    Raises:
        InvalidInput: where there is none.
        NotFound: naming the file that does not exist.
    """
    if not files:
        raise InvalidInput("there is no file to read", code="no_files")
    paths = [os.path.abspath(path) for path in files]
    for path in paths:
        if not os.path.isfile(path):
            raise NotFound(f"{path} does not exist", code="no_such_file")
    return paths


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as dictionaries; a time that Python cannot hold becomes text."""
    return [
        dict(zip(table.column_names, values, strict=True))
        for values in zip(*(_values(column) for column in table.columns), strict=True)
    ]


def _values(column: pa.ChunkedArray) -> list[Any]:
    kind = column.type
    finer = (pa.types.is_timestamp(kind) and kind.unit == "ns") or pa.types.is_time64(kind)
    values: list[Any]
    try:
        values = _moments(column) or (column.cast(pa.string()) if finer else column).to_pylist()
    except (ValueError, OverflowError):  # a year beyond 9999, or before 1
        values = column.cast(pa.string()).to_pylist()
    return values


def _moments(column: pa.ChunkedArray) -> list[Any]:
    """Times in microseconds as Python's, which Arrow would load pandas for; of others nothing."""
    kind = column.type
    if not pa.types.is_timestamp(kind) or kind.unit != "us" or kind.tz not in (None, "UTC"):
        return []
    first = _EPOCH if kind.tz else _EPOCH.replace(tzinfo=None)
    ticks = column.cast(pa.int64()).to_pylist()
    return [None if tick is None else first + timedelta(microseconds=tick) for tick in ticks]


def _translated(error: Exception, limits: Limits) -> Rejected | Unavailable:
    """The engine's error in our words; what the statement itself caused is `Rejected`."""
    reason = str(error).partition("\n")[0].strip()
    if isinstance(error, duckdb.InterruptException):
        return Rejected(
            f"stopped: it took longer than {limits.statement_seconds:g} s",
            code=TIMED_OUT,
            hint="make the expression cheaper, or raise the time limit",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return Rejected(
            f"the memory limit of {limits.memory_bytes >> 20} MiB does not suffice: {reason}",
            code=OUT_OF_MEMORY,
            hint="raise the memory limit",
        )
    if isinstance(error, duckdb.IOException):
        return Unavailable(f"reading or spilling failed: {reason}", code="io_failed")
    return Rejected(reason, code=FAILED, hint=_suggestion(str(error)))


def _suggestion(text: str) -> str | None:
    """The names that the engine offers in place of an unknown one."""
    offered = ("Candidate bindings:", "Did you mean")
    return next((line for line in text.splitlines() if line.startswith(offered)), None)
