"""From an exception to a sentence, a hint and an exit code. The only place that does so.

The sentence and the hint go to standard error; with `--json` the error as an object goes to
standard output as well, so that programs need not read prose. No traceback is shown unless
`OPENDATA_DEBUG=1` asks for it.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from opendata.cli.cells import clean
from opendata.reading.suggest import did_you_mean
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Unavailable

DEBUG_VARIABLE = "OPENDATA_DEBUG"
INTERRUPTED = 130
FAULT = 1
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_MEMORY = (
    "Cannot allocate memory",
    "can't start new thread",
    "failed to map segment",
    "std::bad_alloc",
)


class UnknownCommand(InvalidInput):
    """`od` has no such command."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        hint = did_you_mean(name, known) or "od --help lists the commands"
        super().__init__(f"od has no command {name!r}", code="unknown_command", hint=hint)


class Fault(OpenDataError):
    """What od itself did wrong."""

    category = "fault"


def report_failure(error: BaseException, *, as_json: bool) -> int:
    """Tell what went wrong; returns the exit code."""
    if isinstance(error, click.exceptions.Abort):
        return _interrupted(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())  # who types the name alone wants to see what it has
        return 0
    told = _told(error)
    if as_json:
        body = {**told.to_json(), "exit_code": told.exit_code}
        click.echo(json.dumps({"error": body}, indent=2, ensure_ascii=False, default=str))
    if os.environ.get(DEBUG_VARIABLE, "") not in ("", "0"):
        traceback.print_exception(error, file=sys.stderr)
    _complain(told.message, told.hint)
    return told.exit_code


@contextmanager
def warnings_as_sentences() -> Iterator[None]:
    """Show what the SDK warns of as a sentence on standard error, without a line of its code."""
    with warnings.catch_warnings():
        shown_otherwise = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if category.__module__.partition(".")[0] == "opendata":
                click.echo(f"{click.style('warning:', fg='yellow')} {clean(message)}", err=True)
            else:
                shown_otherwise(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def _interrupted(error: BaseException) -> int:
    if isinstance(error.__cause__, EOFError):
        _complain("nobody is here to answer the question", "say --yes to go on without it")
        return InvalidInput.exit_code
    click.echo("interrupted", err=True)
    return INTERRUPTED


def _complain(message: str, hint: str | None) -> None:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {clean(message)}", err=True)
    if hint:
        click.echo(f"{click.style('hint:', fg='yellow')} {clean(hint)}", err=True)


def _told(error: BaseException) -> OpenDataError:
    """The error as one of ours."""
    if isinstance(error, OpenDataError):
        return error
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, OSError) and error.filename is not None:
        return _of_the_machine(error)
    return _out_of_memory(error) if is_out_of_memory(error) else _fault(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the system gave no more memory, be it for data, a thread or a library."""
    said = str(error)
    return isinstance(error, MemoryError) or any(sign in said for sign in _NO_MEMORY)


def _out_of_memory(error: BaseException) -> Unavailable:
    return Unavailable(
        f"the memory that this process may use does not suffice: {str(error) or 'none is left'}",
        code="out_of_memory",
        hint="end other programs or raise the limit (ulimit -v), then run the same command again",
    )


def _usage(error: click.ClickException) -> OpenDataError:
    hint = None
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"{error.ctx.command_path} --help"
    return InvalidInput(error.format_message(), code="usage", hint=hint)


def _of_the_machine(error: OSError) -> OpenDataError:
    message = f"{error.filename}: {error.strerror}"
    if isinstance(error, PermissionError):
        return Denied(message, code="file_rights")
    if isinstance(error, FileNotFoundError):
        return NotFound(message, code="missing_file")
    if isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError):
        return InvalidInput(message, code="wrong_file")
    hint = "free some space there, then try again" if error.errno in _NO_ROOM else None
    return Unavailable(message, code="file_system", hint=hint)


def _fault(error: BaseException) -> Fault:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return Fault(
        f"od did not expect this: {type(error).__name__}: {error}{where}",
        hint=f"run it again with {DEBUG_VARIABLE}=1 and report what it prints, with the command",
    )
