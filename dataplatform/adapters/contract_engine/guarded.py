"""The process in which a contract's own SQL runs: little memory, few rights, and an end.

Here belongs the inside: one JSON job on stdin, one JSON line per rule on stdout. A single function
call such as `range(1e9)` heeds neither the engine's memory limit nor an interrupt, so the operating
system bounds the process and `user_rules` ends it. It sees no environment but its paths.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.contract_engine.one_pass import Answer, Question, ask
from dataplatform.adapters.contract_engine.user_sql import (
    DATA,
    checked_query,
    expression_columns,
)
from dataplatform.adapters.duckdb.session import (
    OUT_OF_MEMORY,
    TIMED_OUT,
    Limits,
    Session,
    locked_session,
)
from dataplatform.adapters.duckdb.text import names
from dataplatform.contracts.report import SAMPLES_MAX, json_value
from opendata.wire.codec import Wire, read_wire
from opendata.wire.errors import InvalidInput, OpenDataError

HEADROOM_BYTES: Final = 1 << 30


class UserRule(Wire):
    """One rule of the contract that is SQL: an expression, or a query.

    Where no more rows than `places_max` break an expression, their places are written down too.
    """

    at: int
    is_query: bool
    sql: str
    places_max: int = 0


class Job(Wire):
    """What to read, what to ask, and how much that may cost. `identity` names a row.

    `places` is the folder for the places of rows that break expressions, see `place_file`.
    """

    files: tuple[str, ...]
    data_sql: str
    rows_sql: str
    columns: tuple[str, ...]
    identity: tuple[str, ...]
    rules: tuple[UserRule, ...]
    memory_bytes: int
    threads: int
    seconds: float
    spill_folder: str | None
    places: str | None = None


class Outcome(Wire):
    """How the rows fared under one rule; `error` says why they were not judged."""

    at: int
    fields: tuple[str, ...] = ()
    checked: int = 0
    failing: int = 0
    samples: tuple[dict[str, Any], ...] = ()
    error: str | None = None
    hint: str | None = None


def evaluate(job: Job) -> Iterator[Outcome]:
    """Each rule's outcome, as soon as it is known."""
    limits = Limits(job.memory_bytes, job.threads, job.seconds, job.spill_folder)
    with locked_session(job.files, limits) as session:
        session.execute(f"CREATE VIEW {DATA} AS {job.data_sql}")
        yield from _expressions(session, job, [rule for rule in job.rules if not rule.is_query])
        for rule in job.rules:
            if rule.is_query:
                yield _query(session, rule)


def _expressions(session: Session, job: Job, rules: Sequence[UserRule]) -> Iterator[Outcome]:
    """All expressions in one pass; what does not even bind is answered beforehand."""
    sound: list[tuple[UserRule, list[str]]] = []
    for rule in rules:
        try:
            used = {column.casefold() for column in expression_columns(session, rule.sql)}
            _check_boolean(session, rule.sql)
            sound.append((rule, [column for column in job.columns if column.casefold() in used]))
        except OpenDataError as error:
            yield _failed(rule, error)
    questions = [_question(rule.sql) for rule, _ in sound]
    for (rule, fields), answer in zip(sound, _answers(session, job, questions), strict=True):
        if isinstance(answer, OpenDataError):
            yield _failed(rule, answer)
        else:
            yield _counted(session, job, rule, fields, answer)


def _check_boolean(session: Session, sql: str) -> None:
    kind = session.schema(f"SELECT ({sql}\n) FROM {DATA} LIMIT 0").field(0).type
    if not pa.types.is_boolean(kind) and not pa.types.is_null(kind):
        raise InvalidInput(
            f"the expression gives {kind}, not true or false",
            hint="compare it with something, such as `a + b <= 100`",
        )


def place_file(folder: str, at: int) -> str:
    """Where the places (`#file`, `#row`) of the rows that break a rule are written."""
    return os.path.join(folder, f"{at}.parquet")


def _question(sql: str) -> Question:
    return Question(
        {
            "checked": f"count(({sql}\n))",
            "failing": f"count(*) FILTER (WHERE NOT ({sql}\n))",
        }
    )


def _answers(session: Session, job: Job, questions: Sequence[Question]) -> list[Answer]:
    answers = ask(session, job.rows_sql, questions)
    if len(questions) < 2:
        return answers
    # One greedy expression spoils the pass for all, so then each is asked alone.
    return [
        ask(session, job.rows_sql, [question])[0] if _is_greedy(answer) else answer
        for question, answer in zip(questions, answers, strict=True)
    ]


def _is_greedy(answer: Answer) -> bool:
    return isinstance(answer, OpenDataError) and answer.code in (TIMED_OUT, OUT_OF_MEMORY)


def _counted(
    session: Session, job: Job, rule: UserRule, fields: list[str], answer: dict[str, Any]
) -> Outcome:
    samples: list[dict[str, Any]] = []
    if answer["failing"]:
        shown = names(dict.fromkeys([*job.identity, *fields]))
        sql = f"SELECT {shown} FROM {job.rows_sql} WHERE NOT ({rule.sql}\n) LIMIT {SAMPLES_MAX}"
        try:
            samples = session.rows(sql)
            if job.places and answer["failing"] <= rule.places_max:
                broken = f'SELECT "#file", "#row" FROM {job.rows_sql} WHERE NOT ({rule.sql}\n)'
                pq.write_table(session.table(broken), place_file(job.places, rule.at))
        except OpenDataError as error:
            return _failed(rule, error)
    return Outcome(
        at=rule.at,
        fields=tuple(fields),
        checked=answer["checked"],
        failing=answer["failing"],
        samples=_shown(samples),
    )


def _query(session: Session, rule: UserRule) -> Outcome:
    try:
        query = checked_query(session, rule.sql)
        failing = session.row(f"SELECT count(*) AS n FROM {query}")["n"]
        rows = session.rows(f"SELECT * FROM {query} LIMIT {SAMPLES_MAX}") if failing else []
    except OpenDataError as error:
        return _failed(rule, error)
    return Outcome(at=rule.at, failing=failing, samples=_shown(rows))


def _shown(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(json_value(row) for row in rows)


def _failed(rule: UserRule, error: OpenDataError) -> Outcome:
    return Outcome(at=rule.at, error=error.message, hint=error.hint)


def bound_process(job: Job) -> None:
    """Have the operating system end this process before it harms others."""
    memory = job.memory_bytes + HEADROOM_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    seconds = int(job.threads * job.seconds * (2 * len(job.rules) + 2)) + 60
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(asked: TextIO, answered: TextIO) -> None:
    """Serve one job."""
    job = read_wire(Job, asked.read().encode(), "the job")
    bound_process(job)
    for outcome in evaluate(job):
        answered.write(json.dumps(outcome.to_json()) + "\n")
        answered.flush()


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
