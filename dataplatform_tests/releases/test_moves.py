"""What happened to a pointer since somebody last looked: in order, once, and never invented."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.releases.derive import derive_copies
from dataplatform.releases.moves import MOVES_TOLD, moved_datasets, moves_since
from dataplatform.releases.publish import move_back
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.errors import Corrupt
from opendata.wire.version import parse_version


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(MemoryStore(), tmp_path, time="day")


def told(bench: Bench, since: str | None) -> list[tuple[int, str, str]]:
    moves = moves_since(bench.store, bench.dataset, since)
    return [(m.pointer.generation, m.pointer.kind, str(m.release.version)) for m in moves]


def test_nothing_published_is_no_move(bench: Bench) -> None:
    assert list(moved_datasets(bench.store, {})) == []
    assert told(bench, None) == []


def test_a_data_set_has_moved_until_its_generation_was_seen(bench: Bench) -> None:
    bench.release(rates(1.0))
    assert list(moved_datasets(bench.store, {})) == [(bench.dataset, 1)]
    assert list(moved_datasets(bench.store, {str(bench.dataset): 1})) == []
    bench.release(rates(2.0))
    assert list(moved_datasets(bench.store, {str(bench.dataset): 1})) == [(bench.dataset, 2)]


def test_who_sees_a_data_set_for_the_first_time_is_told_its_present(bench: Bench) -> None:
    for value in (1.0, 2.0, 3.0):
        bench.release(rates(value))
    assert told(bench, None) == [(3, "hotfix", "1.0.2")]


def test_moves_are_told_in_the_order_in_which_they_happened(bench: Bench) -> None:
    seen = bench.release(rates(1.0)).pointer.commit_id
    bench.release(rates(2.0))
    move_back(bench.ports, bench.dataset, parse_version("1.0.0"))
    derive_copies(bench.ports, bench.dataset)
    assert told(bench, seen) == [(2, "hotfix", "1.0.1"), (3, "rollback", "1.0.0")]


def test_who_has_seen_the_present_is_told_nothing(bench: Bench) -> None:
    seen = bench.release(rates(1.0)).pointer.commit_id
    assert told(bench, seen) == []


def test_of_very_many_moves_the_newest_are_told(bench: Bench) -> None:
    for value in range(MOVES_TOLD + 3):
        bench.publish(rates(float(value)))
    generations = [generation for generation, _, _ in told(bench, "an-unknown-commit")]
    assert generations == list(range(4, MOVES_TOLD + 4))


def test_a_damaged_catalogue_is_no_empty_one(bench: Bench) -> None:
    bench.release(rates(1.0))
    bench.store.put(keys.INDEX, b"{")
    with pytest.raises(Corrupt):
        list(moved_datasets(bench.store, {}))
