"""Killed anywhere, retention and collection leave nothing torn, and the next one finishes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dataplatform.releases.collecting.retention import enforce_retention
from dataplatform.releases.publish import publish_release
from dataplatform_tests.fakes.ageing import AgeingStore
from dataplatform_tests.fakes.stores import CrashingStore, Fault, FaultyStore, SimulatedCrash
from dataplatform_tests.faults.killing import Place, in_parallel, kill_myself, run
from dataplatform_tests.releases.building import rates
from dataplatform_tests.releases.collecting import (
    DAY_AND_MORE,
    MARKS_APART,
    Yard,
    make_yard,
)
from opendata.stores import FolderStore, ObjectStore
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.errors import Unavailable

pytestmark = pytest.mark.requirement("B1", "B2", "S4-8", "S4-89")
KILLED = -9
TTL = timedelta(days=30)


def littered(store: ObjectStore, folder: Path) -> tuple[Yard, set[str]]:
    """A release, orphans that are marked and due, and a candidate that has expired."""
    yard = make_yard(store, folder)
    yard.bench.release(rates(1))
    yard.bench.stage(rates(5))
    orphans = yard.leave_orphans(2) | yard.leave_orphans(3)
    yard.ageing.let_pass(days=31)
    yard.bench.stage(rates(6))
    yard.mark()
    yard.ageing.let_pass(hours=MARKS_APART)
    return yard, orphans


def tidy_up(yard: Yard) -> None:
    enforce_retention(yard.bench.ports, yard.bench.dataset, TTL)
    yard.collect()


def check_whole_and_finish(yard: Yard, orphans: set[str]) -> None:
    """What is published is whole, goes on being published, and in the end all litter is gone."""
    yard.check_whole()
    assert yard.bench.read().equals(rates(1))
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    tidy_up(yard)
    assert not orphans & yard.objects
    assert [*yard.ageing.inner.list(keys.COLLECTION_JOURNALS)] == []
    yard.bench.publish(rates(2))
    yard.check_whole()
    assert yard.bench.read().equals(rates(2))


def test_killed_before_and_after_every_write(tmp_path: Path) -> None:
    yard, _ = littered(MemoryStore(), tmp_path)
    counting = CrashingStore(yard.ageing, at_write=10**9)
    tidy_up(yard.on(counting))
    assert counting.writes > 12
    for at_write in range(1, counting.writes + 1):
        yard, orphans = littered(MemoryStore(), tmp_path)
        dying = yard.on(CrashingStore(yard.ageing, at_write, after=at_write % 2 == 0))
        with pytest.raises(SimulatedCrash):
            tidy_up(dying)
        check_whole_and_finish(yard, orphans)


@pytest.mark.parametrize("operation", ["list", "get", "stat", "put", "put_new", "delete"])
def test_a_store_that_fails_at_any_call_ends_it_and_costs_nothing(
    tmp_path: Path, operation: str
) -> None:
    """Also in the middle of it; an outcome that is not known counts as not known."""
    at = 0
    while True:
        yard, orphans = littered(MemoryStore(), tmp_path)
        fault = Fault(operation, skip=at, after=at % 2 == 1)
        try:
            tidy_up(yard.on(FaultyStore(yard.ageing, [fault])))
        except Unavailable:
            check_whole_and_finish(yard, orphans)
            at += 1 if operation != "list" or at < 12 else 100  # 256 listings are alike
            continue
        break
    assert at > 0


# --- in processes that are really killed ------------------------------------------------


def folder_yard(place: Place) -> Yard:
    return make_yard(FolderStore(place.url), Path(place.scratch))


def collect_until_write(place: Place, at_write: int) -> None:
    yard = folder_yard(place)
    yard.on(CrashingStore(yard.ageing, at_write, die=kill_myself)).collect()


def collect_once(place: Place) -> None:
    folder_yard(place).collect()


def publish_once(place: Place, value: int) -> None:
    yard = folder_yard(place)
    frozen = yard.bench.freeze(yard.bench.stage(rates(value)))
    published = publish_release(yard.bench.ports, yard.bench.dataset, frozen.release.version)
    place.acknowledge(published.pointer.release)


@pytest.fixture
def new_place(tmp_path: Path) -> Callable[[], Place]:
    """Makes folders with one release and orphans that are marked and due, by their real times."""
    template = Place(str(tmp_path / "0" / "store"), str(tmp_path / "0"))
    yard = folder_yard(template)
    yard.bench.release(rates(1))
    yard.leave_orphans(2)
    make_older(yard.ageing, keys.OBJECTS, timedelta(days=2))
    yard.mark()
    make_older(yard.ageing, keys.COLLECTION_MARKS, timedelta(hours=MARKS_APART))
    count = iter(range(1, 1000))

    def new() -> Place:
        root = tmp_path / str(next(count))
        shutil.copytree(tmp_path / "0", root)
        return Place(str(root / "store"), str(root))

    return new


def make_older(store: AgeingStore, prefix: str, age: timedelta) -> None:
    """Move the times of files, which other processes see as well."""
    for stat in [*store.inner.list(prefix)]:
        path = store.local_path(stat.key)
        assert path is not None
        written = os.stat(path).st_mtime - age.total_seconds()
        os.utime(path, (written, written))


@pytest.mark.platform
def test_a_killed_process_leaves_a_whole_store(new_place: Callable[[], Place]) -> None:
    at_write, ended = 0, False
    while not ended:
        at_write += 1
        place = new_place()
        ended = run(collect_until_write, place, at_write) != KILLED
        yard = folder_yard(place)
        yard.check_whole()
        assert yard.bench.read().equals(rates(1))
        make_older(yard.ageing, keys.COLLECTION, timedelta(hours=MARKS_APART))
        yard.collect()
        assert [*yard.store.list(keys.COLLECTION_JOURNALS)] == []
        assert yard.objects == set(yard.needed()) | staged_objects(yard)
    assert at_write > 5


def staged_objects(yard: Yard) -> set[str]:
    documents = [yard.store.get(stat.key).data.decode() for stat in yard.store.list(keys.STAGING)]
    return {key for key in yard.objects if any(key in text for text in documents)}


@pytest.mark.platform
def test_collectors_and_publishers_at_once(new_place: Callable[[], Place]) -> None:
    """Two of each on the same store: what was acknowledged is whole."""
    for _ in range(2):
        place = new_place()
        acts = [(publish_once, place, 2), (publish_once, place, 3), (collect_once, place)]
        codes = in_parallel(act_one, [*acts, (collect_once, place)])
        assert set(codes) <= {0, 1}  # one of the publishers may lose its race
        yard = folder_yard(place)
        yard.check_whole()
        assert place.acknowledged
        assert yard.bench.read().num_rows == 1


def act_one(act: Callable[..., None], *args: object) -> None:
    act(*args)
