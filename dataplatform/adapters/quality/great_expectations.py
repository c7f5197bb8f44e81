"""Expectations by their own names, run by Great Expectations.

Here belongs asking the library: importing it when it is needed and not before (seconds, and with
some neighbours an end of the process), making an expectation from its arguments, and turning every
way in which that can go wrong into a finding that did not pass.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from dataplatform.adapters.quality.frame import TOO_LARGE, Files, open_files
from dataplatform.adapters.quality.judged import finding_of
from dataplatform.contracts.model import ExpectationSpec
from dataplatform.contracts.report import SAMPLES_MAX, Finding, not_evaluated
from opendata.reading.type_names import plain_type
from opendata.wire.errors import OpenDataError, Rejected

MEMORY_BYTES: Final = 1 << 30
_COLUMN_ARGUMENTS: Final = ("column", "column_A", "column_B", "column_list")
# They change how the library runs; conditions are evaluated as Python by pandas.
_REFUSED_ARGUMENTS: Final = (
    "row_condition", "condition_parser", "result_format", "catch_exceptions", "batch_id",
    "windows", "rendered_content", "id",
)  # fmt: skip
_ABOUT_COLUMNS: Final = ("expect_table_column", "expect_column_to_exist")
_RESULT_FORMAT: Final = {"result_format": "SUMMARY", "partial_unexpected_count": SAMPLES_MAX}


class GreatExpectations:
    """Runs expectations over Parquet files; implements `Expectations`.

    Args:
        memory_bytes: How much the columns of one expectation may take in pandas. Beyond it the
            expectation is refused, never sampled.
        setting: How the limit is called where a user can raise it.
    """

    def __init__(
        self,
        memory_bytes: int = MEMORY_BYTES,
        *,
        setting: str = "memory_bytes of GreatExpectations",
    ) -> None:
        self._memory_bytes = memory_bytes
        self._setting = setting

    def run(self, files: Sequence[str], expectations: Sequence[ExpectationSpec]) -> list[Finding]:
        """One finding per expectation, in order; what crashes has not passed.

        Raises:
            InvalidInput, NotFound, Corrupt: where the files cannot be read at all.
        """
        if not expectations:
            return []
        opened = open_files(files)
        try:
            library = _Library()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - however it fails, it did not pass
            return [_without_library(spec, error) for spec in expectations]
        return [self._judged(library, opened, spec) for spec in expectations]

    def _judged(self, library: _Library, files: Files, spec: ExpectationSpec) -> Finding:
        about_columns = spec.expectation.startswith(_ABOUT_COLUMNS)
        fields = () if about_columns else _columns_named(spec.arguments)
        try:
            if not about_columns:
                _check_columns(fields, files.schema)
                files.check_fits(fields, self._memory_bytes)
            expectation = library.expectation(spec, _typed_arguments(spec.arguments, files.schema))
            frame = files.empty_frame() if about_columns else files.frame(fields)
            answer = library.validate(expectation, frame)
            return finding_of(spec, fields, files.schema, answer, files.row_count)
        except OpenDataError as error:
            hint = self._limit_hint() if error.code == TOO_LARGE else error.hint
            return not_evaluated(spec.label, fields, spec.severity, error.message, hint)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - however it fails, it did not pass
            why = f"it crashed with {type(error).__name__}: {error}".partition("\n")[0]
            return not_evaluated(spec.label, fields, spec.severity, why)

    def _limit_hint(self) -> str:
        return (
            "write it as a rule of the contract, whose engine spills to disk, "
            f"or raise the limit ({self._setting})"
        )


class _Library:
    """Great Expectations, imported: an in-memory context without telemetry or progress bars."""

    def __init__(self) -> None:
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        import great_expectations
        from great_expectations.data_context.types.base import ProgressBarsConfig
        from great_expectations.expectations import registry

        self._registry = registry
        self._context = great_expectations.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._batches = 0

    def expectation(self, spec: ExpectationSpec, arguments: Mapping[str, Any]) -> Any:
        """The named expectation with its arguments.

        Raises:
            Rejected: for an unknown name, or arguments that it does not take.
        """
        known = self._registry.list_registered_expectation_implementations()
        if spec.expectation not in known:
            raise Rejected(
                f"Great Expectations has no {spec.expectation}",
                hint=_near(spec.expectation, known) or "see its gallery of expectations",
            )
        implementation = self._registry.get_expectation_impl(spec.expectation)
        _check_arguments(spec, implementation)
        try:
            return implementation(**arguments)
        except ValueError as error:  # a validation error of its own, or a refusal in words
            raise Rejected(
                f"its arguments do not fit: {' '.join(str(error).split())}",
                hint=f"compare them with the documentation of {spec.expectation}",
            ) from error

    def validate(self, expectation: Any, frame: Any) -> Any:
        """The library's own result."""
        self._batches += 1
        source = self._context.data_sources.add_pandas(f"candidate {self._batches}")
        definition = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
        batch = definition.get_batch({"dataframe": frame})
        return batch.validate(expectation, result_format=dict(_RESULT_FORMAT))


def _check_arguments(spec: ExpectationSpec, implementation: Any) -> None:
    taken = set(implementation.__fields__) - set(_REFUSED_ARGUMENTS)
    for argument in spec.arguments:
        if argument in _REFUSED_ARGUMENTS:
            raise Rejected(
                f"{argument!r} is not available here",
                hint="conditions over rows belong in a rule of kind cross_field or custom",
            )
        if argument not in taken:
            hint = _near(argument, taken) or f"it takes {', '.join(sorted(taken))}"
            raise Rejected(f"it has no argument {argument!r}", hint=hint)


def _columns_named(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    named: list[str] = []
    for argument in _COLUMN_ARGUMENTS:
        value = arguments.get(argument, [])
        named += [value] if isinstance(value, str) else [str(column) for column in value or []]
    return tuple(dict.fromkeys(named))


def _check_columns(fields: Sequence[str], schema: pa.Schema) -> None:
    for field in fields:
        if field not in schema.names:
            hint = _near(field, schema.names) or f"columns are {', '.join(schema.names)}"
            raise Rejected(f"the table has no column {field!r}", hint=hint)


def _typed_arguments(arguments: Mapping[str, Any], schema: pa.Schema) -> dict[str, Any]:
    """Arguments in the type of the column, since YAML writes times as text."""
    column = arguments.get("column")
    if not isinstance(column, str) or column not in schema.names:
        return dict(arguments)
    kind = plain_type(schema.field(column).type)
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        return dict(arguments)
    zoned = pa.types.is_timestamp(kind) and kind.tz is not None
    typed = dict(arguments)
    for argument in ("min_value", "max_value"):
        if isinstance(arguments.get(argument), str):
            typed[argument] = _moment(arguments[argument], zoned=zoned)
    if isinstance(arguments.get("value_set"), list):
        typed["value_set"] = [_moment(value, zoned=zoned) for value in arguments["value_set"]]
    return typed


def _moment(value: Any, *, zoned: bool) -> Any:
    if not isinstance(value, str):
        return value
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise Rejected(f"{value!r} is no date or time", hint="write 2024-12-31") from error
    if zoned:
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def _near(written: str, known: Iterable[str]) -> str | None:
    near = difflib.get_close_matches(written, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else None


def _without_library(spec: ExpectationSpec, error: BaseException) -> Finding:
    fields = _columns_named(spec.arguments)
    why = f"Great Expectations cannot be imported: {type(error).__name__}: {error}"
    hint = "pip install 'opendata[platform]'"
    return not_evaluated(spec.label, fields, spec.severity, why, hint)
