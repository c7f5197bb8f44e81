"""Releases as channels: what an index says of one, and what it costs."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform.adapters.index_files.parquet import ParquetIndexWriter
from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform.channels.datasets import index_dataset
from dataplatform.channels.ports import ChannelPorts
from dataplatform.channels.rows import INDEX_SCHEMA
from dataplatform.channels.told import read_time
from dataplatform_tests.fakes.clock import FakeClock
from dataplatform_tests.fakes.stores import WatchedStore
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.digest import prefixed
from opendata.wire.errors import Corrupt, Denied, NotFound
from opendata.wire.version import parse_version

V1 = parse_version("1.0.0")
JANUARY_AND_FEBRUARY = rates(*(float(day) for day in range(40)))


def signer(seed: int = 1) -> Ed25519Signer:
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)))


def ports_of(bench: Bench, folder: Path) -> ChannelPorts:
    return ChannelPorts(
        store=bench.store,
        open_files=lambda place: open_channel_files(place, {}, root=str(folder)),
        engines={},
        writer=ParquetIndexWriter(str(folder / "scratch")),
        now=FakeClock(),
        environ={},
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    sections = {"time": "day", "release": {"shard": "month"}, "contract": {"primary_key": ["day"]}}
    return make_bench(WatchedStore(MemoryStore()), tmp_path, signer=signer(), **sections)


@pytest.fixture
def ports(bench: Bench, tmp_path: Path) -> ChannelPorts:
    return ports_of(bench, tmp_path)


@pytest.mark.requirement("S0-29", "S0-44", "S0-45", "S0-46", "S0-47", "S0-48", "S0-49")
def test_the_shards_of_a_release_are_the_files_of_the_channel(
    bench: Bench, ports: ChannelPorts
) -> None:
    release = bench.release(JANUARY_AND_FEBRUARY).release
    made = index_dataset(ports, bench.dataset, V1)
    assert (made.changed, made.described) == (True, 2)
    index = made.index
    assert (index.channel, index.version, index.release) == (
        "tests/rates", "1.0.0", "tests/rates@1.0.0",
    )  # fmt: skip
    assert index.storage_path == bench.store.url
    assert (index.start_time, index.undated) == ("2026-01-01T00:00:00Z", 0)
    assert index.total_bytes == sum(entry.size_bytes for entry in release.manifest.files)
    path = keys.channel_index_key("tests/rates", V1)
    rows = pq.read_table(bench.store.local_path(path) or _spooled(bench, path)).to_pylist()
    assert [row["file_id"] for row in rows] == ["2026-01", "2026-02"]
    for row, entry in zip(rows, release.manifest.files, strict=True):
        assert row["relative_path"] == entry.path
        assert row["checksum"] == prefixed(entry.sha256)
        assert int(row["timestamp"].timestamp() * 1_000_000) == read_time(entry.min)
        assert json.loads(row["metadata"]) == {
            "max": entry.max, "min": entry.min, "release": "tests/rates@1.0.0",
            "rows": entry.row_count,
        }  # fmt: skip
        assert bench.store.stat(row["relative_path"]) is not None


def _spooled(bench: Bench, key: str) -> object:
    import io

    return io.BytesIO(bench.store.get(key).data)


def test_the_index_has_the_schema_of_all_others(bench: Bench, ports: ChannelPorts) -> None:
    bench.release(JANUARY_AND_FEBRUARY)
    index_dataset(ports, bench.dataset, V1)
    stored = pq.read_schema(_spooled(bench, keys.channel_index_key("tests/rates", V1)))
    assert stored.remove_metadata().equals(INDEX_SCHEMA)


def test_a_data_set_without_a_time_column_is_one_undated_file(tmp_path: Path) -> None:
    bench = make_bench(MemoryStore(), tmp_path, contract={"primary_key": ["day"]})
    bench.release(rates(1, 2))
    index = index_dataset(ports_of(bench, tmp_path), bench.dataset, V1).index
    assert (index.total_files, index.undated, index.start_time) == (1, 1, None)


def test_a_lost_index_is_made_again(bench: Bench, ports: ChannelPorts) -> None:
    bench.release(JANUARY_AND_FEBRUARY)
    first = index_dataset(ports, bench.dataset, V1)
    bench.store.delete(first.index.index)
    again = index_dataset(ports, bench.dataset, V1)
    assert (again.changed, again.index.index) == (False, first.index.index)
    assert bench.store.stat(first.index.index) is not None


def test_the_second_time_costs_two_requests(bench: Bench, ports: ChannelPorts) -> None:
    bench.release(JANUARY_AND_FEBRUARY)
    first = index_dataset(ports, bench.dataset, V1)
    store = bench.store
    assert isinstance(store, WatchedStore)
    before = len(store.calls)
    again = index_dataset(ports, bench.dataset, V1)
    assert (again.changed, again.index) == (False, first.index)
    assert [operation for operation, _ in store.calls[before:]] == ["get", "stat"]


def test_forced_the_same_manifest_gives_the_same_index(bench: Bench, ports: ChannelPorts) -> None:
    bench.release(JANUARY_AND_FEBRUARY)
    first = index_dataset(ports, bench.dataset, V1)
    copy = keys.channel_index_key("tests/rates", V1)
    bench.store.delete(copy)
    again = index_dataset(ports, bench.dataset, V1, force=True)
    assert not again.changed
    assert again.index.index_sha256 == first.index.index_sha256
    assert bench.store.stat(copy) is not None


def test_each_release_is_a_version_of_its_own(bench: Bench, ports: ChannelPorts) -> None:
    bench.release(rates(1, 2))
    second = bench.release(rates(1, 3)).release
    old, new = (
        index_dataset(ports, bench.dataset, version).index for version in (V1, second.version)
    )
    assert old.index_sha256 != new.index_sha256
    assert new.release == "tests/rates@1.0.1"


def test_of_two_at_once_one_publishes_and_both_have_the_index(
    bench: Bench, ports: ChannelPorts
) -> None:
    bench.release(JANUARY_AND_FEBRUARY)
    made = []
    start = threading.Barrier(4)

    def index() -> None:
        start.wait()
        made.append(index_dataset(ports, bench.dataset, V1))

    threads = [threading.Thread(target=index) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.index.commit_id for one in made}) == 1
    assert sum(one.changed for one in made) == 1


def test_a_release_that_does_not_exist_is_named(bench: Bench, ports: ChannelPorts) -> None:
    bench.release(rates(1))
    with pytest.raises(NotFound, match=r"tests/rates@9\.0\.0") as caught:
        index_dataset(ports, bench.dataset, parse_version("9.0.0"))
    assert caught.value.code == "unknown_release"


def test_an_altered_manifest_gives_no_index(bench: Bench, ports: ChannelPorts) -> None:
    bench.release(rates(1))
    key = keys.release_key(bench.dataset, V1)
    data = bench.store.get(key).data
    bench.store.put(key, data.replace(b'"row_count":1', b'"row_count":2'))
    with pytest.raises(Corrupt):
        index_dataset(ports, bench.dataset, V1)
    assert bench.store.stat(keys.channel_pointer_key("tests/rates", V1)) is None


@pytest.mark.requirement("S4-48")
def test_only_what_trusted_keys_have_signed_becomes_a_channel(
    bench: Bench, ports: ChannelPorts
) -> None:
    bench.release(rates(1))
    stranger = dataclasses.replace(ports, trust=signer(2).trust())
    with pytest.raises(Denied):
        index_dataset(stranger, bench.dataset, V1)
    trusting = dataclasses.replace(ports, trust=signer(1).trust())
    assert index_dataset(trusting, bench.dataset, V1).changed
