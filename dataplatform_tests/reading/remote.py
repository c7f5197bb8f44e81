"""A store as it is seen from afar: no local files, every request and byte counted, and cut off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opendata.reading.ahead import Closed, give_way
from opendata.stores.port import Blob, ObjectReader, ObjectStat
from opendata.wire.errors import Unavailable


class Remote:
    """The reading half of a store behind a network that can be cut."""

    def __init__(self, inner: ObjectReader, url: str = "https://far.example/store") -> None:
        self._inner = inner
        self.url = url
        self.is_cut = False
        self.requests: list[str] = []
        self.ranges: list[tuple[str, int, int]] = []
        self.bytes = 0

    @property
    def serves_ranges(self) -> bool:
        return self._inner.serves_ranges

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        self._ask(key)
        blob = self._inner.get(key, max_bytes=max_bytes)
        self.bytes += len(blob.data)
        return blob

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        self._ask(key)
        self.ranges += [(key, offset, length) for offset, length in ranges]
        self.bytes += sum(length for _, length in ranges)
        return self._inner.get_ranges(key, ranges)

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        self._ask(key)
        for piece in self._inner.stream(key, chunk_bytes):
            self.bytes += len(piece)
            yield piece

    def stat(self, key: str) -> ObjectStat | None:
        self._ask(key)
        return self._inner.stat(key)

    def local_path(self, key: str) -> str | None:
        return None

    def fetched(self, key: str, at: int) -> bool:
        """Whether the byte at that place of an object was asked for by a range."""
        return any(
            of == key and offset <= at < offset + length for of, offset, length in self.ranges
        )

    def _ask(self, key: str) -> None:
        if self.is_cut:
            raise Unavailable(f"{self.url} does not answer", code="store_unavailable")
        self.requests.append(key)


def read_has_ended() -> bool:
    """Whether the read that this thread works for has."""
    try:
        give_way()
    except Closed:
        return True
    return False
