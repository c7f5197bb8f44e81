"""Expectations by their Great Expectations names, run by Great Expectations itself (B44).

The library costs seconds to import and reads whole columns, so it is imported inside the run,
given only the columns that are named, and refused above a memory bound: never sampled, never
skipped. What crashes, is misspelled or cannot be imported has failed.
"""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.contracts.model import ExpectationSpec
from dataplatform.contracts.report import SAMPLES_MAX, Finding, json_value, not_evaluated

DEFAULT_MEMORY_BYTES: Final = 1 << 30
# pandas holds what Parquet stores uncompressed about this many times over while it is validated.
PANDAS_OVERHEAD: Final = 3
REASON_MAX_CHARS: Final = 300
COLUMN_ARGUMENTS: Final = ("column", "column_A", "column_B", "column_list", "column_set")


class GreatExpectations:
    """See `Expectations`, the port that this is."""

    def __init__(self, memory_bytes: int = DEFAULT_MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes

    def run(
        self, files: Sequence[str], expectations: Sequence[ExpectationSpec]
    ) -> Sequence[Finding]:
        """One finding per expectation, in their order."""
        if not expectations:
            return []
        schema = pq.read_schema(files[0])
        columns = _named_columns(expectations, schema.names)
        needed = _uncompressed_bytes(files, columns) * PANDAS_OVERHEAD
        if needed > self._memory_bytes:
            return [_too_large(spec, needed, self._memory_bytes) for spec in expectations]
        try:
            library = _import_library()
            batch = _batch(library, _frame(files, columns))
        except (Exception, SystemExit) as error:  # noqa: BLE001
            # Whatever keeps the library from working must close the gate, not end the process.
            return [_crashed(spec, error) for spec in expectations]
        return [_validate(batch, spec) for spec in expectations]


def _import_library() -> Any:
    """Great Expectations; pyspark's doctest guard can end the process in its import (a
    `SystemExit` that the caller turns into a failed finding)."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    return importlib.import_module("great_expectations")


def _batch(library: Any, frame: Any) -> Any:
    context = library.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("candidate").add_dataframe_asset("rows")
    definition = asset.add_batch_definition_whole_dataframe("all")
    return definition.get_batch({"dataframe": frame})


def _frame(files: Sequence[str], columns: Sequence[str]) -> Any:
    tables = [pq.read_table(path, columns=list(columns)) for path in files]
    return pa.concat_tables(tables).to_pandas(date_as_object=False)


def _validate(batch: Any, spec: ExpectationSpec) -> Finding:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import (
        list_registered_expectation_implementations,
    )

    known = list_registered_expectation_implementations()
    if spec.expectation not in known:
        return _unknown(spec, known)
    try:
        configuration = ExpectationConfiguration(type=spec.expectation, kwargs=spec.arguments)
        result = batch.validate(configuration.to_domain_obj(), result_format="SUMMARY")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a crash is not a pass
        return _crashed(spec, error)
    return _finding(spec, result.to_json_dict())


def _finding(spec: ExpectationSpec, outcome: Mapping[str, Any]) -> Finding:
    raised = _raised(outcome.get("exception_info") or {})
    if raised is not None:
        hint = "look up the expectation's arguments in Great Expectations' gallery"
        return not_evaluated(spec.label, _columns_of(spec), spec.severity, raised, hint)
    result = outcome.get("result") or {}
    passed = bool(outcome["success"])
    failing = int(result.get("unexpected_count") or 0)
    return Finding(
        rule=spec.label,
        fields=_columns_of(spec),
        severity=spec.severity,
        passed=passed,
        checked=int(result.get("element_count") or 0),
        failing=failing or int(not passed),
        message=_message(spec, result, passed=passed),
        hint=None if passed else "correct the data, or the expectation in `quality`",
        samples=() if passed else _samples(spec, result),
    )


def _raised(info: Mapping[str, Any]) -> str | None:
    """The first line of what an expectation raised; the library nests it by metric."""
    if info.get("raised_exception"):
        return str(info.get("exception_message") or "it raised an exception").splitlines()[0]
    for nested in info.values():
        if isinstance(nested, Mapping) and (reason := _raised(nested)) is not None:
            return reason
    return None


def _message(spec: ExpectationSpec, result: Mapping[str, Any], *, passed: bool) -> str:
    asked = ", ".join(
        f"{name} {value!r}"
        for name, value in spec.arguments.items()
        if name not in COLUMN_ARGUMENTS
    )
    if "unexpected_count" in result:
        found = (
            f"{result['unexpected_count']:,} of {result.get('element_count', 0):,} values do not"
        )
    else:
        found = f"observed {json_value(_plain(result.get('observed_value')))!r}"
    return f"{'holds' if passed else 'does not hold'}: {found}" + (f" ({asked})" if asked else "")


def _samples(spec: ExpectationSpec, result: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    values = list(result.get("partial_unexpected_list") or [])[:SAMPLES_MAX]
    columns = _columns_of(spec)
    name = columns[0] if len(columns) == 1 else "values"
    return tuple({name: json_value(_plain(value))} for value in values)


def _plain(value: Any) -> Any:
    """A numpy scalar as the Python value that it holds."""
    return value.item() if hasattr(value, "item") else value


def _columns_of(spec: ExpectationSpec) -> tuple[str, ...]:
    named: list[str] = []
    for argument in COLUMN_ARGUMENTS:
        value = spec.arguments.get(argument)
        named += [value] if isinstance(value, str) else [str(v) for v in value or ()]
    return tuple(dict.fromkeys(named))


def _named_columns(expectations: Iterable[ExpectationSpec], present: Sequence[str]) -> list[str]:
    """The columns that any expectation names; all, if one judges the table as such."""
    wanted = [_columns_of(spec) for spec in expectations]
    if any(not columns for columns in wanted):
        return list(present)
    named = {column for columns in wanted for column in columns}
    return [column for column in present if column in named] or list(present[:1])


def _uncompressed_bytes(files: Sequence[str], columns: Sequence[str]) -> int:
    wanted, total = set(columns), 0
    for path in files:
        metadata = pq.read_metadata(path)
        for group in (metadata.row_group(i) for i in range(metadata.num_row_groups)):
            for column in (group.column(i) for i in range(group.num_columns)):
                if column.path_in_schema.split(".", 1)[0] in wanted:
                    total += column.total_uncompressed_size
    return total


def _too_large(spec: ExpectationSpec, needed: int, limit: int) -> Finding:
    why = (
        f"Great Expectations would need about {needed >> 20:,} MiB, "
        f"the limit is {limit >> 20:,} MiB"
    )
    hint = "write it as a contract rule, which is checked in bounded memory"
    return not_evaluated(spec.label, _columns_of(spec), spec.severity, why, hint)


def _unknown(spec: ExpectationSpec, known: Iterable[str]) -> Finding:
    near = difflib.get_close_matches(spec.expectation, list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else None
    why = f"Great Expectations has no {spec.expectation!r}"
    return not_evaluated(spec.label, _columns_of(spec), spec.severity, why, hint)


def _crashed(spec: ExpectationSpec, error: BaseException) -> Finding:
    reason = " ".join(str(error).split())[:REASON_MAX_CHARS] or "no reason given"
    why = f"{type(error).__name__}: {reason}"
    missing = isinstance(error, ImportError)
    hint = "install opendata with its extra: opendata[platform]" if missing else None
    return not_evaluated(spec.label, _columns_of(spec), spec.severity, why, hint)
