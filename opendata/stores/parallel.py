"""Several requests at once: stores answer slower than they work, so that waiting is shared.

Here belongs the bound on how many; what is asked is the caller's matter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

REQUESTS_MAX = 4
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def in_parallel(
    ask: Callable[[Item], Answer], items: Iterable[Item], at_once: int = REQUESTS_MAX
) -> Iterator[Answer]:
    """The answer to each item, in the order of the items, `at_once` of them in the making.

    The first error ends it; what is under way by then is waited for.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="store") as pool:
        waiting: deque[Future[Answer]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(ask, item))
                if len(waiting) >= at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
