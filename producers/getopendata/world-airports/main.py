"""World airports: one row per airport, typed, from the CSV of the airportsdata project.

The source is one file that is replaced in place, so every run reads all of it. It has no time
column: airports appear, move and disappear between releases, and the release history shows when.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

SOURCE = "https://raw.githubusercontent.com/mborsetti/airportsdata/main/airportsdata/airports.csv"

SCHEMA = pa.schema(
    [
        ("icao", pa.string()),
        ("iata", pa.string()),
        ("name", pa.string()),
        ("city", pa.string()),
        ("subd", pa.string()),
        ("country", pa.string()),
        ("elevation", pa.float64()),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        ("tz", pa.string()),
        ("lid", pa.string()),
    ]
)


def produce(context: Any) -> pa.Table:
    """The whole table; an interval means nothing to a source without time and is not looked at."""
    table = parse_airports(context.fetch(SOURCE).content, where=SOURCE)
    context.log.info("%d airports read from %s", table.num_rows, SOURCE)
    return table


def parse_airports(content: bytes, *, where: str) -> pa.Table:
    """The CSV as a typed table. Raises ValueError with file, line and column of what is wrong."""
    reader = csv.reader(io.StringIO(_decode(content, where), newline=""), strict=True)
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    try:
        positions = _positions(next(reader, []), where)
        for row in reader:
            if len(row) != len(positions):
                raise ValueError(
                    f"{where}:{reader.line_num}: expected {len(positions)} values, found {len(row)}"
                )
            for name, value in _typed(row, positions, f"{where}:{reader.line_num}"):
                columns[name].append(value)
    except csv.Error as error:
        raise ValueError(f"{where}:{reader.line_num}: not readable as CSV: {error}") from error
    return pa.table(columns, schema=SCHEMA)


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: expected UTF-8, found a byte that is none: {error}") from error


def _positions(header: list[str], where: str) -> list[str]:
    """The column names in the file's order; a rename upstream must stop the run, not shift data."""
    if sorted(header) != sorted(SCHEMA.names):
        raise ValueError(
            f"{where}:1: expected the columns {', '.join(SCHEMA.names)}, "
            f"found {', '.join(header) or 'an empty file'}"
        )
    return header


def _typed(row: list[str], names: list[str], place: str) -> Iterator[tuple[str, Any]]:
    for name, text in zip(names, row, strict=True):
        text = text.strip()
        if not text:
            yield name, None
        elif pa.types.is_floating(SCHEMA.field(name).type):
            yield name, _number(text, name, place)
        else:
            yield name, text


def _number(text: str, name: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{place}: {name}: expected a number, found {text!r}") from None
