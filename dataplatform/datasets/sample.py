"""A file's bytes as a table, together with what it took to read them.

Here belongs the guessing of a file's format, separator and encoding for `od init --from`, such
that the written `main.py` reads the file the same way ever after. Opening files and fetching
addresses belongs to whoever has the bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from opendata.wire.errors import InvalidInput

#: Not "NA": it is Namibia's country code more often than a missing value.
NULL_WORDS: Final = ("", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None")
_SEPARATORS: Final = (",", ";", "\t", "|")


class Format(StrEnum):
    """Files that `od init --from` reads."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"
    LINES = "ndjson"


_SUFFIXES: Final = {
    "csv": Format.CSV, "tsv": Format.CSV, "txt": Format.CSV, "parquet": Format.PARQUET,
    "pq": Format.PARQUET, "json": Format.JSON, "ndjson": Format.LINES, "jsonl": Format.LINES,
}  # fmt: skip


@dataclass(frozen=True)
class CsvShape:
    """How to read the CSV file: all its columns in order, renamed where the header was no use."""

    separator: str
    encoding: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """The table in a file; `csv` is set for CSV files, `rows_under` for JSON with a named list.

    `blank_rows` counts the lines of a CSV file that held separators alone; the table is without.
    """

    table: pa.Table
    format: Format
    csv: CsvShape | None = None
    rows_under: str | None = None
    blank_rows: int = 0


def read_sample(data: bytes, name: str) -> Sample:
    """Read a file's bytes; `name` is its name or address, for the suffix.

    Raises:
        InvalidInput: when the format is unknown or the bytes are not what the suffix says.
    """
    kind = _format_of(data, name)
    try:
        sample = _READERS[kind](data)
    except (pa.ArrowException, ValueError) as error:
        raise InvalidInput(
            f"{name} cannot be read as {kind}: {error}",
            code="unreadable_file",
            hint="look at its first lines; od init without --from writes a template to edit",
        ) from error
    if not sample.table.num_rows or not sample.table.num_columns:
        raise InvalidInput(f"{name} holds no rows", code="unreadable_file")
    return sample


def _format_of(data: bytes, name: str) -> Format:
    if data[:4] == b"PAR1":
        return Format.PARQUET
    file_name = re.split(r"[?#]", name)[0].rsplit("/", 1)[-1]
    suffix = file_name.rsplit(".", 1)[-1].lower() if "." in file_name else ""
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    start = data.lstrip()[:1]
    if start in (b"[", b"{"):
        return Format.JSON
    if suffix or start == b"<" or b"\0" in data[:1024]:
        known = ", ".join(f".{known}" for known in _SUFFIXES)
        raise InvalidInput(
            f"{name} is of no format known here ({known})",
            code="unknown_format",
            hint="convert it, or start from od init without --from",
        )
    return Format.CSV


def _read_csv(data: bytes) -> Sample:
    encoding = "utf8" if _is_utf8(data) else "cp1252"
    text = data.decode("utf-8-sig" if encoding == "utf8" else encoding, "replace")
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first_line.count)
    header = pa_csv.read_csv(
        pa.BufferReader(data),
        read_options=pa_csv.ReadOptions(encoding=encoding),
        parse_options=csv_parsing(separator),
        convert_options=pa_csv.ConvertOptions(column_types={}),
    ).column_names
    shape = CsvShape(separator, encoding, usable_names(header))
    guessed = _csv_table(data, shape, {})
    texts = _csv_table(data, shape, dict.fromkeys(shape.names, pa.string()))
    kept = [name for name in shape.names if not _is_trailing(name, header, shape, texts)]
    codes = {name: pa.string() for name in kept if _has_leading_zeros(guessed, texts, name)}
    types = {name: codes.get(name, _some_type(guessed.schema.field(name).type)) for name in kept}
    table = _csv_table(data, shape, types).select(kept)
    filled = without_blank_rows(table)
    return Sample(filled, Format.CSV, shape, blank_rows=table.num_rows - filled.num_rows)


def without_blank_rows(table: pa.Table) -> pa.Table:
    """The rows with a value in at least one column: spreadsheets end in lines that have none."""
    if not table.num_columns:
        return table
    return table.filter(reduce(pc.or_, [column.is_valid() for column in table.columns]))


def csv_parsing(separator: str) -> pa_csv.ParseOptions:
    """How CSV is parsed here: values may hold line breaks when quoted."""
    return pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True)


def _csv_table(data: bytes, shape: CsvShape, types: dict[str, pa.DataType]) -> pa.Table:
    return pa_csv.read_csv(
        pa.BufferReader(data),
        read_options=pa_csv.ReadOptions(
            encoding=shape.encoding, column_names=list(shape.names), skip_rows_after_names=1
        ),
        parse_options=csv_parsing(shape.separator),
        convert_options=pa_csv.ConvertOptions(
            column_types=types, null_values=list(NULL_WORDS), strings_can_be_null=True
        ),
    )


def usable_names(header: Sequence[str]) -> tuple[str, ...]:
    """Column names of a header: never empty, never twice, not even in another case."""
    names: list[str] = []
    taken: set[str] = set()
    for at, raw in enumerate(header, start=1):
        name = " ".join(raw.split()) or f"column_{at}"
        unique, count = name, 2
        while unique.casefold() in taken:
            unique, count = f"{name}_{count}", count + 1
        taken.add(unique.casefold())
        names.append(unique)
    return tuple(names)


def _is_trailing(name: str, header: Sequence[str], shape: CsvShape, texts: pa.Table) -> bool:
    """Whether a column exists only because lines end in a separator."""
    unnamed = not header[shape.names.index(name)].strip()
    return unnamed and texts[name].null_count == texts.num_rows


def _has_leading_zeros(guessed: pa.Table, texts: pa.Table, name: str) -> bool:
    # As a number, the postal code 01067 would lose its zero for ever.
    if not pa.types.is_integer(guessed.schema.field(name).type):
        return False
    return bool(pc.any(pc.match_substring_regex(texts[name], r"^[+-]?0\d")).as_py())


def _some_type(data_type: pa.DataType) -> pa.DataType:
    # A column that is empty so far says nothing about its type; text takes anything.
    return pa.string() if pa.types.is_null(data_type) else data_type


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _read_parquet(data: bytes) -> Sample:
    return Sample(pq.read_table(pa.BufferReader(data)), Format.PARQUET)


def _read_json(data: bytes) -> Sample:
    document = json.loads(data)
    if isinstance(document, list):
        return Sample(_row_table(document), Format.JSON)
    items = document.items() if isinstance(document, dict) else ()
    lists = [key for key, value in items if _are_rows(value)]
    if len(lists) != 1:
        raise ValueError("a list of objects is expected, or an object with one such list")
    return Sample(_row_table(document[lists[0]]), Format.JSON, rows_under=lists[0])


def _read_lines(data: bytes) -> Sample:
    return Sample(
        _row_table([json.loads(line) for line in data.splitlines() if line.strip()]), Format.LINES
    )


def _row_table(rows: Any) -> pa.Table:
    if not _are_rows(rows):
        raise ValueError("a list of objects is expected")
    names = list(dict.fromkeys(name for row in rows for name in row))
    # Told by the first row alone, a column that begins later would be lost.
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


_READERS: Final = {
    Format.CSV: _read_csv,
    Format.PARQUET: _read_parquet,
    Format.JSON: _read_json,
    Format.LINES: _read_lines,
}
