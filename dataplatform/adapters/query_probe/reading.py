"""Look-ups through the reading code that users have; implements `QueryProbe`.

Here belongs asking and timing. Files are brought here and verified before the clock starts, so
what is compared is how the two releases are laid out, not how far away the store is.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa

from dataplatform.adapters.query_probe.keys import Key, keys_of
from dataplatform.contracts.performance import LookUps, Pruning
from opendata.reading.cache import Cache
from opendata.reading.prune import may_match
from opendata.reading.query import BoundQuery, bind_query
from opendata.reading.release_schema import release_schema
from opendata.reading.shard import Access, verified_path
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_table
from opendata.stores.port import ObjectReader
from opendata.wire.chunks import ChunkList, read_chunk_list
from opendata.wire.digest import check_digest
from opendata.wire.errors import InvalidInput
from opendata.wire.keys import digest_of_object_key
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import FileEntry, Manifest

# On two cores with a load of 24, one and the same layout differed by up to 19 % after 7 rounds and
# by 12 % after 51; the fastest round of each, which noise cannot lengthen, by 38 % and 27 %.
ROUNDS: Final = 51
ROUNDS_ENOUGH: Final = 7
ENOUGH_SECONDS: Final = 2.0
ROUNDS_MIN: Final = 3
BUDGET_SECONDS: Final = 20.0
_SHORTEST_SECONDS: Final = 1e-9
Asked = tuple[Manifest, Sequence[Key]]
"""A release, and the keys that it is asked for."""


class ReadingProbe:
    """Asks releases in a store, of files that `cache` keeps or that lie in the store's folder.

    Args:
        reader: Where the releases are.
        cache: Where their files are brought.
        clock: Seconds that pass; the time that look-ups take is its difference.
        rounds: How often both releases are asked in turn, at most: `ROUNDS_ENOUGH` suffice where
            they take longer than `ENOUGH_SECONDS`, `ROUNDS_MIN` where they take longer than
            `BUDGET_SECONDS`.
    """

    def __init__(
        self,
        reader: ObjectReader,
        cache: Cache,
        *,
        clock: Callable[[], float] = time.perf_counter,
        rounds: int = ROUNDS,
    ) -> None:
        self._reader = reader
        self._cache = cache
        self._clock = clock
        self._rounds = rounds

    def pruning(self, release: Manifest, field: str) -> Pruning:
        """What statistics let look-ups by one field leave unread; see the port."""
        schema = release_schema(release)
        queries = [_query(release, schema, key) for key in self._keys(release, [field])]
        groups = groups_read = shards_read = 0
        for entry in release.files:
            chunks = self._chunks(entry)
            groups += len(chunks.row_groups)
            for query in queries:
                read = _groups_read(query, entry, chunks, schema)
                groups_read += read
                shards_read += read > 0
        return Pruning(len(queries), groups, groups_read, len(release.files), shards_read)

    def look_ups(
        self, candidate: Manifest, current: Manifest | None, fields: Sequence[str]
    ) -> LookUps:
        """How long look-ups by some fields take; see the port."""
        keys = self._keys(candidate, fields)
        before = self._keys(current, fields) if current else []
        asked: list[Asked] = [(candidate, keys)]
        if current and before:
            asked.append((current, before))
        for release, wanted in asked:
            self._bring_here(release, wanted)
            self._timed(release, wanted)  # the first look fills caches and does not count
        rounds: list[list[float]] = []
        began = self._clock()
        while len(rounds) < self._rounds and not _is_enough(len(rounds), self._clock() - began):
            rounds.append(self._round(asked, reverse=len(rounds) % 2 == 1))
        new = [seconds[0] for seconds in rounds]
        seconds = statistics.median(new)
        if len(asked) == 1:
            return LookUps(tuple(fields), len(keys), len(rounds), seconds)
        old = [seconds[1] for seconds in rounds]
        return LookUps(
            fields=tuple(fields),
            queries=len(keys),
            rounds=len(rounds),
            seconds=seconds,
            previous_seconds=statistics.median(old),
            ratio=_ratio(new, len(keys), old, len(before)),
        )

    def _round(self, asked: Sequence[Asked], *, reverse: bool) -> list[float]:
        """Each release's seconds; they take turns at every look-up, so that load hits both."""
        taken = [0.0] * len(asked)
        for turn in range(max(len(keys) for _, keys in asked)):
            for at in sorted(range(len(asked)), reverse=reverse):
                release, keys = asked[at]
                taken[at] += self._timed(release, keys[turn : turn + 1])
        return taken

    def _timed(self, release: Manifest, keys: Sequence[Key]) -> float:
        began = self._clock()
        for key in keys:
            read_table(self._access(), release, filters=_filters(key))
        return self._clock() - began

    def _keys(self, release: Manifest, fields: Sequence[str]) -> list[Key]:
        """Keys of some of the release's rows.

        Raises:
            InvalidInput: if no row has a key.
        """
        found = keys_of([(entry.row_count, self._opener(entry)) for entry in release.files], fields)
        if not found and release.row_count:
            raise InvalidInput(
                f"none of the rows looked at has a value of {', '.join(fields)} to look up by"
            )
        return found

    def _opener(self, entry: FileEntry) -> Callable[[], str]:
        return lambda: verified_path(self._access(), entry)

    def _bring_here(self, release: Manifest, keys: Sequence[Key]) -> None:
        """Every shard that a look-up reads, as a verified file."""
        schema = release_schema(release)
        queries = [_query(release, schema, key) for key in keys]
        for entry in release.files:
            if any(may_match(query, entry.stats, entry.row_count) for query in queries):
                verified_path(self._access(), entry)

    def _access(self) -> Access:
        return Access(self._reader, self._cache, ReadStats())

    def _chunks(self, entry: FileEntry) -> ChunkList:
        data = self._reader.get(entry.chunks, max_bytes=DOCUMENT_MAX_BYTES).data
        check_digest(data, digest_of_object_key(entry.chunks), entry.chunks)
        return read_chunk_list(data, entry.chunks)


def _is_enough(rounds: int, seconds: float) -> bool:
    if seconds > BUDGET_SECONDS:
        return rounds >= ROUNDS_MIN
    return seconds > ENOUGH_SECONDS and rounds >= ROUNDS_ENOUGH


def _ratio(new: Sequence[float], asked: int, old: Sequence[float], asked_before: int) -> float:
    """The median of the rounds' own ratios, a look-up against a look-up."""
    return statistics.median(
        (one / max(asked, 1)) / max(other / max(asked_before, 1), _SHORTEST_SECONDS)
        for one, other in zip(new, old, strict=True)
    )


def _groups_read(query: BoundQuery, entry: FileEntry, chunks: ChunkList, schema: pa.Schema) -> int:
    """How many of a shard's row groups may hold what is asked for; exactly what a reader reads."""
    if not may_match(query, entry.stats, entry.row_count):
        return 0
    return sum(may_match(query, group.stats, group.row_count) for group in chunks.row_groups)


def _query(release: Manifest, schema: pa.Schema, key: Key) -> BoundQuery:
    return bind_query(release, schema, filters=_filters(key))


def _filters(key: Key) -> list[tuple[str, str, object]]:
    return [(name, "==", value) for name, value in key.items()]
