"""What a part is built upon: the last candidate, while it is unreleased and not overtaken."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.releases.candidate import Candidate
from dataplatform.releases.freeze import Frozen, freeze_candidate
from dataplatform.releases.pending import LastBuild, generation_of, pending_candidate
from dataplatform.releases.publish import move_back, publish_release
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from opendata.reading.resolve import read_current
from opendata.stores.memory import MemoryStore
from opendata.wire.version import parse_version


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(MemoryStore(), tmp_path)


def pending(bench: Bench, digest: str, generation: int) -> tuple[Candidate | None, list[str]]:
    told: list[str] = []
    current = read_current(bench.store, bench.dataset)
    found = pending_candidate(
        bench.ports,
        bench.dataset,
        current,
        LastBuild(digest, generation),
        lambda level, line: told.append(line),
    )
    return found, told


def test_before_the_first_release_the_last_candidate_waits(bench: Bench) -> None:
    digest = bench.stage(rates(1.0))
    found, told = pending(bench, digest, 0)
    assert found is not None
    assert (found.row_count, told) == (1, [])


def test_a_candidate_upon_the_current_release_waits_until_it_is_released(bench: Bench) -> None:
    bench.release(rates(1.0))
    digest = bench.stage(rates(1.0, 2.0))
    assert pending(bench, digest, 1)[0] is not None
    publish_release(bench.ports, bench.dataset, bench.freeze(digest).release.version)
    assert pending(bench, digest, 1) == (None, [])


def test_a_candidate_that_was_overtaken_is_let_go_with_a_word(bench: Bench) -> None:
    bench.release(rates(1.0))
    digest = bench.stage(rates(1.0, 2.0))
    bench.release(rates(1.0, 3.0))
    found, [line] = pending(bench, digest, 1)
    assert found is None
    assert "what only it held has to be built again" in line


def test_a_candidate_that_was_released_and_rolled_back_is_let_go(bench: Bench) -> None:
    bench.release(rates(1.0))
    digest = bench.stage(rates(1.0, 2.0))
    publish_release(bench.ports, bench.dataset, bench.freeze(digest).release.version)
    move_back(bench.ports, bench.dataset, parse_version("1.0.0"))
    assert generation_of(bench.current) == 3
    assert pending(bench, digest, 1)[0] is None


def test_a_candidate_that_holds_nothing_new_is_not_waited_for(bench: Bench) -> None:
    bench.release(rates(1.0))
    digest = bench.stage(rates(1.0), code="2")
    assert not isinstance(freeze_candidate(bench.ports, bench.dataset, digest, RUN), Frozen)
    assert pending(bench, digest, 1) == (None, [])


def test_a_candidate_that_was_cleaned_away_is_told(bench: Bench) -> None:
    bench.release(rates(1.0))
    found, [line] = pending(bench, "ab" * 32, 1)
    assert found is None
    assert "has no candidate" in line and "upon the current release instead" in line
