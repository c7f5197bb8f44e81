"""Tables: rows of anything as Dagster shows them, always of one shape and never endless."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from dataplatform.errors import SourceFinding

CELL_MAX_CHARS = 200
Scalar = str | int | float | bool


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dg.TableMetadataValue:
    """Rows under the given columns; a null and a missing cell differ."""
    records = [
        dg.TableRecord({name: cell(row[name]) if name in row else "" for name in columns})
        for row in rows
    ]
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table(records, schema=schema)


def places_table(findings: Iterable[SourceFinding]) -> dg.TableMetadataValue:
    """What is wrong in text files, as `file:line:column`."""
    rows = (
        {
            "place": f"{finding.path}:{finding.line}:{finding.column}",
            "message": finding.message,
            "hint": finding.hint or "",
        }
        for finding in findings
    )
    return table(rows, ("place", "message", "hint"))


def cell(value: Any) -> Scalar:
    """One value as a table can show it."""
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= CELL_MAX_CHARS else f"{text[:CELL_MAX_CHARS]}…"


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every column that some row has, in the order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))
