"""What a push says in words of its own: rows and options, where a producer has files to edit.

Here belong the sentences alone: options that name no column of the rows, rows that are none, and
the hints under which the shared steps end. What is refused is decided by those steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

import pyarrow as pa

from dataplatform.contracts.model import Contract
from dataplatform.errors import BreakingChange, GateClosed, ProducerFailed
from opendata.reading.bounds import is_time_type
from opendata.reading.suggest import did_you_mean
from opendata.reading.type_names import type_name
from opendata.wire.errors import InvalidInput, OpenDataError
from opendata.wire.ids import DatasetId

NEW_COLUMNS_HINT: Final = (
    "if the new columns are meant: --new-columns (in Python: new_columns=True)"
)
_CORRECT: Final = "correct the rows, then push them again"
_HINTS: Final = {
    "rolled_back": "correct the rows; if it is meant after all: --force (in Python: force=True)",
    "lost_race": "push again: it compares with the release that came first",
    "superseded": "push again: it compares with the release that came first",
}


def require_columns(
    time: str | None, key: Sequence[str], contract: Contract | None, schema: pa.Schema
) -> None:
    """See that the time column and the key are columns, before anything is written.

    Raises:
        InvalidInput: with did-you-mean and the columns that would do.
    """
    columns = {field.name: field.type for field in schema}
    columns |= {field.name: field.arrow_type for field in (contract.fields if contract else ())}
    for name in key:
        if name not in columns:
            raise _unknown("key", name, list(columns))
    if time is None:
        return
    times = [name for name, kind in columns.items() if is_time_type(kind)]
    if time not in columns:
        raise _unknown("time", time, times)
    if time not in times:
        raise InvalidInput(
            f"the time column {time!r} holds {_type(columns[time])}, not dates or timestamps",
            code="no_time_type",
            hint=_columns_that_would_do(times),
            details={"time_columns": times},
        )


def with_rows(dataset: DatasetId, rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same rows, seen to be some.

    Raises:
        InvalidInput: if there are none.
    """
    for batch in rows:
        if batch.num_rows:
            return pa.RecordBatchReader.from_batches(rows.schema, chain([batch], rows))
    raise InvalidInput(
        f"there are no rows to push as {dataset}",
        code="no_rows",
        hint="push at least one row; what is published stays as it is",
    )


def require_order(data: object, reference: object) -> None:
    """See that rows and id were not given the wrong way round.

    Raises:
        InvalidInput: showing the right order.
    """
    if isinstance(reference, str):
        return
    if isinstance(data, str):
        raise InvalidInput(
            f"the rows come first, then the id: {data!r} was given as the rows",
            code="swapped_arguments",
            hint=f"od.push(rows, {data!r})",
        )
    raise InvalidInput(
        f"the second argument is an id, and not a {type(reference).__name__}",
        code="invalid_id",
        hint='od.push(rows, "ns/name")',
    )


def reworded(error: OpenDataError, *, new_columns: bool) -> None:
    """Give an error of the shared steps the hint that helps who pushes."""
    if isinstance(error, GateClosed):
        open_to_new = error.code == "contract_failed" and not new_columns and _has_new(error)
        error.hint = f"correct the rows; {NEW_COLUMNS_HINT}" if open_to_new else _CORRECT
    elif isinstance(error, BreakingChange):
        required = error.details.get("required")
        error.hint = f'if it is meant, push from Python with release={{"version": "{required}"}}'
    elif isinstance(error, ProducerFailed):
        error.hint = "give each column values of the type that it had in the first release"
    elif error.code in _HINTS:
        error.hint = _HINTS[error.code]


def _has_new(error: GateClosed) -> bool:
    report = error.details.get("report")
    findings = report.get("findings", ()) if isinstance(report, Mapping) else ()
    return any("not in the contract" in str(finding.get("message")) for finding in findings)


def _unknown(option: str, name: str, columns: list[str]) -> InvalidInput:
    near = did_you_mean(name, columns)
    would_do = _columns_that_would_do(columns) if option == "time" else _listed(columns)
    return InvalidInput(
        f"the rows have no column {name!r}, which is named as {_ROLES[option]}",
        code="unknown_column",
        hint=f"{near} {would_do}" if near else would_do,
        details={"option": option, "columns": columns},
    )


_ROLES: Final = {"key": "part of the key", "time": "the time column"}


def _listed(columns: list[str]) -> str:
    return f"columns: {', '.join(columns)}"


def _columns_that_would_do(times: list[str]) -> str:
    if times:
        return f"columns with dates or timestamps: {', '.join(times)}"
    return "no column holds dates or timestamps: convert one, or leave the time column out"


def _type(kind: pa.DataType) -> str:
    return str(kind) if pa.types.is_union(kind) else type_name(kind)
