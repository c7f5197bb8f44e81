"""Great Expectations' answers as findings.

Here belongs reading its result objects, which are nested dictionaries of changing shape. Asking
belongs to `great_expectations`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from dataplatform.contracts.model import ExpectationSpec
from dataplatform.contracts.report import SAMPLES_MAX, Finding, json_value, not_evaluated
from opendata.reading.type_names import plain_type
from opendata.wire.words import counted

SHOWN_MAX_CHARS: Final = 200


def finding_of(
    spec: ExpectationSpec, fields: tuple[str, ...], schema: pa.Schema, answer: Any, rows: int
) -> Finding:
    """The finding of one validation result."""
    error = next(_exception_messages(answer.exception_info), None)
    if error is not None:
        return not_evaluated(spec.label, fields, spec.severity, f"it raised {error}")
    result: Mapping[str, Any] = answer.result or {}
    passed = answer.success is True
    unexpected = result.get("unexpected_count")
    return Finding(
        rule=spec.label,
        fields=fields,
        severity=spec.severity,
        passed=passed,
        checked=int(result.get("element_count") or rows),
        failing=int(unexpected if unexpected is not None else not passed),
        message=_message(spec, result),
        hint=None if passed else "correct the data at its source, or the expectation's arguments",
        samples=() if passed else tuple(_samples(fields, schema, result)),
    )


def _exception_messages(info: Any) -> Iterator[str]:
    """What was raised: at the top, or once per metric."""
    if not isinstance(info, Mapping):
        return
    if info.get("raised_exception"):
        yield str(info.get("exception_message") or "an exception").partition("\n")[0]
    for part in info.values():
        if isinstance(part, Mapping):
            yield from _exception_messages({"raised_exception": True, **part})


def _message(spec: ExpectationSpec, result: Mapping[str, Any]) -> str:
    asked = ", ".join(f"{name}={value}" for name, value in spec.arguments.items())
    asked = asked if len(asked) <= SHOWN_MAX_CHARS else f"{asked[:SHOWN_MAX_CHARS]}…"
    if result.get("unexpected_count"):
        share = result.get("unexpected_percent_total") or result.get("unexpected_percent") or 0
        unexpected = counted(result["unexpected_count"], "unexpected value")
        return f"{unexpected} ({share:.4g}%); asked: {asked}"
    if missing := result.get("partial_missing_list"):
        listed = ", ".join(repr(_cell(value)) for value in missing)[:SHOWN_MAX_CHARS]
        return f"{counted(result['missing_count'], 'value')} missing: {listed}; asked: {asked}"
    if result.get("observed_value") is not None:
        observed = str(_cell(result["observed_value"]))[:SHOWN_MAX_CHARS]
        return f"observed {observed}; asked: {asked}"
    return f"asked: {asked}"


def _samples(
    fields: tuple[str, ...], schema: pa.Schema, result: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    values = list(result.get("partial_unexpected_list") or [])[:SAMPLES_MAX]
    places = list(result.get("partial_unexpected_index_list") or [])
    for at, value in enumerate(values):
        place = {"#row": int(places[at]) + 1} if at < len(places) else {}
        yield {**place, **_named(fields, schema, value)}


def _named(fields: tuple[str, ...], schema: pa.Schema, value: Any) -> dict[str, Any]:
    """One unexpected value under the name of its column, or several under theirs."""
    if isinstance(value, Mapping):
        return {str(name): _cell_of(str(name), schema, cell) for name, cell in value.items()}
    if isinstance(value, list | tuple) and len(value) == len(fields) > 1:
        return {n: _cell_of(n, schema, cell) for n, cell in zip(fields, value, strict=True)}
    name = fields[0] if len(fields) == 1 else "value"
    return {name: _cell_of(name, schema, value)}


def _cell_of(column: str, schema: pa.Schema, value: Any) -> Any:
    is_date = column in schema.names and pa.types.is_date(plain_type(schema.field(column).type))
    if is_date and isinstance(value, datetime) and value == value:  # NaT is not itself
        return value.date().isoformat()
    return _cell(value)


def _cell(value: Any) -> Any:
    """A pandas or numpy value as JSON; all of their ways to say nothing become null."""
    import pandas as pd

    if isinstance(value, Mapping):
        return {str(name): _cell(cell) for name, cell in value.items()}
    if isinstance(value, list | tuple | set):
        return [_cell(cell) for cell in value]
    if value is pd.NA or value is pd.NaT:
        return None
    return json_value(value.item() if hasattr(value, "item") else value)
