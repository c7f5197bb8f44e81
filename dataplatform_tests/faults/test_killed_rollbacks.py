"""Killed anywhere, going back or hardening leaves one whole release, and repair finishes the rest.

And many at once: of all that harden a release one mark stands, and of publishers and rollbacks that
race one chain comes out, with marks that say what it says.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from dataplatform.releases.harden import harden
from dataplatform.releases.repair import inspect, repair
from dataplatform.releases.rollback import roll_back
from dataplatform_tests.fakes.stores import CrashingStore
from dataplatform_tests.faults.aftermath import check_repair_and_go_on, check_whole
from dataplatform_tests.faults.killing import (
    CountedCalls,
    Place,
    fork_server,
    in_parallel,
    kill_myself,
    publish_value,
    run,
)
from dataplatform_tests.servers.seaweed import SeaweedServer
from opendata.reading.history import walk_history
from opendata.reading.listing import list_releases
from opendata.reading.marks import find_mark
from opendata.wire.errors import Conflict, Unavailable
from opendata.wire.version import parse_version

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-8", "S4-53", "S4-55", "B1", "B2")]
KILLED = -9
NEVER = 10**9
V1, V2, V3 = (parse_version(f"1.0.{patch}") for patch in range(3))
AT_ONCE = 6
NewPlace = Callable[[], Place]


# --- what children do ----------------------------------------------------------------


def go_back(place: Place, at_write: int, after: bool) -> int:
    """Roll back from 1.0.2 to 1.0.0, and be killed at a write to the store."""
    store = CrashingStore(place.open(), at_write, after=after, die=kill_myself)
    bench = place.bench(store)
    roll_back(bench.ports, bench.dataset, V1, by="tests")
    return store.writes


def go_back_until_call(place: Place, at_call: int) -> int:
    """The same, killed before the folder's n-th call to the system."""
    bench = place.bench()
    calls = CountedCalls(at_call, kill_myself)
    with calls.watching():
        roll_back(bench.ports, bench.dataset, V1, by="tests")
    return calls.count


def make_hard(place: Place, at_call: int) -> int:
    """Harden 1.0.2, and be killed before the folder's n-th call to the system."""
    bench = place.bench()
    calls = CountedCalls(at_call, kill_myself)
    with calls.watching():
        harden(bench.ports, bench.dataset, V3, by="tests")
    return calls.count


def harden_together(place: Place, name: str, start: Barrier) -> None:
    bench = place.bench()
    start.wait(300)
    if harden(bench.ports, bench.dataset, V3, by=name).wrote:
        place.acknowledge(name)


def move_together(place: Place, number: int, start: Barrier) -> None:
    """Every second one publishes, the others go back, to this or that release; all get through."""
    bench = place.bench()
    start.wait(300)
    while True:
        try:
            if number % 2:
                publish_value(place, bench.store, 10 + number)
            else:
                roll_back(bench.ports, bench.dataset, (V1, V2, V3)[number // 2], by=f"n{number}")
            return
        except (Conflict, Unavailable):  # others were first
            time.sleep(0.02)


# --- where they do it ----------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[NewPlace]:
    """Makes places in folders of their own, each with three releases (values 1, 2, 3)."""
    template = Place(str(tmp_path / "template" / "store"), str(tmp_path / "template"))
    for value in (1, 2, 3):
        publish_value(template, template.open(), value)

    def new() -> Place:
        root = tmp_path / uuid.uuid4().hex
        shutil.copytree(tmp_path / "template", root)
        return Place(str(root / "store"), str(root))

    return new


def states(place: Place) -> dict[str, str]:
    bench = place.bench()
    return {one.release: one.state for one in list_releases(bench.store, bench.dataset)}


def check_after_a_kill(place: Place) -> None:
    """Old or new, and after a repair all that belongs to it; then life goes on."""
    value = check_whole(place)
    assert value in (1, 3)
    bench = place.bench()
    repair(bench.ports, bench.dataset)
    yanked = {release for release, state in states(place).items() if state == "yanked"}
    assert yanked == ({"1.0.1", "1.0.2"} if value == 1 else set())
    check_repair_and_go_on(place, 4)
    assert states(place)["1.0.3"] == "current"


def kill_at_every_write(new_place: NewPlace, writes: int) -> None:
    for at_write in range(1, writes + 1):
        place = new_place()
        assert run(go_back, place, at_write, False) == KILLED
        check_after_a_kill(place)


def test_killed_at_every_write_of_a_rollback_in_a_folder(folder: NewPlace) -> None:
    writes = go_back(folder(), NEVER, after=False)
    assert writes > 7  # commit, pointer, two marks, four copies, the record of who did it
    kill_at_every_write(folder, writes)


def test_killed_at_every_twentieth_call_of_a_rollback_to_the_system(folder: NewPlace) -> None:
    calls = go_back_until_call(folder(), NEVER)
    assert calls > 50
    for at_call in range(1, calls + 1, 20):
        place = folder()
        assert run(go_back_until_call, place, at_call) == KILLED
        check_after_a_kill(place)


def test_killed_at_every_call_of_hardening_to_the_system(folder: NewPlace) -> None:
    calls = make_hard(folder(), NEVER)
    assert calls >= 5
    for at_call in range(1, calls + 1):
        place = folder()
        assert run(make_hard, place, at_call) == KILLED
        assert check_whole(place) == 3
        bench = place.bench()
        mark = find_mark(bench.store, bench.dataset, V3, "hard")  # whole, or not there
        again = harden(bench.ports, bench.dataset, V3, by="again")
        assert again.wrote is (mark is None)


@pytest.mark.real
def test_killed_at_every_write_of_a_rollback_on_s3(
    tmp_path: Path, seaweed: SeaweedServer, seaweed_bucket: str
) -> None:
    def new() -> Place:
        name = uuid.uuid4().hex
        (tmp_path / name).mkdir()
        place = Place(f"{seaweed_bucket}/{name}", str(tmp_path / name), seaweed.environ())
        for value in (1, 2, 3):
            publish_value(place, place.open(), value)
        return place

    kill_at_every_write(new, go_back(new(), NEVER, after=False))


# --- many at once ----------------------------------------------------------------------


def test_of_many_that_harden_at_once_one_mark_stands(folder: NewPlace) -> None:
    place = folder()
    before = place.acknowledged
    start = fork_server().Barrier(AT_ONCE)
    names = [f"n{number}" for number in range(AT_ONCE)]
    codes = in_parallel(harden_together, [(place, name, start) for name in names])
    assert codes == [0] * AT_ONCE
    [winner] = place.acknowledged[len(before) :]
    bench = place.bench()
    mark = find_mark(bench.store, bench.dataset, V3, "hard")
    assert mark is not None and mark.by == winner


def test_publishers_and_rollbacks_at_once_make_one_chain_and_marks_that_fit_it(
    folder: NewPlace,
) -> None:
    place = folder()
    start = fork_server().Barrier(AT_ONCE)
    codes = in_parallel(move_together, [(place, number, start) for number in range(AT_ONCE)])
    assert codes == [0] * AT_ONCE
    bench = place.bench()
    history = list(walk_history(bench.store, bench.dataset))
    assert [commit.generation for commit in history] == list(range(len(history), 0, -1))
    assert set(place.acknowledged) == {c.release for c in history if c.kind != "rollback"}
    repair(bench.ports, bench.dataset)
    assert not any(one.repairable for one in inspect(bench.ports, bench.dataset))
    listed = list_releases(bench.store, bench.dataset, datetime.now(UTC))
    assert [one.release for one in listed if one.state == "current"] == [history[0].release]
    check_repair_and_go_on(place, 99)
