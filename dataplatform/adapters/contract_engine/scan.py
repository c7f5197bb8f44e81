"""The one pass over a table: every column measured, every condition counted.

Here belongs what is asked and how answers come together. What is cheap to rule out is not counted:
bounds that a pass measures anyway tell that no value lies beyond a range, and only where some may
is a second pass asked how many do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dataplatform.adapters.contract_engine.by_shard import ByShard
from dataplatform.adapters.contract_engine.measure import (
    column_profile,
    column_question,
    quick_question,
    row_count_question,
)
from dataplatform.adapters.contract_engine.one_pass import Answer, Question, ask
from dataplatform.adapters.contract_engine.row_rules import RowRule
from dataplatform.adapters.duckdb.dictionaries import few_valued_columns
from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.contracts.profile import ColumnProfile
from dataplatform.contracts.report import Finding, not_evaluated
from dataplatform.contracts.rules import Severity
from opendata.wire.errors import OpenDataError


@dataclass(frozen=True)
class Scan:
    """What the pass answered; `told_apart` are fields that no two rows have in common."""

    rows: int
    columns: dict[str, ColumnProfile]
    errors: dict[str, OpenDataError]
    counts: dict[RowRule, Answer]
    told_apart: frozenset[tuple[str, ...]] = frozenset()

    def unread(self, table: Table, structure: Sequence[Finding]) -> Iterator[Finding]:
        """A finding for each column that could not be measured and is not told of yet."""
        told = {field for finding in structure if not finding.passed for field in finding.fields}
        for column, error in self.errors.items():
            why = f"column {column!r} cannot be read: {error.message}"
            yield not_evaluated(f"field({column})", (column,), Severity.ERROR, why, error.hint)
        for column, why in table.unreadable.items():
            if column not in told:
                yield not_evaluated(f"field({column})", (column,), Severity.ERROR, why)


def scan_table(
    session: Session,
    table: Table,
    conditions: Sequence[RowRule],
    distinct: Mapping[str, int] | None = None,
) -> Scan:
    """Ask everything that one pass can answer, and a second one what the first left open.

    Args:
        distinct: Different values of columns, where another pass has counted them.

    Raises:
        Rejected, Unavailable: where not even the rows can be counted.
    """
    columns, known = table.columns, distinct or {}
    questions = [row_count_question()]
    few = few_valued_columns(table.files)
    questions += [quick_question(column, table, known, few) for column in columns]
    questions += [_doubt(condition) for condition in conditions]
    total, *answers = ask(session, table.rows_sql, questions)
    if isinstance(total, OpenDataError):
        raise total
    measured = dict(zip(columns, answers, strict=False))
    counts = dict(zip(conditions, answers[len(columns) :], strict=True))
    _settle(session, table, measured, counts)
    return Scan(
        rows=total["rows"],
        columns={
            column: column_profile(column, table, answer, known.get(column))
            for column, answer in measured.items()
            if not isinstance(answer, OpenDataError)
        },
        errors={c: a for c, a in measured.items() if isinstance(a, OpenDataError)},
        counts=counts,
    )


def scan_of(parts: ByShard, conditions: Sequence[RowRule]) -> Scan:
    """The same from shards that add up."""
    counts: dict[RowRule, Answer] = {
        condition: {"checked": checked, "failing": failing}
        for condition, (checked, failing) in zip(conditions, parts.counts, strict=True)
    }
    return Scan(parts.rows, parts.columns, {}, counts, parts.told_apart)


def _doubt(condition: RowRule) -> Question:
    """Whether any row may break a condition, where that is cheap; else how many do."""
    if condition.may_break is None:
        return _count(condition)
    return Question({"checked": condition.looks_at, "doubt": condition.may_break})


def _count(condition: RowRule) -> Question:
    failing = f"count(*) FILTER (WHERE {condition.breaks})"
    return Question({"checked": condition.looks_at, "failing": failing})


def _settle(
    session: Session,
    table: Table,
    measured: dict[str, Answer],
    counts: dict[RowRule, Answer],
) -> None:
    """Ask again, in one more pass, what the first look could not settle."""
    columns = [c for c, answer in measured.items() if _is_unsettled(c, table, answer)]
    doubted: list[RowRule] = []
    for condition, answer in counts.items():
        if isinstance(answer, OpenDataError) or "doubt" not in answer:
            continue
        if answer.pop("doubt"):
            doubted.append(condition)
        else:
            answer["failing"] = 0
    questions = [_finite(column, table) for column in columns] + [_count(one) for one in doubted]
    answers = ask(session, table.rows_sql, questions)
    for column, answer in zip(columns, answers, strict=False):
        measured[column] = _both(measured[column], answer)
    for condition, answer in zip(doubted, answers[len(columns) :], strict=True):
        counts[condition] = answer


def _is_unsettled(column: str, table: Table, answer: Answer) -> bool:
    """Whether there are NaN or infinities, which a profile leaves out."""
    if isinstance(answer, OpenDataError) or not pa.types.is_floating(table.type_of(column)):
        return False
    bounds: list[Any] = [answer.get("min"), answer.get("max")]
    return any(bound is not None and not math.isfinite(bound) for bound in bounds)


def _finite(column: str, table: Table) -> Question:
    asked = dict(column_question(column, table).aggregates)
    asked.pop("distinct", None)
    return Question(asked)


def _both(first: Answer, second: Answer) -> Answer:
    if isinstance(first, OpenDataError) or isinstance(second, OpenDataError):
        return second
    return {**first, **second}
