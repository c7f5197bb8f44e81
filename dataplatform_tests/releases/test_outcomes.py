"""A store that does not answer: no wrong success, no wrong failure, and asking again settles it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from dataplatform.releases.chain import Released, release_candidate
from dataplatform.releases.publish import Published, publish_release
from dataplatform.releases.repair import inspect, repair
from dataplatform.releases.run import release
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from opendata.reading.history import walk_history
from opendata.reading.resolve import read_current
from opendata.reading.verify import verify_dataset
from opendata.stores import AlreadyExists, PreconditionFailed
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Conflict, Unavailable
from opendata.wire.ids import Reference
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("B1", "B46")
Answer = TypeVar("Answer")
V1, V2 = parse_version("1.0.0"), parse_version("1.0.1")
WRITES_OF_PUBLISH = ("*/commits/*", "*/latest.json")


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore())


@pytest.fixture(params=["the first release", "a later one"])
def bench(request: pytest.FixtureRequest, store: FaultyStore, tmp_path: Path) -> Bench:
    """A bench with one frozen release that is to be published."""
    bench = make_bench(store, tmp_path, contract={"primary_key": ["day"]})
    if request.param == "a later one":
        bench.release(rates(0))
    bench.freeze(bench.stage(rates(1)))
    return bench


def frozen(bench: Bench) -> str:
    return "1.0.0" if read_current(bench.store, bench.dataset) is None else "1.0.1"


def publish(bench: Bench, version: str) -> Published:
    return publish_release(bench.ports, bench.dataset, parse_version(version))


def refuse(error: Callable[[str], Exception]) -> Callable[[], Exception]:
    return lambda: error("scripted")


@pytest.mark.parametrize("key", WRITES_OF_PUBLISH)
@pytest.mark.parametrize("after", [False, True])
def test_a_write_without_an_answer_is_settled(
    bench: Bench, store: FaultyStore, key: str, after: bool
) -> None:
    version, before = frozen(bench), read_current(bench.store, bench.dataset)
    store.script.append(Fault("write", key=key, after=after))
    if after and key.endswith("latest.json"):
        assert publish(bench, version).moved  # the swap had happened: no wrong failure
    else:
        with pytest.raises(Unavailable) as unknown:
            publish(bench, version)
        assert unknown.value.retryable
        assert read_current(bench.store, bench.dataset) == before
        assert publish(bench, version).moved
    assert str(bench.current.version) == version
    commits = [commit.release for commit in walk_history(bench.store, bench.dataset)]
    assert commits == (["1.0.0"] if version == "1.0.0" else ["1.0.1", "1.0.0"])


def test_a_refusal_of_one_s_own_lost_swap_is_a_success(bench: Bench, store: FaultyStore) -> None:
    version = frozen(bench)
    store.script += [
        Fault("put_new", key="*/latest.json", after=True, error=refuse(AlreadyExists)),
        Fault("put_if_match", key="*/latest.json", after=True, error=refuse(PreconditionFailed)),
    ]
    published = publish(bench, version)
    assert published.moved
    assert published.pointer == bench.current.pointer


def test_a_refusal_of_one_s_own_lost_commit_record_is_no_conflict(
    bench: Bench, store: FaultyStore
) -> None:
    version = frozen(bench)
    store.script.append(
        Fault("put_new", key="*/commits/*", after=True, error=refuse(AlreadyExists))
    )
    assert publish(bench, version).moved


def test_a_swap_on_which_others_have_built_already_is_a_success(
    bench: Bench, store: FaultyStore
) -> None:
    version, others = frozen(bench), bench.on(store.inner)

    def others_go_on() -> Exception:
        others.publish(rates(2, 3))
        return Unavailable("scripted")

    store.script.append(Fault("put*", key="*/latest.json", after=True, error=others_go_on))
    mine = publish(bench, version)
    assert mine.pointer.release == version
    head, commit = list(walk_history(bench.store, bench.dataset))[:2]
    assert commit == mine.pointer
    assert head.parent_commit_id == mine.pointer.commit_id
    assert bench.read().equals(rates(2, 3))


def test_a_swap_that_others_won_meanwhile_is_a_conflict_that_names_them(
    bench: Bench, store: FaultyStore
) -> None:
    version, others = frozen(bench), bench.on(store.inner)
    winners = []

    def others_win() -> Exception:
        winners.append(others.publish(rates(2, 3)).pointer)
        winners.append(others.publish(rates(2, 3, 4)).pointer)
        return Unavailable("scripted")

    store.script.append(Fault("put*", key="*/latest.json", error=others_win))
    with pytest.raises(Conflict) as lost:
        publish(bench, version)
    assert lost.value.details["winner"] == winners[0].to_json()
    assert winners[0].commit_id in lost.value.message


@pytest.mark.parametrize("after", [False, True])
def test_when_nobody_can_tell_that_is_what_is_said(
    bench: Bench, store: FaultyStore, after: bool
) -> None:
    version = frozen(bench)
    store.script += [
        Fault("put*", key="*/latest.json", after=after),
        Fault("get", key="*/latest.json", skip=1),  # the first look is before the swap
    ]
    with pytest.raises(Unavailable, match="is not known") as unknown:
        publish(bench, version)
    assert unknown.value.code == "outcome_unknown"
    settled = publish(bench, version)
    assert settled.moved is not after
    assert str(bench.current.version) == version


def test_a_release_that_is_out_is_no_failure_because_its_copies_are_behind(
    bench: Bench, store: FaultyStore
) -> None:
    said: list[str] = []
    store.script.append(Fault("put", key="*/metadata.json", times=99))
    built = bench.build(rates(1))
    result = release_candidate(bench.ports, bench.dataset, built, RUN, said.append)
    assert isinstance(result, Released)
    assert any("its copies are behind" in line for line in said)
    store.script.clear()
    assert any(one.repairable for one in repair(bench.ports, bench.dataset))
    assert not any(one.repairable for one in inspect(bench.ports, bench.dataset))


def test_a_run_that_cannot_be_recorded_keeps_its_outcome(bench: Bench, store: FaultyStore) -> None:
    said: list[str] = []
    store.script.append(Fault("write", key="*/health.json", times=99))
    for make, expected in ((lambda: bench.build(rates(1)), None), (fail, ZeroDivisionError)):
        if expected is None:
            assert isinstance(release(bench.ports, bench.dataset, make, RUN, said.append), Released)
        else:
            with pytest.raises(expected):
                release(bench.ports, bench.dataset, make, RUN, said.append)
    assert sum("could not be recorded" in line for line in said) == 2


def fail() -> object:
    return 1 / 0


@pytest.mark.parametrize("seed", range(30))
def test_with_many_requests_failing_every_answer_is_true(tmp_path: Path, seed: int) -> None:
    """Before and after the effect; each release is asked for until it is answered."""
    dice = random.Random(seed)

    class Unreliable(FaultyStore):
        def before(self, operation: str, key: str) -> None:
            self.roll()

        def after(self, operation: str, key: str) -> None:
            self.roll()

        def roll(self) -> None:
            if dice.random() < 0.08:
                raise Unavailable("scripted")

    sound = MemoryStore()
    bench = make_bench(sound, tmp_path, contract={"primary_key": ["day"]})
    shaky = bench.on(Unreliable(sound))
    for value in range(3):
        digest = bench.stage(rates(value))
        release = persist(lambda digest=digest: shaky.freeze(digest)).release
        published = persist(lambda release=release: publish(shaky, str(release.version)))
        assert bench.current.pointer == published.pointer
        assert bench.read().equals(rates(value))
    assert [commit.generation for commit in walk_history(sound, bench.dataset)] == [3, 2, 1]
    persist(lambda: repair(shaky.ports, bench.dataset))
    repair(bench.ports, bench.dataset)
    assert not any(one.repairable for one in inspect(bench.ports, bench.dataset))
    assert verify_dataset(sound, Reference(bench.dataset), None).passed


def persist(act: Callable[[], Answer]) -> Answer:
    """Ask until there is an answer; everything but Unavailable is one."""
    for _ in range(500):
        try:
            return act()
        except Unavailable:
            continue
    raise AssertionError("there never was an answer")
