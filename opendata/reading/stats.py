"""What a read cost: counted while reading, shown by `ds.stats` and by `od load`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from opendata.reading.ahead import give_way
from opendata.stores.port import Blob, ObjectReader
from opendata.stores.ranges import merge_ranges
from opendata.wire.words import counted, human_bytes


@dataclass
class ReadStats:
    """Counters of one read.

    `bytes_read` are those of the release's shards that the answer was made of, wherever they lay;
    `bytes_total` is the whole release. `requests` went to the store; `cache_hits` did not have to.
    `indexes_read` are those that told where the asked keys are.
    The row groups of a skipped shard are not counted: its chunk list is never read. `verified`
    is what was checked beyond digests (`signature`), or that these were all (`digests`). Of a read
    through another schema version, `compatibility` is the verdict and `adapters` are those used.
    """

    shards_read: int = 0
    shards_skipped: int = 0
    row_groups_read: int = 0
    row_groups_skipped: int = 0
    bytes_read: int = 0
    bytes_total: int = 0
    requests: int = 0
    cache_hits: int = 0
    indexes_read: int = 0
    seconds: float = 0.0
    verified: str = "digests"
    offline: bool = False
    compatibility: str | None = None
    adapters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._expected_bytes = 0
        self._arriving_bytes = 0

    def add(self, **counts: int) -> None:
        """Count, from any thread."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def expect(self, count_bytes: int) -> None:
        """This many bytes more (or fewer) will be read than was known until now."""
        with self._lock:
            self._expected_bytes += count_bytes

    def arrive(self, count_bytes: int) -> None:
        """Bytes of a shard that is still on its way; taken back when it is counted as read."""
        with self._lock:
            self._arriving_bytes += count_bytes

    @property
    def progress(self) -> tuple[int, int]:
        """How many bytes were read or have arrived, and how many are expected in all.

        What had to be fetched again counts once.
        """
        with self._lock:
            had = self.bytes_read + self._arriving_bytes
            return min(had, self._expected_bytes), self._expected_bytes

    def to_json(self) -> dict[str, Any]:
        """The counters by name."""
        return asdict(self)

    def __str__(self) -> str:
        shards = self.shards_read + self.shards_skipped
        groups = self.row_groups_read + self.row_groups_skipped
        found = "by an index, " if self.indexes_read else ""
        return (
            f"read {self.shards_read} of {shards} shards, {self.row_groups_read} of {groups} row "
            f"groups, {found}{human_bytes(self.bytes_read)} of {human_bytes(self.bytes_total)} in "
            f"{counted(self.requests, 'request')}, {self.seconds:.2f} s; "
            f"verified by {self.verified}"
            + ("; offline, from the cache" if self.offline else "")
            + (f"; adapted by {', '.join(self.adapters)}" if self.adapters else "")
        )


class CountedReader:
    """The reading of one shard: its requests are counted, and its bytes as they arrive.

    Several threads may read the shard through it.
    """

    def __init__(self, reader: ObjectReader, stats: ReadStats) -> None:
        self._reader = reader
        self._stats = stats
        self._lock = threading.Lock()
        self._arrived = 0

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._reader.url

    @property
    def serves_ranges(self) -> bool:
        """As the store answers."""
        return self._reader.serves_ranges

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        """One request."""
        self._stats.add(requests=1)
        blob = self._reader.get(key, max_bytes=max_bytes)
        self._arrive(len(blob.data))
        return blob

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """As many requests as there are spans once near ranges are joined."""
        give_way()
        self._stats.add(requests=len(merge_ranges(ranges)))
        pieces = self._reader.get_ranges(key, ranges)
        self._arrive(sum(len(piece) for piece in pieces))
        return pieces

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        """One request, whose bytes count as they come."""
        self._stats.add(requests=1)
        for piece in self._reader.stream(key, chunk_bytes):
            self._arrive(len(piece))
            yield piece
            give_way()

    def stat(self, key: str) -> Any:
        """As the store answers."""
        return self._reader.stat(key)

    def local_path(self, key: str) -> str | None:
        """As the store answers."""
        return self._reader.local_path(key)

    def settle(self, bytes_read: int) -> None:
        """What arrived is there: from now on it counts as read."""
        with self._lock:
            arrived, self._arrived = self._arrived, 0
        self._stats.add(bytes_read=bytes_read)
        self._stats.arrive(-arrived)

    def _arrive(self, count_bytes: int) -> None:
        with self._lock:
            self._arrived += count_bytes
        self._stats.arrive(count_bytes)
