"""Reading from afar: what a real server is asked for, and what is counted of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from dataplatform_tests.reading.remote import Remote, read_has_ended
from dataplatform_tests.releases.building import Bench, make_bench
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.servers.static_http import serving
from opendata._dataset import Dataset
from opendata._settings import Settings
from opendata.reading import source
from opendata.reading.cache import Cache
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches, read_table
from opendata.stores import FolderStore, open_store
from opendata.stores.port import ObjectReader

FIRST_DAY = 19_358  # 2023-01-01
DAYS = 1_096  # 36 months
SECTIONS: dict[str, Any] = {"time": "day", "release": {"shard": "month"}}
MONTH: dict[str, Any] = {"start": "2024-03-01", "end": "2024-03-31", "columns": ["day", "rate"]}


def three_years() -> pa.Table:
    """36 months of three rows a day; the notes, which nobody asks for, are most of it."""
    count = DAYS * 3
    return pa.table(
        {
            "day": pa.array([FIRST_DAY + at // 3 for at in range(count)], pa.int32()).cast(
                pa.date32()
            ),
            "rate": pa.array([at / 4 for at in range(count)]),
            "key": pa.array(range(count)),
            "note": pa.array([os.urandom(200).hex() for _ in range(count)]),
        }
    )


TABLE = three_years()
MARCH = TABLE.slice(425 * 3, 31 * 3).select(["day", "rate"])


@pytest.fixture(autouse=True)
def as_if_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small objects are read by ranges, as large ones are."""
    monkeypatch.setattr(source, "SMALL_OBJECT_BYTES", 0)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("far")
    bench = make_bench(FolderStore(str(folder / "store")), folder, group_rows=31, **SECTIONS)
    bench.release(TABLE)
    return bench


@pytest.fixture
def web(bench: Bench, tmp_path: Path) -> Iterator[tuple[Settings, list[str]]]:
    """Settings that lead to a web server over the store, and the paths that it is asked for."""
    asked: list[str] = []
    with serving(Path(bench.store.url), asked=asked) as url:
        environ = {"OPENDATA_STORAGE": url, "OPENDATA_CACHE": str(tmp_path / "cache")}
        yield Settings(environ, tmp_path), asked


@pytest.mark.platform
@pytest.mark.requirement("S1-27", "S1-58", "S1-59")
def test_a_month_of_36_costs_three_requests_and_little_of_the_bytes(
    web: tuple[Settings, list[str]],
) -> None:
    settings, asked = web
    handle = Dataset("tests/rates", settings)
    assert handle.load(**MONTH, format="arrow").equals(MARCH)
    stats, files = handle.stats, handle.release.manifest.files
    march = next(entry for entry in files if entry.name == "2024-03")
    documents = [path for path in asked if path.endswith(".json")]
    assert len(documents) == 2  # the pointer and the manifest
    objects = [path for path in asked if path not in documents]
    assert objects[0] == f"/{march.chunks}"
    assert set(objects[1:]) == {f"/{march.path}"}
    assert len(objects[1:]) <= 3
    assert stats.requests == len(objects)
    assert stats.bytes_read <= 0.03 * stats.bytes_total
    assert (stats.shards_read, stats.shards_skipped) == (1, 35)
    assert (stats.row_groups_read, stats.row_groups_skipped) == (3, 0)


@pytest.mark.platform
@pytest.mark.requirement("S1-59")
def test_what_is_counted_is_what_the_server_was_asked_however_many_ask_at_once(
    web: tuple[Settings, list[str]],
) -> None:
    settings, asked = web
    handle = Dataset("tests/rates", settings)
    assert handle.load(format="arrow").equals(TABLE)
    objects = [path for path in asked if not path.endswith(".json")]
    assert handle.stats.requests == len(objects) == 72  # 36 shards and their chunk lists
    assert handle.stats.bytes_read == handle.stats.bytes_total
    assert handle.stats.progress == (handle.stats.bytes_total,) * 2
    assert handle.stats.row_groups_read == 36 * 3
    asked.clear()
    assert handle.load(columns=["rate"], format="arrow").equals(TABLE.select(["rate"]))
    assert asked == []
    assert (handle.stats.requests, handle.stats.cache_hits) == (0, 72)


