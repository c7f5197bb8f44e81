"""Measuring a table: the questions whose answers make a profile.

Here belongs what is asked of each column and how the answers are read. All questions are asked in
the one pass; exact counts over several fields are extra, for thresholds that need them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from dataplatform.adapters.contract_engine.one_pass import Question
from dataplatform.adapters.duckdb.repetition import find_repetition
from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name
from dataplatform.contracts.model import Metric, MetricThreshold
from dataplatform.contracts.profile import ColumnProfile, FieldsFact, Profile
from dataplatform.contracts.values import is_number, is_ordered, is_text

TEXT_PREFIX: Final = 100


def row_count_question() -> Question:
    """How many rows there are."""
    return Question({"rows": "count(*)"})


def column_question(column: str, table: Table) -> Question:
    """Everything a profile tells of one column."""
    kind, sql = table.type_of(column), name(column)
    asked = {"nulls": f"count(*) - count({sql})"}
    if column in table.inexact or pa.types.is_nested(kind) or pa.types.is_null(kind):
        return Question(asked)
    asked["distinct"] = f"approx_count_distinct({sql})"
    if pa.types.is_floating(kind):
        asked["nans"] = f"count(*) FILTER (WHERE isnan({sql}))"
    finite = f" FILTER (WHERE isfinite({sql}))" if pa.types.is_floating(kind) else ""
    if is_number(kind):
        asked["mean"] = f"avg({sql}){finite}"
    if is_ordered(kind) or pa.types.is_boolean(kind):
        asked["min"], asked["max"] = f"min({sql}){finite}", f"max({sql}){finite}"
    if is_text(kind):
        # A profile is no place for long texts.
        asked |= {end: f"left({asked[end]}, {TEXT_PREFIX})" for end in ("min", "max")}
    return Question(asked)


def quick_question(
    column: str, table: Table, distinct: Collection[str], few_valued: Collection[str]
) -> Question:
    """The same at less cost, for values that turn out to be finite.

    Args:
        distinct: Columns whose different values need not be asked for.
        few_valued: Columns of which an exact count costs less than an estimate.
    """
    kind, sql = table.type_of(column), name(column)
    asked = dict(column_question(column, table).aggregates)
    if column in distinct or pa.types.is_boolean(kind):
        asked.pop("distinct", None)
    elif "distinct" in asked and column in few_valued:
        asked["distinct"] = f"count(DISTINCT {sql})"
    if pa.types.is_floating(kind) and asked.pop("nans", None):
        asked |= {"mean": f"avg({sql})", "min": f"min({sql})", "max": f"max({sql})"}
    return Question(asked)


def column_profile(
    column: str, table: Table, answer: Mapping[str, Any], distinct: int | None = None
) -> ColumnProfile:
    """A column's profile from the answer to its question, and its different values if known."""
    mean = answer.get("mean")
    if distinct is None and pa.types.is_boolean(table.type_of(column)):
        distinct = len({answer.get("min"), answer.get("max")} - {None})
    return ColumnProfile(
        null_count=answer["nulls"],
        nan_count=answer.get("nans", 0),
        distinct_estimate=answer.get("distinct", distinct),
        min=table.json_cell(column, answer.get("min")),
        max=table.json_cell(column, answer.get("max")),
        mean=mean if mean is not None and math.isfinite(mean) else None,
    )


def profile_of(
    rows: int,
    columns: Mapping[str, ColumnProfile],
    time: str | None,
    facts: Sequence[FieldsFact] = (),
) -> Profile:
    """The profile of a table; the reach of the time column is that column's."""
    of_time = columns.get(time) if time else None
    return Profile(
        row_count=rows,
        columns=dict(columns),
        time_min=_text(of_time.min) if of_time else None,
        time_max=_text(of_time.max) if of_time else None,
        facts=tuple(facts),
    )


def exact_facts(
    session: Session, table: Table, thresholds: Sequence[MetricThreshold]
) -> Iterator[FieldsFact]:
    """The counts that thresholds need and column profiles cannot give.

    Raises:
        Rejected: where they cannot be counted within the limits.
    """
    asked: dict[tuple[str, ...], bool] = {}
    for threshold in thresholds:
        known = set(threshold.fields) <= set(table.columns)
        if known and threshold.metric in (Metric.COMPLETENESS, Metric.UNIQUENESS):
            unique = threshold.metric is Metric.UNIQUENESS
            asked[threshold.fields] = asked.get(threshold.fields, False) or unique
    for fields, distinct in asked.items():
        yield _fact(session, table, fields, distinct and table.inexact.keys().isdisjoint(fields))


def _fact(session: Session, table: Table, fields: tuple[str, ...], distinct: bool) -> FieldsFact:
    if distinct:
        repetition = find_repetition(session, table, fields)
        # Each value that repeats is one value and all of its rows.
        once = repetition.present - repetition.rows + repetition.groups
        return FieldsFact(fields=fields, complete_rows=repetition.present, distinct_rows=once)
    complete = " AND ".join(f"{name(field)} IS NOT NULL" for field in fields or table.columns)
    rows = session.row(f"SELECT count(*) FILTER (WHERE {complete}) AS n FROM {table.rows_sql}")["n"]
    return FieldsFact(fields=fields, complete_rows=rows)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
