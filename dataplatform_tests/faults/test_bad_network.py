"""The same over real sockets: a proxy spoils three in ten requests to a real S3 or web server."""

from __future__ import annotations

import random
import uuid
from hashlib import sha256
from pathlib import Path

import pytest

import opendata as od
from dataplatform_tests.faults.shaking import begin_life
from dataplatform_tests.releases.building import Bench, make_bench, rates
from dataplatform_tests.servers.bad_network import (
    CUT,
    ENDED,
    HANG_UP,
    KINDS,
    RESET_AFTER,
    RESET_BEFORE,
    STALLED,
    Choose,
    bad_network,
    three_of_ten,
)
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.servers.static_http import serving
from opendata.reading.verify import verify_dataset
from opendata.stores import FolderStore, LocalFile, open_store
from opendata.stores.addresses import parse_web_address
from opendata.stores.http import HttpStore
from opendata.stores.multipart import PART_BYTES
from opendata.stores.patience import Patience
from opendata.stores.patient_reader import PatientReader
from opendata.stores.patient_store import PatientStore
from opendata.stores.s3 import open_s3
from opendata.wire.ids import Reference

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "B8")]
QUICK = Patience(first_pause_seconds=0.002, longest_pause_seconds=0.02, busy_pause_seconds=0.01)
"""The product's tries and budget; only the pauses are those of a test."""
SILENCE_SECONDS = 2.0
"""A sound answer of a busy machine takes less; whoever waits for a stalled one waits so long."""


def live_on_s3(seaweed: SeaweedServer, url: str, folder: Path, seed: int, operations: int) -> None:
    choose = three_of_ten(seed, (*KINDS * 5, STALLED))
    with bad_network(seaweed.endpoint, choose) as network:
        environ = seaweed.environ() | {"OPENDATA_S3_ENDPOINT": network.address}
        shaken = PatientStore(open_s3(url, environ, silence_seconds=SILENCE_SECONDS), QUICK)
        sound = open_store(url, environ=seaweed.environ())
        life = begin_life(shaken, sound, folder, seed)
        life.live(operations)
    life.check()
    assert life.failed == []
    assert sum(life.done.values()) == operations
    assert sum(network.faults.values()) >= 3 * (network.requests // 10) > 0
    assert set(KINDS) <= set(network.faults)


@pytest.mark.real
def test_operations_on_s3_succeed_over_a_bad_network(
    seaweed: SeaweedServer, seaweed_bucket: str, tmp_path: Path
) -> None:
    live_on_s3(seaweed, f"{seaweed_bucket}/{uuid.uuid4().hex}", tmp_path, 1, operations=15)


@pytest.mark.real
@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 8))
def test_hundreds_of_operations_on_s3_succeed_over_a_bad_network(
    seaweed: SeaweedServer, seaweed_bucket: str, tmp_path: Path, seed: int
) -> None:
    url = f"{seaweed_bucket}/{uuid.uuid4().hex}"
    live_on_s3(seaweed, url, tmp_path, seed, operations=50)


