"""How long work looks while it lasts: a live list of steps, a bar, or plain lines on a pipe.

The drawing library loads here and nowhere else, because most commands never need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text


class LineSteps:
    """Steps where nothing can be drawn over: one line when each begins."""

    def __init__(self, *, audible: bool) -> None:
        self._audible = audible

    def begin(self, name: str) -> None:
        """Say that the next step starts."""
        if self._audible:
            self.print(f"· {name}")

    def print(self, text: str) -> None:
        """A line beside the steps."""
        click.echo(text, err=True)


class LiveSteps:
    """Steps on a terminal: the current one turns and counts its seconds."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._current: TaskID | None = None

    def begin(self, name: str) -> None:
        """The next step starts, the one before has ended."""
        self.end()
        self._current = self._progress.add_task(name, total=1)

    def end(self) -> None:
        """The last step has ended well."""
        if self._current is not None:
            self._progress.update(self._current, completed=1)

    def print(self, text: str) -> None:
        """A styled line above the steps."""
        self._progress.console.print(Text.from_ansi(text), soft_wrap=True)


@contextmanager
def live_steps() -> Iterator[LiveSteps]:
    """Draw steps on standard error until the block ends; a step that failed stays open."""
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        steps = LiveSteps(progress)
        yield steps
        steps.end()


@contextmanager
def bar(label: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on standard error; the yielded function moves it on by one."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda name: progress.advance(task)


class _Measured(Progress):
    """A bar that asks how far the work is whenever it is drawn."""

    measure: Callable[[], tuple[int, int]]

    def get_renderables(self) -> Iterable[RenderableType]:
        """Ask, then draw."""
        for task in self.tasks:
            done, total = self.measure()
            # Set here, because a total that is handed to `update` makes the rate begin anew, and
            # with many shards it becomes more exact all the time.
            task.total = max(total, done) or None
            if done < total:
                task.finished_time = None
            self.update(task.id, completed=done)
        yield from super().get_renderables()


@contextmanager
def byte_bar(label: str, measure: Callable[[], tuple[int, int]]) -> Iterator[None]:
    """Bytes, rate and time left on standard error; `measure` says how many of how many."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    progress = _Measured(*columns, console=Console(stderr=True), transient=True)
    progress.measure = measure
    with progress:
        progress.add_task(label, total=None)
        yield
