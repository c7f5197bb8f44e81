"""What could not be read is not damaged, not gone and not to be replaced: it was not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dataplatform.releases.index import rebuild_index
from dataplatform.releases.repair import inspect, repair
from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata.reading.cache import Cache
from opendata.reading.catalogue import load_catalogue
from opendata.reading.offline import RememberingReader
from opendata.reading.resolve import resolve
from opendata.reading.verify import verify_dataset
from opendata.stores.memory import MemoryStore
from opendata.stores.patient_reader import PatientReader
from opendata.stores.port import UNREACHABLE
from opendata.wire import keys
from opendata.wire.errors import Unavailable
from opendata.wire.ids import Reference

pytestmark = pytest.mark.requirement("B1")


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore())


@pytest.fixture
def bench(store: FaultyStore, tmp_path: Path) -> Bench:
    """Two releases, and a third that was frozen and never published."""
    bench = make_bench(store, tmp_path, contract={"primary_key": ["day"]})
    bench.release(rates(1))
    bench.release(rates(2))
    bench.freeze(bench.stage(rates(3)))
    return bench


USES: dict[str, Callable[[Bench], object]] = {
    "verify": lambda bench: verify_dataset(bench.store, Reference(bench.dataset), None),
    "inspect": lambda bench: inspect(bench.ports, bench.dataset),
    "repair": lambda bench: repair(bench.ports, bench.dataset),
}


@pytest.mark.parametrize("use", USES)
def test_silence_at_any_moment_is_never_a_finding(
    bench: Bench, store: FaultyStore, use: str
) -> None:
    """Whichever request stays without an answer: the whole answers, or nothing is said."""
    usual = USES[use](bench)
    calls = store.count()
    USES[use](bench)
    requests = store.count() - calls
    assert requests > 8
    for silent in range(requests):
        store.script[:] = [Fault("[!l]*", skip=silent, times=10**6)]  # but for `local_path`
        try:
            found = USES[use](bench)
        except Unavailable:
            continue
        finally:
            store.script.clear()
        assert found == usual


def test_an_index_is_not_made_anew_from_what_could_be_read(
    bench: Bench, store: FaultyStore, tmp_path: Path
) -> None:
    other = make_bench(store, tmp_path, id="tests/other", contract={"primary_key": ["day"]})
    other.release(rates(1))
    store.delete(keys.INDEX)
    store.script.append(Fault("get", key=keys.pointer_key(other.dataset)))
    with pytest.raises(Unavailable):
        repair(bench.ports, bench.dataset)
    repair(bench.ports, bench.dataset)
    entries = load_catalogue(store).datasets
    assert [entry.id for entry in entries] == ["tests/other", "tests/rates"]


def test_a_rebuilt_index_keeps_the_entry_of_what_cannot_be_read(
    bench: Bench, store: FaultyStore
) -> None:
    before = load_catalogue(store).datasets
    store.script.append(Fault("get", key=keys.pointer_key(bench.dataset)))
    rebuilt, problems = rebuild_index(bench.ports)
    assert [one.object for one in problems] == [keys.pointer_key(bench.dataset)]
    assert rebuilt.datasets == before


def test_without_a_network_the_cache_answers_after_one_short_wait(
    bench: Bench, store: FaultyStore, tmp_path: Path
) -> None:
    """However many documents a load asks for: a store is missed once, in seconds."""
    cache, time = Cache(str(tmp_path / "seen")), VirtualTime()
    reader = RememberingReader(PatientReader(store, time.patience()), cache)
    release = resolve(RememberingReader(store, cache), Reference(bench.dataset))
    no_network = Unavailable("no network", code=UNREACHABLE)
    store.script.append(Fault("*", times=10**6, error=lambda: no_network))
    offline = resolve(reader, Reference(bench.dataset))
    assert (offline.version, reader.offline) == (release.version, True)
    assert 0 < time.now_seconds <= 3
    asked = store.count("get")
    assert resolve(reader, Reference(bench.dataset)).version == release.version
    assert store.count("get") == asked + 2  # pointer and manifest, each tried once
    assert time.now_seconds <= 3