def read_over_http(folder: Path, seed: int, rounds: int) -> None:
    """A public store: everything is read and verified, while the network spoils what it can."""
    served = folder / "served"
    bench: Bench = make_bench(FolderStore(str(served)), folder, contract={"primary_key": ["day"]})
    for value in range(3):
        bench.release(rates(value, *range(30)))
    with (
        serving(served) as address,
        bad_network(address, three_of_ten(seed, (*KINDS * 5, STALLED))) as network,
    ):
        store = HttpStore(parse_web_address(network.address), silence_seconds=SILENCE_SECONDS)
        reader = PatientReader(store, QUICK)
        reading = bench.on(reader)  # type: ignore[arg-type]
        for _ in range(rounds):
            assert reading.read().equals(rates(2, *range(30)))
            assert verify_dataset(reader, Reference(bench.dataset), None).damaged == ()
    assert sum(network.faults.values()) >= 3 * (network.requests // 10) > 0


def test_a_public_store_is_read_over_a_bad_network(tmp_path: Path) -> None:
    read_over_http(tmp_path, seed=1, rounds=5)


LARGE_BYTES = 20 << 20


def cut_each_body(pieces: int) -> Choose:
    """The first so many answers with a body break in the middle, whatever was asked."""
    kinds = iter([CUT, ENDED] * pieces)
    return lambda method, path: next(kinds, None) if method == "GET" else None


def test_a_large_object_arrives_though_its_connection_breaks_again_and_again(
    tmp_path: Path,
) -> None:
    data = random.Random(1).randbytes(LARGE_BYTES)
    FolderStore(str(tmp_path)).put("large", data)
    with serving(tmp_path) as address, bad_network(address, cut_each_body(3)) as network:
        reader = PatientReader(HttpStore(parse_web_address(network.address)), QUICK)
        received = sha256()
        for piece in reader.stream("large", chunk_bytes=4 << 20):
            assert len(piece) <= 4 << 20
            received.update(piece)
    assert received.digest() == sha256(data).digest()
    assert network.faults == {CUT: 3, ENDED: 3}
    assert network.sent_bytes < 2 * LARGE_BYTES, "what had arrived was fetched again"


@pytest.mark.real
@pytest.mark.parametrize("fault", [RESET_BEFORE, RESET_AFTER, HANG_UP])
def test_a_large_upload_without_an_answer_is_settled(
    seaweed: SeaweedServer, seaweed_bucket: str, tmp_path: Path, fault: str
) -> None:
    source = tmp_path / "large"
    source.write_bytes(random.Random(2).randbytes(LARGE_BYTES))
    faults = iter([fault])

    def choose(method: str, path: str) -> str | None:
        return next(faults, None) if method == "PUT" else None

    with bad_network(seaweed.endpoint, choose) as network:
        environ = seaweed.environ() | {"OPENDATA_S3_ENDPOINT": network.address}
        store = PatientStore(open_s3(f"{seaweed_bucket}/{uuid.uuid4().hex}", environ), QUICK)
        token = store.put_new("large", LocalFile(str(source)))
        found = store.stat("large")
        assert found is not None and (found.token, found.size) == (token, LARGE_BYTES)
        assert b"".join(store.stream("large")) == source.read_bytes()
    assert network.faults == {fault: 1}


@pytest.mark.real
def test_an_upload_in_parts_repeats_the_parts_and_not_the_whole(
    seaweed: SeaweedServer, seaweed_bucket: str, tmp_path: Path
) -> None:
    source = tmp_path / "large"
    source.write_bytes(random.Random(3).randbytes(PART_BYTES // 2) * 10)
    spoil = three_of_ten(seed=4)

    def choose(method: str, path: str) -> str | None:
        return spoil(method, path) if method == "PUT" else None

    with bad_network(seaweed.endpoint, choose) as network:
        environ = seaweed.environ() | {"OPENDATA_S3_ENDPOINT": network.address}
        store = PatientStore(open_s3(f"{seaweed_bucket}/{uuid.uuid4().hex}", environ), QUICK)
        store.put("large", LocalFile(str(source)))
        assert network.requests < 2 * (5 + 2), "it began anew"
        with source.open("rb") as file:
            assert all(file.read(len(piece)) == piece for piece in store.stream("large"))
            assert file.read() == b""
    assert network.faults


@pytest.mark.requirement("S1-88")
def test_od_load_gets_its_data_over_a_bad_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a user calls it, with the pauses that a user waits."""
    bench = make_bench(FolderStore(str(tmp_path / "served")), tmp_path)
    bench.release(rates(*range(30)))
    with (
        serving(tmp_path / "served") as address,
        bad_network(address, three_of_ten(seed=5)) as network,
    ):
        monkeypatch.setenv("OPENDATA_STORAGE", network.address)
        for _ in range(3):
            assert od.load("tests/rates", format="arrow").equals(rates(*range(30)))
        assert od.verify("tests/rates").passed
    assert sum(network.faults.values()) >= 3


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 7))
def test_a_public_store_is_read_often_over_a_bad_network(tmp_path: Path, seed: int) -> None:
    read_over_http(tmp_path, seed=seed, rounds=20)
