"""Parts of one large object: side by side, in order, few at a time, and never half in the cache."""

from __future__ import annotations

import hashlib
import math
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.reading.remote import Remote, read_has_ended
from dataplatform_tests.servers.bad_network import (
    CUT,
    ENDED,
    HANG_UP,
    OVERLOADED,
    bad_network,
    three_of_ten,
)
from dataplatform_tests.servers.static_http import serving
from opendata.reading import parts
from opendata.reading.ahead import in_order
from opendata.reading.cache import Cache
from opendata.reading.parts import AT_ONCE_MAX, SOON_SECONDS, parts_in_order
from opendata.reading.stats import CountedReader, ReadStats
from opendata.stores import FolderStore
from opendata.stores.addresses import parse_web_address
from opendata.stores.http import HttpStore
from opendata.stores.memory import MemoryStore
from opendata.stores.patience import Patience
from opendata.stores.patient_reader import PatientReader
from opendata.stores.port import ByteStream, ObjectReader
from opendata.wire.errors import Corrupt, Unavailable

pytestmark = pytest.mark.requirement("S1-59")
PART = 64 << 10
DATA = random.Random(3).randbytes(20 * PART + 7)
DIGEST = hashlib.sha256(DATA).hexdigest()
LONG = random.Random(4).randbytes(80 * PART + 7)
"""So long that a client library hands it out in several pieces."""
LONG_DIGEST = hashlib.sha256(LONG).hexdigest()
QUICK = Patience(first_pause_seconds=0.002, longest_pause_seconds=0.02, busy_pause_seconds=0.01)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of megabytes holds of kilobytes, and every stream is slow."""
    monkeypatch.setattr(parts, "PART_BYTES", PART)
    monkeypatch.setattr(parts, "FROM_BYTES", 4 * PART)
    monkeypatch.setattr(parts, "FAST_BYTES_PER_SECOND", math.inf)


class InPieces(FaultyStore):
    """A store whose streams come in small pieces, as from a network."""

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> ByteStream:
        return super().stream(key, PART // 4)


@pytest.fixture
def store() -> FaultyStore:
    store = InPieces(MemoryStore())
    store.put("k", DATA)
    return store


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


def left_in(cache: Cache) -> list[str]:
    return sorted(path.name for path in (Path(str(cache.folder)) / "partial").iterdir())


class Afar(Remote):
    """A store from afar, whose streams come in small pieces."""

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        return super().stream(key, PART // 4)


class Meeting(Afar):
    """A store that answers no range until so many are asked for at once (the first but one)."""

    def __init__(self, inner: ObjectReader, at_once: int) -> None:
        super().__init__(inner)
        self._lock = threading.Lock()
        self._meeting = threading.Barrier(at_once)
        self._at_work = 0
        self.most_at_work = 0

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        with self._lock:
            self._at_work += 1
            self.most_at_work = max(self.most_at_work, self._at_work)
        try:
            if 2 * PART <= ranges[0][0] < 4 * PART:
                self._meeting.wait(300)
            return super().get_ranges(key, ranges)
        finally:
            with self._lock:
                self._at_work -= 1


def test_parts_of_one_object_are_fetched_side_by_side(store: FaultyStore, cache: Cache) -> None:
    meeting = Meeting(store, at_once=2)
    assert Path(cache.fetch(meeting, "k", DIGEST, len(DATA))).read_bytes() == DATA
    assert meeting.most_at_work <= AT_ONCE_MAX
    assert sorted(meeting.ranges) == [
        ("k", at, min(PART, len(DATA) - at)) for at in range(PART, len(DATA), PART)
    ]
    assert left_in(cache) == []


def test_a_stream_that_is_fast_stays_one(
    store: FaultyStore, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "FAST_BYTES_PER_SECOND", 0)
    cache.fetch(store, "k", DIGEST, len(DATA))
    assert (store.count("stream"), store.count("get_ranges")) == (1, 0)


def test_a_small_object_is_one_request(store: FaultyStore, cache: Cache) -> None:
    small = DATA[: 4 * PART - 1]
    store.put("small", small)
    cache.fetch(store, "small", hashlib.sha256(small).hexdigest(), len(small))
    assert (store.count("stream"), store.count("get_ranges")) == (1, 0)


def test_downloads_share_what_may_be_on_its_way(store: FaultyStore) -> None:
    meeting = Meeting(store, at_once=1)
    streams = [parts_in_order(meeting, "k", 0, len(DATA)) for _ in range(6)]
    received = [b"".join(pieces) for pieces in zip(*streams, strict=True)]
    assert b"".join(piece[: len(piece) // 6] for piece in received) == DATA
    assert meeting.most_at_work <= AT_ONCE_MAX - 1 + 6


def test_what_may_be_on_its_way_is_given_back_however_a_download_ends(store: FaultyStore) -> None:
    store.script.append(Fault("get_ranges", skip=8, times=99))
    for _ in range(AT_ONCE_MAX):
        with pytest.raises(Unavailable):
            list(parts_in_order(store, "k", 0, len(DATA)))
    store.script.clear()
    for taken in range(AT_ONCE_MAX):
        with closing(parts_in_order(store, "k", 0, len(DATA))) as stream:
            for _ in range(taken):
                next(stream)
    assert b"".join(parts_in_order(Meeting(store, at_once=2), "k", 0, len(DATA))) == DATA
    assert [one.name for one in threading.enumerate() if "opendata-part" in one.name] == []


class Slow(Afar):
    """A store each of whose parts takes so long, in a time of the test's; it counts the most."""

    def __init__(self, inner: ObjectReader, seconds: Sequence[float], time: VirtualTime) -> None:
        super().__init__(inner)
        self._seconds = iter(seconds)
        self._time = time

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        self._time.sleep(next(self._seconds))
        return super().get_ranges(key, ranges)


