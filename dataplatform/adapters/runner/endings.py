"""How a run ended, judged from what is known when the process is gone: an error, or none.

Here belongs that judgement and the sentences in which people read it. It starts nothing, waits
for nothing, and needs no process to be tested.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dataplatform.datasets.producing import ProduceRequest
from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable
from opendata.wire.errors import OpenDataError

_MESSAGE_MAX_CHARS = 500
_FRAMES_MAX = 10
#: What main.py did wrong by itself, whatever its source answered: no row was ever parsed.
_OF_THE_PRODUCER = frozenset(
    {
        "AttributeError", "EOFError", "ImportError", "IndentationError", "MemoryError",
        "ModuleNotFoundError", "NameError", "NoRows", "NotImplementedError", "RecursionError",
        "SyntaxError", "SystemExit", "TabError", "UnboundLocalError",
    }
)  # fmt: skip
_CRASH_LINE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


@dataclass(frozen=True)
class Ending:
    """The facts.

    Args:
        status: The worker's wait status; None where nobody was left to tell it.
        reports: The last message of each kind that main.py's process sent (done, failure, stopped).
        row_count: Rows that arrived.
        stream_problem: Why the rows could not be read to their end.
        last_lines: The end of the log, redacted.
    """

    status: int | None
    timed_out: bool = False
    reports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    row_count: int = 0
    stream_problem: str | None = None
    last_lines: Sequence[str] = ()


@dataclass(frozen=True)
class _Problem:
    failure_class: FailureClass
    what: str
    file: str | None = None
    line: int | None = None
    hint: str | None = None
    kind: str | None = None
    """How the sentence calls it where the class alone would mislead."""


def error_of(ending: Ending, request: ProduceRequest) -> OpenDataError | None:
    """The one error that explains an ending, or None for a run that delivered."""
    problem = _problem_of(ending, request)
    if problem is None:
        return None
    where = _place(problem, request)
    message = f"{problem.kind or problem.failure_class} failure in {where}: {problem.what}"
    hint = problem.hint or f"{_advice(ending)}, then try again: od run {request.id} --dry-run"
    details = {
        "class": problem.failure_class.value,
        "file": where.partition(":")[0],
        "line": problem.line,
        "log": list(ending.last_lines),
    }
    if problem.failure_class is FailureClass.NETWORK:
        return SourceUnavailable(message, hint=hint, details=details)
    return ProducerFailed(message, failure_class=problem.failure_class, hint=hint, details=details)


def _advice(ending: Ending) -> str:
    """Where to look; a process that ended without a word has left no log to see."""
    spoke = ending.last_lines or "traceback" in ending.reports.get("failure", {})
    return "see its log above" if spoke else "it said nothing: let it log its steps (context.log)"


def producer_frames(trace: str, main_path: str) -> list[str]:
    """The lines of a traceback that stand beside main.py, each as `file:line: code`."""
    folder = os.path.dirname(os.path.abspath(main_path)) + os.sep
    lines = trace.splitlines()
    frames = []
    for line, code in zip(lines, [*lines[1:], ""], strict=True):
        found = _CRASH_LINE.search(line)
        if found and found["file"].startswith(folder):
            text = "" if _CRASH_LINE.search(code) else code.strip()
            frames.append(f"{shown_place(found['file'], int(found['line']))}: {text}")
    return frames[-_FRAMES_MAX:]


def shown_place(path: str, line: int | None) -> str:
    """`producers/ns/name/main.py:31`: from the working folder, where the file is below it."""
    relative = os.path.relpath(path)
    shown = path if relative.startswith(os.pardir) else relative
    return f"{shown}:{line}" if line else shown


def _problem_of(ending: Ending, request: ProduceRequest) -> _Problem | None:
    if ending.timed_out:
        return _timed_out(ending, request)
    if "failure" in ending.reports:
        return _reported(ending.reports["failure"])
    if ending.stream_problem is not None:
        return _Problem(
            FailureClass.PARSE,
            "something other than its tables was written to the descriptor they take "
            f"({ending.stream_problem})",
            hint="print to standard output only, and leave other descriptors alone",
        )
    done = ending.reports.get("done")
    if done is None:
        return _ended_early(ending)
    if done.get("rows") != ending.row_count:
        return _Problem(
            FailureClass.PARSE,
            f"{done.get('rows')} rows were sent and {ending.row_count} arrived",
        )
    return None


def _timed_out(ending: Ending, request: ProduceRequest) -> _Problem:
    stopped = ending.reports.get("stopped", {})
    return _Problem(
        FailureClass.NETWORK,
        f"did not finish within {_duration(request.timeout_seconds)} and was stopped",
        file=stopped.get("file"),
        line=stopped.get("line"),
        hint="ask for a shorter interval, or set a longer `timeout:` in opendata.yaml: "
        f"od run {request.id} --dry-run",
    )


def _reported(report: Mapping[str, Any]) -> _Problem:
    text = " ".join(str(report.get("message") or "").split())[:_MESSAGE_MAX_CHARS]
    secret = report.get("secret")
    if secret:
        text = f"the environment variable {secret} is not set"
    elif not report.get("speaks_for_itself"):
        text = f"{report.get('error')}: {text}" if text else str(report.get("error"))
    hint = report.get("hint")
    if secret:
        hint = f"list {secret} under `secrets:` in opendata.yaml, and: export {secret}=…"
    elif report.get("error") == "ModuleNotFoundError":
        hint = 'name its package on top of main.py: # /// script, # dependencies = ["…"], # ///'
    known = report.get("class") in set(FailureClass)
    return _Problem(
        FailureClass(report["class"]) if known else FailureClass.PARSE,
        text,
        file=report.get("file"),
        line=report.get("line"),
        hint=hint,
        kind=_kind(report),
    )


def _kind(report: Mapping[str, Any]) -> str | None:
    own_fault = report.get("error") in _OF_THE_PRODUCER
    return "producer" if own_fault and report.get("class") == FailureClass.PARSE else None


def _ended_early(ending: Ending) -> _Problem:
    status = ending.status
    file, line = _crash_place(ending.last_lines)
    if status is None or os.WIFSIGNALED(status):
        number = signal.SIGKILL if status is None else os.WTERMSIG(status)
        name = signal.Signals(number).name
        why = ": most often the machine ran out of memory" if number == signal.SIGKILL else ""
        what = f"its process was ended by {name}{why}"
        hint = "yield the table in parts instead of building it whole" if why else None
        return _Problem(FailureClass.PARSE, what, file, line, hint, kind="producer")
    code = os.waitstatus_to_exitcode(status)
    last = next((f" ({text})" for text in reversed(ending.last_lines) if code and text), "")
    what = f"its process exited with code {code} before produce had returned{last}"
    return _Problem(FailureClass.PARSE, what, file, line, kind="producer")


def _crash_place(lines: Sequence[str]) -> tuple[str | None, int | None]:
    """The line of main.py in the stack that Python prints when native code crashes."""
    for match in map(_CRASH_LINE.search, lines):
        if match and os.path.basename(match["file"]) == "main.py":
            return match["file"], int(match["line"])
    return None, None


def _place(problem: _Problem, request: ProduceRequest) -> str:
    path = request.main_path
    folder = os.path.dirname(os.path.abspath(path))
    if problem.file and problem.file != os.path.abspath(path):
        path = os.path.join(os.path.dirname(path), os.path.relpath(problem.file, folder))
    return shown_place(path, problem.line)


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:g} s"
