"""Rules that are SQL of the contract's own, evaluated in a process that can be ended.

Here belongs the outside of `guarded`: starting it, its deadline, and the findings. A rule whose
process dies is a rule that did not pass; it takes no other rule with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Final

from dataplatform.adapters.contract_engine.guarded import Job, Outcome, UserRule, place_file
from dataplatform.adapters.duckdb.session import Limits
from dataplatform.adapters.duckdb.table import Table
from dataplatform.contracts.model import CrossFieldRule, CustomRule
from dataplatform.contracts.report import Finding, not_evaluated
from opendata.wire.codec import read_wire
from opendata.wire.words import counted

START_SECONDS: Final = 30
REASON_MAX_CHARS: Final = 300
SqlRule = CrossFieldRule | CustomRule


def user_findings(
    table: Table, rules: Sequence[SqlRule], identity: Sequence[str], rows: int, limits: Limits
) -> list[Finding]:
    """One finding per rule, in order; `limits` bound each of their statements."""
    if not rules:
        return []
    asked = [
        UserRule(at=at, is_query=isinstance(rule, CustomRule), sql=_sql(rule))
        for at, rule in enumerate(rules)
    ]
    outcomes = {outcome.at: outcome for outcome in _outcomes(table, asked, identity, limits)}
    return [finding_of(table, rule, outcomes[at], rows) for at, rule in enumerate(rules)]


def broken_places(
    table: Table, rules: Mapping[int, CrossFieldRule], rows: int, limits: Limits, folder: str
) -> Iterator[tuple[int, Outcome, str]]:
    """For each rule that takes rows out: its position, how the rows fared, and a file of places.

    A rule that could not be judged, or finds more rows than it may take, is not among them.
    """
    asked = [
        UserRule(at=at, is_query=False, sql=rule.expr, places_max=rule.may_take_out(rows))
        for at, rule in rules.items()
    ]
    for outcome in _outcomes(table, asked, table.place, limits, folder) if asked else ():
        path = place_file(folder, outcome.at)
        if outcome.error is None and os.path.exists(path):
            yield outcome.at, outcome, path


def _outcomes(
    table: Table,
    rules: Sequence[UserRule],
    identity: Sequence[str],
    limits: Limits,
    places: str | None = None,
) -> Iterator[Outcome]:
    answered: set[int] = set()
    job = _job(table, rules, identity, limits, places)
    reason = ""
    with tempfile.TemporaryFile() as errors, _Evaluation(job, errors) as evaluation:
        for outcome in evaluation.outcomes():
            answered.add(outcome.at)
            yield outcome
        reason = evaluation.end_reason()
    left = [rule for rule in rules if rule.at not in answered]
    if len(rules) == 1 and left:
        hint = "make it cheaper: fewer rows, no function that builds long lists or texts"
        yield Outcome(at=left[0].at, error=reason, hint=hint)
        return
    # Which of several rules ended the process shows when each has one of its own.
    for rule in left:
        yield from _outcomes(table, [rule], identity, limits, places)


class _Evaluation:
    """A running evaluation; leaving the context ends its process in any case."""

    def __init__(self, job: Job, errors: IO[bytes]) -> None:
        self._job = job
        self._errors = errors
        self._overdue = False
        with tempfile.TemporaryFile() as asked:
            asked.write(job.to_bytes())
            asked.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dataplatform.adapters.contract_engine.guarded"],
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_bare_environment(),
            )

    def __enter__(self) -> _Evaluation:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def outcomes(self) -> Iterator[Outcome]:
        """What the process answers, until it is done, dies, or is overdue."""
        seconds = START_SECONDS + self._job.seconds * (2 * len(self._job.rules) + 2)
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            for line in self._process.stdout or ():
                yield read_wire(Outcome, line, "the outcome of a rule")
        finally:
            timer.cancel()

    def end_reason(self) -> str:
        """Why there are no more outcomes, for the rules that have none."""
        code = self._process.wait()
        if self._overdue:
            return f"ended: it did not stop within {self._job.seconds:g} s"
        self._errors.seek(0)
        errors = self._errors.read().decode(errors="replace").strip()
        if code < 0 or "MemoryError" in errors or "bad_alloc" in errors:
            return "ended: it used more memory or time than a rule may"
        return f"ended with an error: {errors.rpartition(chr(10))[2][:REASON_MAX_CHARS]}"

    def _end(self) -> None:
        self._overdue = True
        self._process.kill()


def _job(
    table: Table,
    rules: Sequence[UserRule],
    identity: Sequence[str],
    limits: Limits,
    places: str | None,
) -> Job:
    return Job(
        files=table.files,
        data_sql=table.data_sql,
        rows_sql=table.user_rows_sql,
        columns=table.columns,
        identity=tuple(identity),
        rules=tuple(rules),
        memory_bytes=limits.memory_bytes,
        threads=limits.threads,
        seconds=limits.statement_seconds,
        spill_folder=limits.spill_folder,
        places=places,
    )


def _bare_environment() -> dict[str, str]:
    """Nothing but where to find code and scratch: no keys, no credentials."""
    kept = {name: os.environ[name] for name in ("TMPDIR", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _sql(rule: SqlRule) -> str:
    return rule.sql if isinstance(rule, CustomRule) else rule.expr


def finding_of(table: Table, rule: SqlRule, outcome: Outcome, rows: int) -> Finding:
    """The finding of a rule that is SQL, from how the rows fared."""
    if outcome.error is not None:
        return not_evaluated(rule.label, outcome.fields, rule.severity, outcome.error, outcome.hint)
    checked = rows if isinstance(rule, CustomRule) else outcome.checked
    broken = outcome.failing > 0
    return Finding(
        rule=rule.label,
        fields=outcome.fields,
        severity=rule.severity,
        passed=not broken,
        checked=checked,
        failing=outcome.failing,
        message=_message(rule, outcome, checked),
        hint="correct these rows, or the rule" if broken else None,
        samples=tuple(_with_file_name(table, sample) for sample in outcome.samples),
    )


def _message(rule: SqlRule, outcome: Outcome, checked: int) -> str:
    if isinstance(rule, CustomRule):
        return f"the query returns {counted(outcome.failing, 'row')}"
    if outcome.failing:
        return f"{outcome.failing:,} of {counted(checked, 'row')} against {rule.expr}"
    return f"{counted(checked, 'row')} judged, all of them keep it"


def _with_file_name(table: Table, sample: dict[str, Any]) -> dict[str, Any]:
    at = sample.get("#file")
    if not isinstance(at, int):
        return sample
    return {**sample, "#file": os.path.basename(table.files[at])}