@pytest.mark.platform
@pytest.mark.requirement("S1-59")
def test_a_server_without_ranges_still_answers(bench: Bench, tmp_path: Path) -> None:
    with serving(Path(bench.store.url), ranges=False) as url:
        settings = Settings({"OPENDATA_STORAGE": url, "OPENDATA_CACHE": "off"}, tmp_path)
        assert Dataset("tests/rates", settings).load(**MONTH, format="arrow").equals(MARCH)


@pytest.mark.real
@pytest.mark.requirement("S1-27", "S1-59")
def test_the_same_month_from_an_s3_bucket(
    seaweed: SeaweedServer, seaweed_bucket: str, tmp_path: Path
) -> None:
    url = f"{seaweed_bucket}/{uuid4().hex}"
    store = open_store(url, environ=seaweed.environ())
    make_bench(store, tmp_path, group_rows=31, **SECTIONS).release(TABLE)
    environ = {**seaweed.environ(), "OPENDATA_STORAGE": url, "OPENDATA_CACHE": "off"}
    handle = Dataset("tests/rates", Settings(environ, tmp_path))
    assert handle.load(**MONTH, format="arrow").equals(MARCH)
    assert handle.stats.requests <= 4
    assert handle.stats.bytes_read <= 0.03 * handle.stats.bytes_total
    batches = list(handle.batches(batch_size=20, **MONTH))
    assert pa.Table.from_batches(batches).equals(MARCH)
    assert handle.stats.requests <= 4


@pytest.mark.requirement("S1-59", "S1-89")
def test_who_takes_the_first_rows_fetches_only_what_they_need(bench: Bench) -> None:
    remote = Remote(bench.store)
    access = Access(remote, Cache(None), ReadStats())
    manifest = bench.current.manifest
    batches = read_batches(access, manifest, batch_size=5, columns=["day", "rate"])
    assert next(batches).num_rows == 5
    batches.close()
    first = manifest.files[0]
    assert set(remote.requests) == {first.chunks, first.path}
    assert access.stats.bytes_read < 0.03 * manifest.size_bytes


@pytest.mark.requirement("S1-59")
def test_a_large_shard_is_fetched_in_parts_that_are_decoded_as_they_come(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opendata.reading.table.TASK_ROWS", 40)  # one row group a part
    remote = Remote(bench.store)
    access = Access(remote, Cache(None), ReadStats())
    manifest = bench.current.manifest
    found = read_table(access, manifest, start="2024-03-01", end="2024-03-31", columns=["note"])
    assert found.equals(TABLE.slice(425 * 3, 31 * 3).select(["note"]))
    march = next(entry for entry in manifest.files if entry.name == "2024-03")
    assert access.stats.bytes_read == march.size_bytes  # most of it: fetched whole
    access = Access(remote, Cache(None), ReadStats())
    read_table(access, manifest, start="2024-03-01", end="2024-03-31", columns=["day"])
    assert access.stats.requests == 5  # the chunk list, the footer, and three row groups


class Endless(Remote):
    """A remote store whose objects are on their way until the read ends, and then still are."""

    def __init__(self, inner: ObjectReader, first: str) -> None:
        super().__init__(inner)
        self.first = first
        self.is_streaming = threading.Event()
        self.pieces = 0

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        for piece in super().stream(key, 10):
            self.pieces += 1
            yield piece
            if key != self.first:
                self.is_streaming.set()
                while not read_has_ended():
                    time.sleep(0.001)


@pytest.mark.requirement("S1-59")
def test_a_stream_that_is_closed_early_ends_downloads_where_they_are_and_keeps_their_parts(
    bench: Bench, tmp_path: Path
) -> None:
    manifest = bench.current.manifest
    remote = Endless(bench.store, first=manifest.files[0].path)
    cache = Cache(str(tmp_path / "cache"))
    batches = read_batches(Access(remote, cache, ReadStats()), manifest, batch_size=31)
    for _ in range(3):
        next(batches)
    assert remote.is_streaming.wait(300)
    before = remote.pieces
    batches.close()
    assert remote.pieces <= before + 4  # one more for each worker, and not thousands
    assert list((tmp_path / "cache" / "partial").iterdir()) != []
    found = read_table(Access(bench.store, cache, ReadStats()), manifest)
    assert found.equals(TABLE)
