"""One call in the background, whose end is waited for and whose outcome is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


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
        thread.join(120)
        assert not thread.is_alive(), "the call in the background never ended"
