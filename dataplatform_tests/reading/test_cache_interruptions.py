"""Downloads that break, die or are wanted by many at once."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from dataplatform_tests.fakes.stores import Fault, FaultyStore, SimulatedCrash
from dataplatform_tests.reading.cached import DATA, DIGEST, KEY, blob_of
from opendata.reading.cache import Cache
from opendata.stores import FolderStore
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Unavailable

pytestmark = pytest.mark.requirement("B14")


def test_a_broken_connection_is_resumed_where_it_broke(cache: Cache) -> None:
    data = os.urandom(20 << 20)
    digest = hashlib.sha256(data).hexdigest()
    store = FaultyStore(MemoryStore(), [Fault("stream_piece", skip=1)])
    store.put("k", data)
    path = cache.fetch(store, "k", digest, len(data))
    assert Path(path).read_bytes() == data
    assert (store.count("stream"), store.count("get_ranges")) == (1, 1)


def test_a_store_that_stays_away_leaves_the_part_for_later(cache: Cache, folder: Path) -> None:
    data = os.urandom(20 << 20)
    digest = hashlib.sha256(data).hexdigest()
    outage = [Fault("stream_piece", skip=1), Fault("get_ranges", times=100)]
    store = FaultyStore(MemoryStore(), outage)
    store.put("k", data)
    with pytest.raises(Unavailable):
        cache.fetch(store, "k", digest, len(data))
    assert (folder / "partial" / f"{digest}.part").stat().st_size == 16 << 20
    store.script.clear()
    assert Path(Cache(str(folder)).fetch(store, "k", digest, len(data))).read_bytes() == data
    assert store.count("stream") == 1, "the first part was not fetched again"


@pytest.mark.parametrize("left", [b"torn" * 100, DATA + b"too much", DATA[:-1] + b"!"])
def test_a_torn_part_is_thrown_away(
    cache: Cache, folder: Path, origin: FaultyStore, left: bytes
) -> None:
    part = folder / "partial" / f"{DIGEST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    assert Path(cache.fetch(origin, KEY, DIGEST, len(DATA))).read_bytes() == DATA
    assert not part.exists()


def test_a_reader_that_dies_leaves_the_next_one_unhindered(cache: Cache, folder: Path) -> None:
    store = FaultyStore(MemoryStore(), [Fault("stream_piece", error=SimulatedCrash)])
    store.put(KEY, DATA)
    with pytest.raises(SimulatedCrash):
        cache.fetch(store, KEY, DIGEST, len(DATA))
    assert Cache(str(folder)).get(DIGEST) is None
    assert Path(Cache(str(folder)).fetch(store, KEY, DIGEST, len(DATA))).read_bytes() == DATA


class SlowReader(FolderStore):
    """A folder that hands an object out byte range by byte range, so that processes overlap."""

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        for piece in super().stream(key, 64 << 10):
            time.sleep(0.005)
            yield piece

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        (span,) = ranges
        return super().get_ranges(key, [span])


class StuckReader(FolderStore):
    """A folder that hands out the first piece of an object, and then nothing for ever."""

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        yield next(super().stream(key, 64 << 10))
        threading.Event().wait()


def _get_stuck(store: str, folder: str) -> None:
    Cache(folder).fetch(StuckReader(store), KEY, DIGEST, len(DATA))


def _fetch_slowly(store: str, folder: str, go: Event) -> None:
    go.wait()
    path = Cache(folder).fetch(SlowReader(store), KEY, DIGEST, len(DATA))
    assert path == str(blob_of(Path(folder)))
    assert Path(path).read_bytes() == DATA


@pytest.mark.platform
def test_processes_that_want_the_same_object_all_get_it(folder: Path, tmp_path: Path) -> None:
    FolderStore(str(tmp_path / "store")).put(KEY, DATA)
    context = multiprocessing.get_context("spawn")
    go = context.Event()
    arguments = (str(tmp_path / "store"), str(folder), go)
    workers = [context.Process(target=_fetch_slowly, args=arguments) for _ in range(4)]
    for worker in workers:
        worker.start()
    go.set()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert list((folder / "partial").iterdir()) == []


@pytest.mark.platform
def test_a_killed_download_is_resumed_by_the_next_process(folder: Path, tmp_path: Path) -> None:
    FolderStore(str(tmp_path / "store")).put(KEY, DATA)
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_get_stuck, args=(str(tmp_path / "store"), str(folder)))
    worker.start()
    part = folder / "partial" / f"{DIGEST}.part"
    while not (part.exists() and part.stat().st_size):
        assert worker.is_alive()
        time.sleep(0.001)
    worker.kill()
    worker.join()
    store = FaultyStore(FolderStore(str(tmp_path / "store")))
    assert Path(Cache(str(folder)).fetch(store, KEY, DIGEST, len(DATA))).read_bytes() == DATA
    assert store.count("stream") == 0, "it began anew"
    assert store.count("get_ranges") == 1
