"""Several publishers of one data set, each on a bad network of its own: one chain all the same."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dataplatform.releases.derive import derive_copies
from dataplatform.releases.publish import publish_release
from dataplatform.releases.repair import inspect, repair
from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.fakes.shaky import ShakyStore
from dataplatform_tests.faults.shaking import SECTIONS
from dataplatform_tests.releases.building import Bench, make_bench, rates
from dataplatform_tests.servers.bad_network import KINDS, bad_network, three_of_ten
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.reading.catalogue import load_catalogue
from opendata.reading.history import walk_history
from opendata.reading.resolve import resolve
from opendata.reading.verify import verify_dataset
from opendata.stores import FolderStore, ObjectStore, open_store
from opendata.stores.memory import MemoryStore
from opendata.stores.patient_store import PatientStore
from opendata.stores.s3 import open_s3
from opendata.wire.errors import Conflict, Unavailable
from opendata.wire.ids import Reference
from opendata.wire.pointer import Pointer
from opendata.wire.version import parse_version

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "S4-8")]
DAYS = 33
NewStore = Callable[[Path], ObjectStore]


@dataclass
class Publisher:
    """Publishes one value after the other, until each is out; notes what it was told."""

    bench: Bench
    published: dict[float, Pointer] = field(default_factory=dict)
    winners: list[object] = field(default_factory=list)
    unanswered: int = 0

    def publish(self, value: float) -> None:
        """As a person would: run again after a conflict, and when nobody can tell."""
        while value not in self.published:
            try:
                release = self.bench.freeze(self.bench.stage(rates(*[value] * DAYS))).release
                done = publish_release(self.bench.ports, self.bench.dataset, release.version)
                self.published[value] = done.pointer
                derive_copies(self.bench.ports, self.bench.dataset)
            except Conflict as lost:
                self.winners.append(lost.details["winner"])
            except Unavailable:
                self.unanswered += 1


def race(store: ObjectStore, folder: Path, views: list[ObjectStore], *, releases: int) -> None:
    """One publisher behind each view of the store, all at once."""
    make_bench(store, folder, **SECTIONS).release(rates(*[0.0] * DAYS))
    racing = [
        Publisher(make_bench(view, folder / str(number), **SECTIONS))
        for number, view in enumerate(views)
    ]

    def act(number: int) -> None:
        for turn in range(releases):
            racing[number].publish(float(1 + number * releases + turn))

    with ThreadPoolExecutor(len(views)) as pool:
        list(pool.map(act, range(len(views))))
    _check(make_bench(store, folder, **SECTIONS), racing, len(views) * releases)


def shaken(store: ObjectStore, seed: int) -> ObjectStore:
    """The store as it is seen over a bad network of one's own."""
    time = VirtualTime()
    return PatientStore(ShakyStore(store, time, seed=seed), time.patience(seed=seed))


def _check(bench: Bench, racing: list[Publisher], releases: int) -> None:
    history = list(walk_history(bench.store, bench.dataset))
    told = {value: pointer for one in racing for value, pointer in one.published.items()}
    assert [commit.generation for commit in history] == list(range(releases + 1, 0, -1))
    assert len(told) == releases
    assert sorted(p.commit_id for p in told.values()) == sorted(
        commit.commit_id for commit in history[:-1]
    )
    commits = [commit.to_json() for commit in history]
    assert all(winner in commits for one in racing for winner in one.winners)
    for value, pointer in told.items():
        reference = Reference(bench.dataset, parse_version(pointer.release))
        rows = bench.read(resolve(bench.store, reference))
        assert rows["rate"].to_pylist() == [value] * DAYS
    repair(bench.ports, bench.dataset)
    assert not any(one.repairable for one in inspect(bench.ports, bench.dataset))
    assert verify_dataset(bench.store, Reference(bench.dataset), None).passed
    assert load_catalogue(bench.store).datasets[0].release == history[0].release
    assert sum(one.unanswered for one in racing) == 0


def in_memory(folder: Path) -> ObjectStore:
    return MemoryStore()


def in_a_folder(folder: Path) -> ObjectStore:
    return FolderStore(str(folder / "store"))


@pytest.mark.parametrize("new_store", [in_memory, in_a_folder])
def test_each_publisher_gets_through_and_is_told_the_truth(
    tmp_path: Path, new_store: NewStore
) -> None:
    store = new_store(tmp_path)
    race(store, tmp_path, [shaken(store, seed) for seed in range(4)], releases=4)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 7))
@pytest.mark.parametrize("new_store", [in_memory, in_a_folder])
def test_many_publishers_get_through_and_are_told_the_truth(
    tmp_path: Path, new_store: NewStore, seed: int
) -> None:
    store = new_store(tmp_path)
    race(store, tmp_path, [shaken(store, 100 * seed + one) for one in range(8)], releases=5)


@pytest.mark.real
@pytest.mark.long
def test_publishers_on_s3_get_through_over_sockets_that_break(
    seaweed: SeaweedServer, seaweed_bucket: str, tmp_path: Path
) -> None:
    url = f"{seaweed_bucket}/{uuid.uuid4().hex}"
    with bad_network(seaweed.endpoint, three_of_ten(seed=3)) as network:
        environ = seaweed.environ() | {"OPENDATA_S3_ENDPOINT": network.address}
        views: list[ObjectStore] = [PatientStore(open_s3(url, environ)) for _ in range(3)]
        race(open_store(url, environ=seaweed.environ()), tmp_path, views, releases=3)
    assert set(network.faults) == set(KINDS)
