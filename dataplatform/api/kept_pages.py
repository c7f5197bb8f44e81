"""Encoded answers that are kept: a page of a frozen lock never changes.

Bounded by bytes; the one that was asked for longest ago goes first. Used on the event loop only.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from dataplatform.api.endpoint import Binding, Bytes, Reply

KEPT_BYTES: Final = 64 << 20
PAGE_BYTES_MAX: Final = 4 << 20
KEY_BYTES_MAX: Final = 2 << 10
PAGES_MAX: Final = 16_384
"""However small their bodies are: each has a key and headers too, and who asks writes the key."""

PageKey = tuple[str, bytes, bytes, bytes]
"""Path, query, `Accept` and `Accept-Encoding`, as they were sent."""


@dataclass(frozen=True, slots=True)
class KeptPage:
    """An answer as it goes out again, and what it is the answer of."""

    body: Bytes
    headers: list[tuple[bytes, bytes]]
    etag: bytes
    binding: Binding


def kept_page(reply: Reply, headers: list[tuple[bytes, bytes]]) -> KeptPage:
    """What is kept of a reply that has a binding, with its headers as they go out."""
    assert reply.binding is not None
    return KeptPage(reply.body, headers, reply.headers["etag"].encode(), reply.binding)


class KeptPages:
    """The answers that are kept now."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._bytes = 0
        self._pages: OrderedDict[PageKey, KeptPage] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def size_bytes(self) -> int:
        """What the kept bodies have together."""
        return self._bytes

    def get(self, key: PageKey) -> KeptPage | None:
        """The answer to exactly this question, if it is kept."""
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
        return page

    def put(self, key: PageKey, page: KeptPage) -> None:
        """Keep an answer, if it is small enough to be worth its room."""
        size = len(page.body)
        if size > min(PAGE_BYTES_MAX, self._limit) or sum(map(len, key)) > KEY_BYTES_MAX:
            return
        self.drop(key)
        self._pages[key] = page
        self._bytes += size
        while self._bytes > self._limit or len(self._pages) > PAGES_MAX:
            _, dropped = self._pages.popitem(last=False)
            self._bytes -= len(dropped.body)

    def drop(self, key: PageKey) -> None:
        """Keep it no longer."""
        page = self._pages.pop(key, None)
        if page is not None:
            self._bytes -= len(page.body)
