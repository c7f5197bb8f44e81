"""The same over real sockets: a proxy spoils three in ten requests to a real S3 or web server."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

import opendata as od
from dataplatform_tests.faults.shaking import begin_life
from dataplatform_tests.releases.building import Bench, make_bench, rates
from dataplatform_tests.servers.bad_network import KINDS, STALLED, bad_network, three_of_ten
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.servers.static_http import serving
from opendata.reading.verify import verify_dataset
from opendata.stores import FolderStore, open_store
from opendata.stores.addresses import parse_web_address
from opendata.stores.http import HttpStore
from opendata.stores.patience import Patience
from opendata.stores.patient import PatientReader, PatientStore
from opendata.stores.s3 import open_s3
from opendata.wire.ids import Reference

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "B8")]
QUICK = Patience(first_pause_seconds=0.002, longest_pause_seconds=0.02, busy_pause_seconds=0.01)
"""The product's tries and budget; only the pauses are those of a test."""
SILENCE_SECONDS = 0.5


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
def test_hundreds_of_operations_on_s3_succeed_over_a_bad_network(
    seaweed: SeaweedServer, seaweed_bucket: str, tmp_path: Path
) -> None:
    for seed in range(2, 8):
        folder = tmp_path / str(seed)
        live_on_s3(seaweed, f"{seaweed_bucket}/{uuid.uuid4().hex}", folder, seed, operations=50)


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
    assert sum(network.faults.values()) > 5


@pytest.mark.long
def test_a_public_store_is_read_often_over_a_bad_network(tmp_path: Path) -> None:
    for seed in range(2, 12):
        read_over_http(tmp_path / str(seed), seed=seed, rounds=20)
