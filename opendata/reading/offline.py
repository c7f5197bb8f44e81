"""Reading without the store: the last pointers, manifests and metadata that were seen.

A release is immutable, so what was verified once stays true; only *which* release is the latest can
be out of date, and whoever falls back is told so. Nothing but unavailability falls back: a store
that answers "no such data set" is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opendata.reading.cache import Cache
from opendata.stores.port import Blob, ObjectReader, ObjectStat
from opendata.wire import keys
from opendata.wire.errors import Unavailable


class RememberingReader:
    """A reader that remembers small documents, and answers with them when offline.

    `offline` turns true as soon as one answer came from memory.
    """

    def __init__(self, reader: ObjectReader, cache: Cache) -> None:
        self._reader = reader
        self._cache = cache
        self._is_remote: bool | None = None
        self.offline = False

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._reader.url

    @property
    def serves_ranges(self) -> bool:
        """As the store answers."""
        return self._reader.serves_ranges

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """The object; a remembered document when the store is out of reach."""
        if not _is_memorable(key):
            return self._reader.get(key, max_bytes=max_bytes)
        try:
            blob = self._reader.get(key, max_bytes=max_bytes)
        except Unavailable as error:
            data = self._cache.recall(self._name(key))
            if data is None:
                raise Unavailable(
                    f"{error.message}, and {key} was never read here before",
                    code=error.code,
                    hint=error.hint,
                ) from error
            self.offline = True
            return Blob(data, "")
        if self._is_remote is None:  # what was just read has a file here, or nothing ever has
            self._is_remote = self._reader.local_path(key) is None
        if self._is_remote:
            self._cache.remember(self._name(key), blob.data)
        return blob

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """As the store answers."""
        return self._reader.get_ranges(key, ranges)

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        """As the store answers."""
        return self._reader.stream(key, chunk_bytes)

    def stat(self, key: str) -> ObjectStat | None:
        """As the store answers."""
        return self._reader.stat(key)

    def local_path(self, key: str) -> str | None:
        """As the store answers."""
        return self._reader.local_path(key)

    def _name(self, key: str) -> str:
        return f"{self._reader.url}|{key}"


def _is_memorable(key: str) -> bool:
    """Small documents: pointers, manifests, commits, metadata and the catalogue."""
    return key == keys.INDEX or (key.startswith(keys.DATASETS) and key.endswith(".json"))
