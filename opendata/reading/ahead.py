"""Work ahead: later tasks run in threads while an earlier result is used; results keep their order.

Here belongs the bounded window of tasks in flight and its end, whatever ends it: the last result,
a failure, Ctrl-C, or a consumer that closes early. What the tasks do belongs to their callers.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")
LOCAL_WORKERS_MAX = 8
REMOTE_WORKERS_MIN = 4  # a remote store is waited for, so more than one request is on its way
_here = threading.local()


class Closed(Exception):
    """The read that a task works for has ended; nobody will see this."""


def give_way() -> None:
    """End the task that runs in this thread if its read has ended; long tasks call it often.

    Raises:
        Closed: if so.
    """
    stopped = getattr(_here, "stopped", None)
    if stopped is not None and stopped.is_set():
        raise Closed


def worker_count(*, remote: bool) -> int:
    """How many tasks of one read run at once."""
    cores = max(2, min(os.cpu_count() or 2, LOCAL_WORKERS_MAX))
    return max(cores, REMOTE_WORKERS_MIN) if remote else cores


def in_order(
    tasks: Iterable[Callable[[], T]], *, workers: int, eager: bool = True
) -> Generator[T, None, None]:
    """The result of each task in the order of the tasks, `workers` of them at work at once.

    At most `workers + 1` results and tasks are in flight, so memory is bounded by that many.
    Without `eager` the first result is worked for alone and the window grows with every result
    that is taken, because whoever looks at the first rows should not pay for the next.

    A failed task's own exception is raised in its place. However the generator ends, tasks that
    have not begun never do, and those that have are waited for, up to their next `give_way`.
    """
    rest = iter(tasks)
    first = list(islice(rest, 2 if eager else 0))
    if len(first) == 1:  # there is nothing beside which it could run
        yield first[0]()
        return
    yield from _beside(chain(first, rest), workers=workers, eager=eager)


def _beside(
    tasks: Iterator[Callable[[], T]], *, workers: int, eager: bool
) -> Generator[T, None, None]:
    stopped = threading.Event()
    window: deque[Future[T]] = deque()
    limit = workers + 1 if eager else 1
    pool = ThreadPoolExecutor(workers, thread_name_prefix="opendata-read")
    try:
        exhausted = False
        while True:
            while not exhausted and len(window) < limit:
                task = next(tasks, None)
                if task is None:
                    exhausted = True
                else:
                    window.append(pool.submit(_unless, stopped, task))
            if not window:
                return
            yield window.popleft().result()
            limit = min(limit + 1, workers + 1)
    finally:
        stopped.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _unless(stopped: threading.Event, task: Callable[[], T]) -> T:
    _here.stopped = stopped
    give_way()
    return task()
