"""Locks and indexes that were opened: found once, used by many requests.

A bundle by name, version and revision means one lock for ever. A name alone, or with a version,
means the newest lock, which a correction replaces; so that is looked up again after a second. What
a lock pins never changes, so opened indexes stay until others take their place.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from dataplatform.api.endpoint import Selector
from opendata.reading.bundle_signature import verify_bundle
from opendata.reading.cache import Cache
from opendata.reading.file_index.bundles import FoundBundle, find_bundle
from opendata.reading.file_index.index import FileIndex, open_index
from opendata.reading.trust import TrustRoot
from opendata.stores.port import ObjectReader
from opendata.wire.bundle import LockedChannel
from opendata.wire.digest import parse_digest

FRESH_SECONDS: Final = 1.0
"""How long after a correction its readers may still be given the lock before it."""
LOCKS_MAX: Final = 256
INDEXES_MAX: Final = 64

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Found:
    found: FoundBundle
    good_until: float


@dataclass(slots=True)
class _Opened:
    index: FileIndex
    good_until: float
    """Until then nobody looks whether its file was touched."""


class _Recent(Generic[K, V]):
    """The values that were used last, `limit` of them; one thread opens each, others wait."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[K, V] = OrderedDict()
        self._opening: dict[K, threading.Lock] = {}
        self._lock = threading.Lock()

    def peek(self, key: K) -> V | None:
        """What is there; waits for nothing."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def get(self, key: K, is_good: Callable[[V], bool], make: Callable[[], V]) -> V:
        """What is there and good, or what is made now."""
        with self._lock:
            value = self._values.get(key)
            if value is not None and is_good(value):
                self._values.move_to_end(key)
                return value
            opening = self._opening.setdefault(key, threading.Lock())
        with opening:
            try:
                with self._lock:
                    value = self._values.get(key)
                if value is None or not is_good(value):
                    value = make()
                with self._lock:
                    self._put(key, value)
            finally:
                self._opening.pop(key, None)
        return value

    def _put(self, key: K, value: V) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._limit:
            self._values.popitem(last=False)


class Library:
    """What a store's bundles are now, read through `reader`; indexes are kept in `cache`.

    With `trust` a lock is served only if it is signed by who is trusted: what a lock says decides
    which places the service signs addresses for.
    """

    def __init__(
        self,
        reader: ObjectReader,
        cache: Cache | None,
        *,
        trust: TrustRoot | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reader = reader
        self._cache = cache
        self._trust = trust
        self._clock = clock
        self._locks: _Recent[Selector, _Found] = _Recent(LOCKS_MAX)
        self._indexes: _Recent[str, _Opened] = _Recent(INDEXES_MAX)

    def find(self, selector: Selector) -> FoundBundle:
        """The lock that is meant now.

        Raises:
            NotFound: with did-you-mean.
            Denied: if somebody is trusted and has not signed it.
            InvalidInput, Corrupt, Denied, Unavailable: as `find_bundle` does.
        """
        return self._locks.get(selector, self._is_good, lambda: self._find(selector)).found

    def known(self, selector: Selector) -> FoundBundle | None:
        """The lock that is meant now, if that is known without looking."""
        known = self._locks.peek(selector)
        return known.found if known is not None and self._is_good(known) else None

    def index(self, channel: LockedChannel) -> FileIndex:
        """The index that a lock pins.

        Raises:
            NotFound, Corrupt, Denied, Unavailable: as `open_index` does.
        """
        digest = parse_digest(channel.checksum)
        return self._indexes.get(
            digest, self._is_untouched, lambda: self._open(channel, digest)
        ).index

    def known_index(self, channel: LockedChannel) -> FileIndex | None:
        """The index that a lock pins, if it is open and nobody has to look at its file."""
        opened = self._indexes.peek(parse_digest(channel.checksum))
        fresh = opened is not None and self._clock() < opened.good_until
        return opened.index if opened is not None and fresh else None

    def _open(self, channel: LockedChannel, digest: str) -> _Opened:
        index = open_index(self.reader, self._cache, channel.index, digest, channel.index_bytes)
        return _Opened(index, self._clock() + FRESH_SECONDS)

    def _is_untouched(self, opened: _Opened) -> bool:
        now = self._clock()
        if now >= opened.good_until:
            if not opened.index.is_untouched():
                return False
            opened.good_until = now + FRESH_SECONDS
        return True

    def _is_good(self, found: _Found) -> bool:
        return self._clock() < found.good_until

    def _find(self, selector: Selector) -> _Found:
        began = self._clock()
        found = find_bundle(
            self.reader,
            selector.name,
            selector.version,
            type=selector.type,
            revision=selector.revision,
        )
        verify_bundle(found.lock, self._trust, self.reader)
        good_until = float("inf") if selector.is_pinned else began + FRESH_SECONDS
        return _Found(found, good_until)
