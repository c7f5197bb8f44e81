"""Where a shard's bytes are, had once and verified, however many tasks decode from them.

In this order: a local file or cache entry that was verified before (memory-mapped); the ranges that
the query needs, each checked against the chunk list; or the whole object, hashed on its way in.
What is opened here was checked against `limits` before a byte of it is decoded.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable, Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.parquet as pq

from opendata.reading.lent import lend, lent_buffer
from opendata.reading.limits import check_group, read_footer, refused, rules_of
from opendata.reading.memory import decoding_pool
from opendata.reading.pages import Buffer
from opendata.reading.ranges import VerifiedRanges, fetch_verified, needed_ranges
from opendata.reading.shard import Access, ShardPlan, removed_while_read, verified_local
from opendata.reading.stats import CountedReader
from opendata.reading.verified import Check
from opendata.wire.chunks import ByteRange
from opendata.wire.digest import check_digest

WHOLE_FROM_SHARE = 0.5
SMALL_OBJECT_BYTES = 1 << 20
HELD_BYTES_MAX = 64 << 20
"""A larger object is never held whole in memory."""
SMALL_FILE_BYTES = 32 << 20
"""A local file up to this size is hashed whole, since that is remembered and parts are not."""

Open = Callable[[], "pa.NativeFile | str"]


class ShardSource:
    """The bytes of one shard that a query needs."""

    def __init__(self, access: Access, plan: ShardPlan) -> None:
        self.plan = plan
        self._access = access
        self._reader = CountedReader(access.reader, access.stats)
        self._lock = threading.Lock()
        ranges = needed_ranges(plan.chunks, plan.groups, plan.columns)
        self._needed_bytes = sum(part.length for part in ranges) + plan.chunks.footer.length
        entry = plan.entry
        self._local = access.reader.local_path(entry.path)
        is_small = entry.size_bytes <= (SMALL_FILE_BYTES if self._local else SMALL_OBJECT_BYTES)
        has_place = self._local or access.cache.enabled or entry.size_bytes <= HELD_BYTES_MAX
        wants_most = self._needed_bytes > WHOLE_FROM_SHARE * entry.size_bytes
        self.is_whole = is_small or bool(wants_most and has_place)
        access.stats.expect(self._needed_bytes - entry.size_bytes)

    def portion(self, groups: Sequence[int]) -> Portion:
        """Some of the row groups, whose bytes are had when the first of them is decoded."""
        return Portion(self, tuple(groups))

    def whole(self) -> Whole | None:
        """The whole object as a local file or in memory; None if only ranges of it are needed."""
        with self._lock:
            return self._whole

    @cached_property
    def _whole(self) -> Whole | None:
        entry = self.plan.entry
        known = _kept(self.plan, self._known_path())
        if known is not None:
            self._reader.settle(self._needed_bytes)
            return known
        if not self.is_whole:
            return None
        self._access.stats.expect(entry.size_bytes - self._needed_bytes)
        whole = self._fetched()
        self._reader.settle(entry.size_bytes)
        return whole

    def _fetched(self) -> Whole:
        """The whole object, verified now; from a cache that is emptied meanwhile once more."""
        entry, cache = self.plan.entry, self._access.cache
        if self._local is None and not cache.enabled and entry.size_bytes <= HELD_BYTES_MAX:
            blob = self._reader.get(entry.path, max_bytes=entry.size_bytes)
            data = check_digest(blob.data, entry.sha256, entry.path)
            return Whole(self.plan, None, memoryview(data))
        for _ in range(2):
            path = verified_local(self._access, entry)
            if path is None:
                path = cache.fetch(self._reader, entry.path, entry.sha256, entry.size_bytes)
            if (whole := _kept(self.plan, path)) is not None:
                return whole
        raise removed_while_read(entry.path)

    def _known_path(self) -> str | None:
        """A path whose bytes were verified earlier and have not been touched since."""
        entry, access = self.plan.entry, self._access
        if self._local is not None and access.cache.verified(self._local) == entry.sha256:
            return self._local
        if self._local is None and (cached := access.cache.get(entry.sha256)) is not None:
            access.stats.add(cache_hits=1)
            return cached
        return None

    def is_checked(self, path: str, groups: Sequence[int]) -> bool:
        """Whether pages and footer of this file of the shard were checked and not touched since."""
        return self._access.cache.is_checked(path, self._check_of(groups))

    def note_checked(self, path: str | None, groups: Sequence[int]) -> None:
        """Remember so; of bytes that are only in memory there is nothing to remember."""
        if path is not None:
            self._access.cache.record_check(path, self._check_of(groups))

    def _check_of(self, groups: Sequence[int]) -> Check:
        return Check(rules_of(self.plan.entry), frozenset(groups), frozenset(self.plan.columns))

    def footer(self) -> pq.FileMetaData:
        """The footer alone, for a shard whose ranges come in several portions."""
        with self._lock:
            return self._footer

    @cached_property
    def _footer(self) -> pq.FileMetaData:
        return self.take([])[0]

    def take(self, ranges: Sequence[ByteRange]) -> tuple[pq.FileMetaData, list[tuple[int, bytes]]]:
        """Fetch the footer and ranges, each checked, by as few requests as that takes."""
        plan = self.plan
        parts = fetch_verified(self._reader, plan.entry.path, [plan.chunks.footer, *ranges])
        self._reader.settle(sum(len(data) for _, data in parts))
        return read_footer(parts[0][1], plan.chunks, plan.entry), parts[1:]

    def take_ranges(self, ranges: Sequence[ByteRange]) -> list[tuple[int, bytes]]:
        """Fetch ranges, each checked."""
        parts = fetch_verified(self._reader, self.plan.entry.path, ranges)
        self._reader.settle(sum(len(data) for _, data in parts))
        return parts


class Whole:
    """A shard that is there whole: its bytes, and the file that they are in if there is one.

    A file is mapped from the beginning, so that it may be removed while it is decoded.
    """

    def __init__(self, plan: ShardPlan, path: str | None, data: memoryview) -> None:
        self.path = path
        self.data = data
        self._plan = plan

    @cached_property
    def metadata(self) -> pq.FileMetaData:
        """Its footer.

        Raises:
            Corrupt: naming the shard, if it says something else than the chunk list.
        """
        return read_footer(self.part(self._plan.chunks.footer), self._plan.chunks, self._plan.entry)

    def open(self) -> pa.NativeFile:
        """A file to decode from, which copies nothing."""
        return pa.BufferReader(lent_buffer(self.data))

    def part(self, place: ByteRange) -> Buffer:
        """Some of its bytes."""
        return self.data[place.offset : place.offset + place.length]


class Portion:
    """Some row groups of a shard, for one decoding task or for several of them."""

    def __init__(self, source: ShardSource, groups: tuple[int, ...]) -> None:
        self.source = source
        self.groups = groups
        self._lock = threading.Lock()

    def file(self, text_as_codes: Sequence[str] = ()) -> pq.ParquetFile:
        """A file of one's own to decode these row groups from; `text_as_codes` come as
        dictionaries.

        Raises:
            Corrupt: naming the object, if bytes differ from their digest or are not safe.
        """
        with self._lock:
            metadata, open_bytes = self._opened
        return _parquet(metadata, open_bytes, text_as_codes, self.source.plan)

    def prepare(self) -> pq.FileMetaData:
        """Have the bytes and check them, without decoding any; returns the footer.

        Raises:
            Corrupt: as :meth:`file`.
        """
        with self._lock:
            return self._opened[0]

    def checked_path(self) -> str | None:
        """The shard's file, its bytes and pages checked now or before; None if it has none here.

        Raises:
            Corrupt: as :meth:`file`.
        """
        whole = self.source.whole()
        if whole is None or whole.path is None:
            return None
        if not self.source.is_checked(whole.path, self.groups):
            self.prepare()
        return whole.path

    @cached_property
    def _opened(self) -> tuple[pq.FileMetaData, Open]:
        plan, whole = self.source.plan, self.source.whole()
        if whole is not None:
            if whole.path is None or not self.source.is_checked(whole.path, self.groups):
                self._check(whole.metadata, whole.open, whole.part)
                self.source.note_checked(whole.path, self.groups)
            return whole.metadata, whole.open
        ranges = needed_ranges(plan.chunks, self.groups, plan.columns)
        if self.groups == plan.groups:
            metadata, parts = self.source.take(ranges)
        else:
            metadata, parts = self.source.footer(), self.source.take_ranges(ranges)
        data = dict(parts)

        def open_ranges() -> pa.NativeFile:
            sparse = VerifiedRanges(plan.entry.size_bytes, parts, plan.entry.path)
            return pa.PythonFile(lend(sparse), mode="r")

        self._check(metadata, open_ranges, lambda place: data[place.offset])
        return metadata, open_ranges

    def _check(
        self, metadata: pq.FileMetaData, open_bytes: Open, part: Callable[[ByteRange], Buffer]
    ) -> None:
        plan = self.source.plan
        for index in self.groups:
            named = plan.chunks.row_groups[index]
            positions = [
                position
                for position, column in enumerate(named.columns)
                if column.path in plan.columns or column.path.split(".", 1)[0] in plan.columns
            ]

            def text_bytes(position: int, index: int = index) -> int:
                path = plan.chunks.row_groups[index].columns[position].path
                file = _parquet(metadata, open_bytes, [path], plan)
                return expanded_bytes(file.read_row_group(index, columns=[path]))

            check_group(metadata.row_group(index), named, positions, plan.entry, part, text_bytes)


def _parquet(
    metadata: pq.FileMetaData, open_bytes: Open, codes: Sequence[str], plan: ShardPlan
) -> pq.ParquetFile:
    try:
        # Buffering ahead would read the gaps between ranges as well, and copy what is mapped.
        source, kept = open_bytes(), list(codes) or None
        with decoding_pool():
            return pq.ParquetFile(source, metadata=metadata, pre_buffer=False, read_dictionary=kept)
    except (pa.ArrowException, OSError) as error:
        raise refused(plan.entry.path, f"is no readable Parquet: {error}") from error


def expanded_bytes(table: pa.Table) -> int:
    """What texts become once each row has its own copy; they are still codes here."""
    import pyarrow.compute as pc

    total = 0
    for chunk in (chunk for column in table.columns for chunk in column.chunks):
        if pa.types.is_dictionary(chunk.type):
            lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
            total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
        else:
            total += chunk.nbytes
    return total


def _kept(plan: ShardPlan, path: str | None) -> Whole | None:
    """The shard in its file; None if there is none, or no longer."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except FileNotFoundError:
        return None
    return Whole(plan, path, data)
