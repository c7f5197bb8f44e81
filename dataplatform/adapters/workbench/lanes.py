"""Lanes: work that goes on beside the arriving rows, one thread each, with few tasks waiting.

Encoding, hashing and compression leave the interpreter's lock, so two cores do twice as much. Here
belongs the bound: whoever hands over faster than a lane works, waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

WAITING_MAX: Final = 3
Result = TypeVar("Result")


class Lane:
    """Does one task after the other, in the order in which they came."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: deque[Future[Any]] = deque()
        self._failure: BaseException | None = None

    def submit(self, task: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Hand a task over; raises what an earlier one raised."""
        while len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft().result()
        future = self._thread.submit(self._run, task, *arguments)
        self._waiting.append(future)
        return future

    def _run(self, task: Callable[..., Result], *arguments: Any) -> Result:
        """Each task builds on the ones before, so that after a failure none may succeed."""
        if self._failure is not None:
            raise self._failure
        try:
            return task(*arguments)
        except BaseException as error:
            self._failure = error
            raise

    def close(self) -> None:
        """Drop what has not begun, and wait for what has."""
        self._thread.shutdown(cancel_futures=True)


class Lanes:
    """The two lanes of a build: `encode` writes Parquet, `measure` hashes and counts."""

    def __init__(self) -> None:
        self.encode = Lane("encode")
        self.measure = Lane("measure")

    def close(self) -> None:
        """End both."""
        self.encode.close()
        self.measure.close()
