"""Indexes that are open in this process: what was asked before is neither hashed nor parsed again.

They are known by digest, so that none can be stale. One whose file was touched since is dropped,
and hashed again when it is asked for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

OPEN_MAX: Final = 32


class Checked(Protocol):
    """What can tell whether its bytes are still those that were hashed."""

    def is_untouched(self) -> bool:
        """Whether nobody touched its file since."""
        ...


Index = TypeVar("Index", bound=Checked)


class Opened(Generic[Index]):
    """The indexes that were asked last; safe to be asked from several threads."""

    def __init__(self, limit: int = OPEN_MAX) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Index] = OrderedDict()

    def get(self, sha256: str, make: Callable[[], Index]) -> Index:
        """The index with this digest, opened now if it is not."""
        with self._lock:
            index = self._open.get(sha256)
            if index is not None:
                self._open.move_to_end(sha256)
        if index is not None and index.is_untouched():
            return index
        index = make()
        with self._lock:
            self._open[sha256] = index
            self._open.move_to_end(sha256)
            while len(self._open) > self._limit:
                self._open.popitem(last=False)
        return index