def test_on_a_slow_line_one_part_at_a_time_is_on_its_way(store: FaultyStore) -> None:
    time = VirtualTime()
    slow = Slow(store, [SOON_SECONDS + 1] * 100, time)
    asked = []
    for piece in parts_in_order(slow, "k", 0, len(DATA), now=time.now):
        assert piece
        asked.append(len(slow.ranges))
    assert asked == list(range(1, 22))


def test_a_part_that_fails_is_asked_for_again_by_itself(cache: Cache) -> None:
    time = VirtualTime()
    faulty = InPieces(MemoryStore(), [Fault("get_ranges", skip=3, times=4)])
    faulty.put("k", DATA)
    reader = PatientReader(faulty, time.patience())
    assert Path(cache.fetch(reader, "k", DIGEST, len(DATA))).read_bytes() == DATA
    assert faulty.count("get_ranges") == 20 + 4


def test_a_store_that_stays_away_leaves_the_parts_before_for_later(
    store: FaultyStore, cache: Cache
) -> None:
    store.script.append(Fault("get_ranges", skip=9, times=999))
    with pytest.raises(Unavailable):
        cache.fetch(store, "k", DIGEST, len(DATA))
    (part,) = (Path(str(cache.folder)) / "partial").iterdir()
    kept = part.stat().st_size
    assert 0 < kept <= 10 * PART and kept % PART == 0
    store.script.clear()
    store.calls.clear()
    assert Path(cache.fetch(store, "k", DIGEST, len(DATA))).read_bytes() == DATA
    assert store.count("get_ranges") == 21 - kept // PART
    assert left_in(cache) == []


@pytest.mark.parametrize("stored", [DATA[:-1] + b"!", DATA[:-1], DATA[: 3 * PART]])
def test_wrong_bytes_are_not_kept(store: FaultyStore, cache: Cache, stored: bytes) -> None:
    store.put("k", stored)
    with pytest.raises(Corrupt):
        cache.fetch(store, "k", DIGEST, len(DATA))
    assert cache.get(DIGEST) is None
    assert left_in(cache) == []


def test_a_read_that_ends_waits_only_for_parts_on_their_way(
    store: FaultyStore, cache: Cache
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    class Waiting(Afar):
        def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
            if ranges[0][0] >= 5 * PART:
                reached.set()
                assert go_on.wait(300)
            return super().get_ranges(key, ranges)

    remote = Waiting(store)

    def download() -> str:
        return cache.fetch(remote, "k", DIGEST, len(DATA))

    def let_go_after_the_read() -> str:
        while not read_has_ended():
            time.sleep(0.001)
        go_on.set()
        return "ended"

    results = in_order([lambda: "first", download, let_go_after_the_read], workers=2)
    assert next(results) == "first"
    assert reached.wait(300)
    results.close()
    assert len(remote.ranges) <= 4 + AT_ONCE_MAX
    assert left_in(cache) == [f"{DIGEST}.part"]
    assert Path(cache.fetch(store, "k", DIGEST, len(DATA))).read_bytes() == DATA


def test_what_is_counted_is_what_was_asked_and_arrived(store: FaultyStore, cache: Cache) -> None:
    stats = ReadStats()
    stats.expect(len(DATA))
    reader = CountedReader(store, stats)
    seen = []

    class Watched(Afar):
        serves_ranges = True

        def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
            seen.append(stats.progress)
            return reader.get_ranges(key, ranges)

        def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
            return reader.stream(key, chunk_bytes)

    cache.fetch(Watched(store), "k", DIGEST, len(DATA))
    assert stats.requests == 1 + 20 == store.count("stream") + store.count("get_ranges")
    assert stats.progress == (len(DATA), len(DATA))
    assert all(had <= len(DATA) for had, _ in seen)
    reader.settle(len(DATA))
    assert stats.progress == (len(DATA), len(DATA))
    assert stats.bytes_read == len(DATA)


# --- over sockets ----------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    served = tmp_path / "served"
    FolderStore(str(served)).put("k", LONG)
    return served


@pytest.mark.platform
def test_parts_arrive_over_a_bad_network(folder: Path, cache: Cache) -> None:
    faults = three_of_ten(seed=5, kinds=(CUT, ENDED, HANG_UP, OVERLOADED))
    with serving(folder) as address, bad_network(address, faults) as network:
        reader = PatientReader(HttpStore(parse_web_address(network.address)), QUICK)
        assert Path(cache.fetch(reader, "k", LONG_DIGEST, len(LONG))).read_bytes() == LONG
    assert len(network.faults) == 4
    assert 1 + 50 < network.requests - sum(network.faults.values()) <= 1 + 80


@pytest.mark.platform
def test_a_server_without_ranges_is_asked_for_the_whole_once(folder: Path, cache: Cache) -> None:
    asked: list[str] = []
    with serving(folder, ranges=False, asked=asked) as address:
        reader = PatientReader(HttpStore(parse_web_address(address)), QUICK)
        assert Path(cache.fetch(reader, "k", LONG_DIGEST, len(LONG))).read_bytes() == LONG
        assert not reader.serves_ranges
        assert len(asked) == 4  # the start, a part, the same without a range, then all of it
        asked.clear()
        part = Path(str(cache.folder)) / "partial" / f"{LONG_DIGEST}.part"
        Path(str(cache.get(LONG_DIGEST))).unlink()
        part.write_bytes(LONG[: 10 * PART + 1])
        assert Path(cache.fetch(reader, "k", LONG_DIGEST, len(LONG))).read_bytes() == LONG
        assert len(asked) == 1
