"""Rows into a file or onto a pipe as CSV, Parquet or JSON, batch by batch in bounded memory."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, Protocol

import pyarrow as pa

from opendata.cli.cells import plain
from opendata.wire.errors import InvalidInput, NotFound

FORMATS: Final = ("csv", "parquet", "json", "jsonl", "table")
_SUFFIXES: Final = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


class BatchWriter(Protocol):
    """Takes batches until it is closed."""

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        ...

    def close(self) -> None:
        """There are no more."""
        ...


def format_for(named: str | None, output: Path | None) -> str:
    """The format asked for, or the one that the file's name tells; a table where neither does.

    Raises:
        InvalidInput: if a file's name tells nothing, or a table is to be saved.
    """
    if output is None:
        return named or "table"
    found = named or _SUFFIXES.get(output.suffix.lower())
    if found is None or found == "table":
        raise InvalidInput(
            f"{output} does not say in which format to save",
            code="unknown_format",
            hint="name it .csv, .parquet, .json or .jsonl, or add --format",
        )
    return found


def save(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, format: str, output: Path | None
) -> int:
    """Write rows to a file (whole or not at all) or to standard output; returns their number.

    Raises:
        InvalidInput: if Parquet would go to a terminal, or CSV cannot hold a column.
        NotFound: if there is no such folder.
        OSError: naming the file, if it cannot be written.
    """
    if format == "parquet" and output is None and sys.stdout.isatty():
        raise InvalidInput("Parquet is no text for a terminal", hint="add --output FILE.parquet")
    count = 0
    with _sink(output) as file:
        writer = _open(format, file, schema)
        for batch in batches:
            writer.write_batch(batch)
            count += batch.num_rows
        writer.close()
    return count


def save_lines(rows: Iterable[Mapping[str, Any]], format: str, output: Path | None) -> int:
    """Write JSON objects, as one array (`json`) or one a line (`jsonl`); returns their number.

    Raises:
        NotFound, OSError: as :func:`save`.
    """
    count = 0
    with _sink(output) as file:
        writer = JsonRows(file) if format == "json" else JsonLines(file)
        for row in rows:
            writer.write_row(row)
            count += 1
        writer.close()
    return count


def _open(format: str, file: IO[bytes], schema: pa.Schema) -> BatchWriter:
    if format in ("json", "jsonl"):
        return JsonRows(file) if format == "json" else JsonLines(file)
    if format == "parquet":
        import pyarrow.parquet as pq

        parquet: BatchWriter = pq.ParquetWriter(file, schema)
        return parquet
    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    if nested:
        raise InvalidInput(
            f"CSV cannot hold {', '.join(nested)}: nested values have no text form there",
            code="unsuitable_format",
            hint="use --format json or parquet, or choose --columns",
        )
    from pyarrow.csv import CSVWriter

    csv: BatchWriter = CSVWriter(file, schema)
    return csv


class JsonRows:
    """Rows as one JSON array of objects, written as they come."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._begun = False

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        for row in rows_of(batch):
            self.write_row(row)

    def write_row(self, row: Mapping[str, Any]) -> None:
        """The next row."""
        self._file.write(b",\n  " if self._begun else b"[\n  ")
        self._begun = True
        self._file.write(json.dumps(plain(row), ensure_ascii=False).encode())

    def close(self) -> None:
        """End the array."""
        self._file.write(b"\n]\n" if self._begun else b"[]\n")


class JsonLines:
    """Rows as JSON objects, one a line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        for row in rows_of(batch):
            self.write_row(row)

    def write_row(self, row: Mapping[str, Any]) -> None:
        """The next row."""
        self._file.write(json.dumps(plain(row), ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """There are no more."""


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The rows as dictionaries; what Python's types cannot hold comes as Arrow's own text."""
    columns = [_values(column) for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


def _values(column: pa.Array) -> list[Any]:
    # Python's times have no nanoseconds and end with the year 9999; Arrow's text form goes on.
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return list(column.cast(pa.string()).to_pylist())
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        return list(column.cast(pa.string()).to_pylist())


@contextmanager
def _sink(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with _named(output):
        if output.exists() and not output.is_file():
            # A pipe or a device takes the rows itself; a file put in its place would end it.
            with output.open("wb") as file:
                yield file
            return
        with _draft(output.resolve()) as file:
            yield file


@contextmanager
def _draft(output: Path) -> Iterator[IO[bytes]]:
    """A file beside the one that it becomes once it is whole."""
    handle, draft = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(draft, 0o666 & ~_umask())
        os.replace(draft, output)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise


@contextmanager
def _named(output: Path) -> Iterator[None]:
    """Let errors of writing name the file that was asked for: not the draft, nor none at all."""
    if not output.parent.is_dir():
        raise NotFound(
            f"there is no folder {output.parent} to save {output.name} in",
            code="missing_folder",
            hint=f"mkdir -p {shlex.quote(str(output.parent))}",
        )
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(output)):
            raise
        raise OSError(error.errno, error.strerror, str(output)) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
