"""Killed anywhere, a publisher leaves the old release or the new one, and nothing to clean up."""

from __future__ import annotations

import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataplatform.releases.derive import derive_copies
from dataplatform.releases.publish import publish_release
from dataplatform_tests.fakes.stores import CrashingStore
from dataplatform_tests.faults.aftermath import check_repair_and_go_on, check_whole
from dataplatform_tests.faults.killing import (
    CountedCalls,
    Place,
    fork_server,
    publish_for_ever,
    publish_until_call,
    publish_until_write,
    publish_value,
    run,
    table_of,
)
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.reading.resolve import read_current

pytestmark = [pytest.mark.platform, pytest.mark.requirement("B1", "S4-8", "S1-63")]
KILLED = -9
NewPlace = Callable[[], Place]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[NewPlace]:
    """Makes places in folders of their own, each with one release (value 1)."""
    template = Place(str(tmp_path / "template" / "store"), str(tmp_path / "template"))
    publish_value(template, template.open(), 1)

    def new() -> Place:
        root = tmp_path / uuid.uuid4().hex
        shutil.copytree(tmp_path / "template", root)
        return Place(str(root / "store"), str(root))

    return new


@pytest.fixture
def bucket(tmp_path: Path, seaweed: SeaweedServer, seaweed_bucket: str) -> NewPlace:
    """Makes places in a real bucket, each with one release (value 1)."""

    def new() -> Place:
        name = uuid.uuid4().hex
        (tmp_path / name).mkdir()
        place = Place(f"{seaweed_bucket}/{name}", str(tmp_path / name), seaweed.environ())
        publish_value(place, place.open(), 1)
        return place

    return new


def count_writes(new_place: NewPlace) -> int:
    place = new_place()
    store = CrashingStore(place.open(), at_write=10**9)
    publish_value(place, store, 2)
    return store.writes


def kill_at_every_write(new_place: NewPlace) -> None:
    """Before each write: what a kill after it leaves is what the next one finds."""
    writes = count_writes(new_place)
    assert writes > 15
    for at_write, after in [*((number, False) for number in range(1, writes + 1)), (writes, True)]:
        place = new_place()
        before = len(place.acknowledged)
        assert run(publish_until_write, place, 2, at_write, after) == KILLED
        value = check_whole(place)
        assert value == 2 if len(place.acknowledged) > before else value in (1, 2)
        check_repair_and_go_on(place, 3)


def kill_at_calls(new_place: NewPlace, step: int) -> None:
    """Inside of the folder store's writes: between open, write, sync and rename."""
    calls = CountedCalls(10**9, lambda: None)
    bench = new_place().bench()
    digest = bench.stage(table_of(2))
    with calls.watching():
        frozen = bench.freeze(digest).release
        publish_release(bench.ports, bench.dataset, frozen.version)
        derive_copies(bench.ports, bench.dataset)
    assert calls.count > 50
    for at_call in range(1, calls.count + 1, step):
        place = new_place()
        before = len(place.acknowledged)
        assert run(publish_until_call, place, 2, at_call) == KILLED
        value = check_whole(place)
        assert value == 2 if len(place.acknowledged) > before else value in (1, 2)
        check_repair_and_go_on(place, 3)


def kill_at_random_moments(
    new_place: NewPlace, longest_seconds: float, kills: int = 20, seed: int = 0
) -> None:
    dice = random.Random(seed)
    place, value = new_place(), 2
    for _ in range(kills):
        child = fork_server().Process(target=publish_for_ever, args=(place, value))
        child.start()
        time.sleep(dice.uniform(0, longest_seconds))
        child.kill()
        child.join(300)
        assert child.exitcode == KILLED
        check_whole(place)
        value += 1_000
        check_repair_and_go_on(place, value)
        value += 1
    assert len(place.acknowledged) > kills


def test_killed_at_every_write_to_a_folder(folder: NewPlace) -> None:
    kill_at_every_write(folder)


def test_killed_at_every_write_of_the_first_release(tmp_path: Path) -> None:
    """Before there is anything to read: no data set, or a whole one."""
    at_write = 0
    while True:
        at_write += 1
        root = tmp_path / str(at_write)
        root.mkdir()
        place = Place(str(root / "store"), str(root))
        if run(publish_until_write, place, 1, at_write, False) != KILLED:
            break
        bench = place.bench()
        if read_current(bench.store, bench.dataset) is None:
            assert place.acknowledged == []
        else:
            assert check_whole(place) == 1
        check_repair_and_go_on(place, 2)
    assert at_write > 15


def test_killed_at_every_third_call_of_a_folder_to_the_system(folder: NewPlace) -> None:
    kill_at_calls(folder, step=3)


@pytest.mark.long
def test_killed_at_every_call_of_a_folder_to_the_system(folder: NewPlace) -> None:
    kill_at_calls(folder, step=1)


def test_killed_at_random_moments_in_a_folder(folder: NewPlace) -> None:
    kill_at_random_moments(folder, longest_seconds=0.2)


@pytest.mark.long
def test_killed_very_often_at_random_moments_in_a_folder(folder: NewPlace) -> None:
    for seed in range(1, 11):
        kill_at_random_moments(folder, longest_seconds=0.3, seed=seed)


@pytest.mark.real
def test_killed_at_every_write_to_s3(bucket: NewPlace) -> None:
    kill_at_every_write(bucket)


@pytest.mark.real
def test_killed_at_random_moments_on_s3(bucket: NewPlace) -> None:
    kill_at_random_moments(bucket, longest_seconds=0.3)


@pytest.mark.real
@pytest.mark.long
def test_killed_very_often_at_random_moments_on_s3(bucket: NewPlace) -> None:
    for seed in range(1, 11):
        kill_at_random_moments(bucket, longest_seconds=0.5, seed=seed)
