"""The one sink of all commands: results to standard output, everything else to standard error.

Three ways to speak: to people (tables, sentences, progress), to programs (`--json`: one document),
or hardly at all (`--quiet`: bare names, one a line). Commands say what they have; how it looks is
decided here.
"""

from __future__ import annotations

import functools
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import click

from opendata.cli.cells import clean, plain
from opendata.cli.table import render
from opendata.wire.words import counted

R = TypeVar("R")


class Mode(StrEnum):
    """Whom the output is for."""

    HUMAN = "human"
    JSON = "json"
    QUIET = "quiet"


class Output:
    """Where commands say what they have to say."""

    def __init__(self, mode: Mode = Mode.HUMAN) -> None:
        self.mode = mode
        self.verbose = False
        self._steps: Steps | None = None

    # --- results, on standard output -----------------------------------------------

    def result(self, value: Any, human: Callable[[], object], quiet: Iterable[object] = ()) -> None:
        """The command's result: a document for programs, `human` for people, or bare names."""
        if self.mode is Mode.JSON:
            click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))
        elif self.mode is Mode.QUIET:
            for item in quiet:
                click.echo(clean(item))
        else:
            human()

    def line(self, text: object = "", **style: Any) -> None:
        """A line for people."""
        if self.mode is Mode.HUMAN:
            click.echo(click.style(clean(text), **style) if style else clean(text))

    def facts(self, facts: Iterable[tuple[str, object]]) -> None:
        """Names and values, aligned; what has no value is left out."""
        told = [(name, value) for name, value in facts if value not in (None, "", [], ())]
        wide = max((len(name) for name, _ in told), default=0)
        for name, value in told:
            if self.mode is Mode.HUMAN:
                click.echo(f"{click.style(name.ljust(wide), dim=True)}  {clean(value)}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Rows under a header, cut to the terminal where there is one."""
        if self.mode is not Mode.HUMAN:
            return
        room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        drawn = render(columns, rows, room)
        click.echo(click.style(drawn.header, bold=True))
        for line in drawn.lines:
            click.echo(line)
        if drawn.left_out:
            left_out = counted(drawn.left_out, "more column")
            self.note(f"no room for {left_out}; a pipe shows all of them")

    # --- everything else, on standard error ------------------------------------------

    def note(self, text: object) -> None:
        """Something worth knowing that is not the result."""
        if self.mode is Mode.HUMAN:
            self._aside(click.style(clean(text), dim=True))

    def good(self, text: object) -> None:
        """Something that went well."""
        if self.mode is Mode.HUMAN:
            self._aside(f"{click.style('✓', fg='green')} {clean(text)}")

    def warn(self, text: object, hint: str | None = None) -> None:
        """Something that should be looked at; also told beside JSON."""
        if self.mode is Mode.QUIET:
            return
        self._aside(f"{click.style('warning:', fg='yellow')} {clean(text)}")
        if hint:
            self._aside(f"{click.style('hint:', fg='yellow')} {clean(hint)}")

    def log(self, level: str, line: str) -> None:
        """A line that a producer said, dimmed or in colour; details only if `verbose`."""
        if self.mode is Mode.HUMAN and (self.verbose or level != "debug"):
            colour = {"warning": "yellow", "error": "red"}.get(level)
            self._aside(click.style(f"  │ {clean(line)}", fg=colour, dim=colour is None))

    def _aside(self, text: str) -> None:
        if self._steps is not None:
            self._steps.print(text)
        else:
            click.echo(text, err=True)

    # --- long work ---------------------------------------------------------------------

    @contextmanager
    def steps(self) -> Iterator[Callable[[str], None]]:
        """Name the steps of long work: live with a clock on a terminal, else line by line."""
        from opendata.cli.progress import LineSteps, live_steps

        if self.mode is not Mode.HUMAN or not sys.stderr.isatty():
            yield LineSteps(audible=self.mode is Mode.HUMAN).begin
            return
        with live_steps() as steps:
            self._steps = steps
            try:
                yield steps.begin
            finally:
                self._steps = None

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[str], None]]:
        """A bar over `total` things on a terminal; call the yielded function once for each."""
        if self.mode is not Mode.HUMAN or not sys.stderr.isatty():
            yield lambda name: None
            return
        from opendata.cli.progress import bar

        with bar(label, total) as advance:
            yield advance

    @contextmanager
    def transfer(self, label: str, measure: Callable[[], tuple[int, int]]) -> Iterator[None]:
        """Bytes, rate and time left on a terminal; `measure` says how many bytes of how many."""
        if self.mode is not Mode.HUMAN or not sys.stderr.isatty():
            yield
            return
        from opendata.cli.progress import byte_bar

        with byte_bar(label, measure):
            yield


class Steps(Protocol):
    """Steps of long work as they are shown; see `opendata.cli.progress`."""

    def begin(self, name: str) -> None:
        """The next step starts, the one before has ended."""
        ...

    def print(self, text: str) -> None:
        """A styled line beside the steps."""
        ...


def with_output(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command `--json` and `--quiet`, and the sink as its first argument."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @click.option("-q", "--quiet", is_flag=True, help="Print bare names and nothing else.")
    @functools.wraps(command)
    def run(*args: Any, as_json: bool, quiet: bool, **options: Any) -> R:
        mode = Mode.JSON if as_json else Mode.QUIET if quiet else Mode.HUMAN
        return command(Output(mode), *args, **options)

    return run
