"""One generated SELECT that answers many questions in one scan, and what breaks it.

Here belongs the statement as such: questions are named groups of aggregates. When one of them
makes the statement fail, the others still get their answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataplatform.adapters.duckdb.session import FAILED, Session
from opendata.wire.errors import OpenDataError, Rejected


@dataclass(frozen=True)
class Question:
    """Aggregates over one table, such as `{"failing": "count(*) FILTER (…)"}`."""

    aggregates: Mapping[str, str]


Answer = dict[str, Any] | OpenDataError


def ask(session: Session, rows_sql: str, questions: Sequence[Question]) -> list[Answer]:
    """The answer to each question, in order; an error stands where a question has none.

    Raises nothing of the statement's own: an error is the answer of the questions it concerns.
    """
    if not questions:
        return []
    try:
        row = session.row(f"SELECT {', '.join(_selected(questions))} FROM {rows_sql}")
    except OpenDataError as error:
        if len(questions) == 1 or not _may_concern_one_only(error):
            return [error for _ in questions]
        middle = len(questions) // 2
        halves = questions[:middle], questions[middle:]
        return [answer for half in halves for answer in ask(session, rows_sql, half)]
    return [
        {alias: row[_alias(at, alias)] for alias in question.aggregates}
        for at, question in enumerate(questions)
    ]


def _selected(questions: Sequence[Question]) -> list[str]:
    return [
        f'{sql} AS "{_alias(at, alias)}"'
        for at, question in enumerate(questions)
        for alias, sql in question.aggregates.items()
    ]


def _alias(at: int, alias: str) -> str:
    return f"{at}.{alias}"


def _may_concern_one_only(error: OpenDataError) -> bool:
    """Out of time or memory, asking again would only cost the same again."""
    return isinstance(error, Rejected) and error.code == FAILED
