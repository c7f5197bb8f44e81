"""Calls in the background, whose end is waited for and whose outcome is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass
class Outcome:
    """How the call ended."""

    value: Any = None
    error: BaseException | None = None


@contextmanager
def in_background(act: Callable[[], Any]) -> Iterator[Outcome]:
    """Run `act` in a thread during the block; on leaving it has ended."""
    outcome = Outcome()

    def run() -> None:
        try:
            outcome.value = act()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            outcome.error = error

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join(300)
        assert not thread.is_alive(), "the call in the background never ended"


@contextmanager
def looking_meanwhile(look: Callable[[], T], *, pause_seconds: float = 0.0) -> Iterator[list[T]]:
    """Look over and over during the block; what was seen. A look that fails, fails the block."""
    done, seen = threading.Event(), list[T]()

    def look_on() -> None:
        while not done.wait(pause_seconds):
            seen.append(look())

    with in_background(look_on) as looker:
        try:
            yield seen
        finally:
            done.set()
    assert looker.error is None, looker.error
