"""The way of a candidate in steps that lie apart: what may be published for which candidate."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.releases.health import read_recorded_health
from dataplatform.releases.steps import (
    frozen_problem,
    publish_newest,
    published_problem,
    record_loss,
    record_success,
    require_candidate,
)
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.errors import Rejected
from opendata.wire.version import parse_version

V1 = parse_version("1.0.0")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(MemoryStore(), tmp_path, time="day")


def frozen(bench: Bench, value: float) -> tuple[str, str]:
    """A frozen candidate's digest and its number."""
    digest = bench.stage(rates(value))
    return digest, str(bench.freeze(digest).release.version)


@pytest.mark.requirement("M-10")
def test_the_newest_candidate_s_own_release_is_published_with_its_copies(bench: Bench) -> None:
    digest, version = frozen(bench, 1.0)
    published = publish_newest(bench.ports, bench.dataset, digest, version)
    assert (published.moved, published.release.version) == (True, V1)
    assert bench.store.stat(keys.metadata_key(bench.dataset))


@pytest.mark.requirement("M-10", "S4-10")
def test_a_release_of_another_candidate_is_refused_although_it_passed(bench: Bench) -> None:
    _, version = frozen(bench, 1.0)
    newer = bench.build(rates(2.0)).digest
    with pytest.raises(Rejected, match="has not been let through") as refused:
        publish_newest(bench.ports, bench.dataset, newer, version)
    assert f"materialize {bench.dataset}/release first" in str(refused.value.hint)


@pytest.mark.requirement("M-10")
def test_without_a_release_there_is_nothing_to_publish(bench: Bench) -> None:
    digest = bench.stage(rates(1.0))
    with pytest.raises(Rejected, match="no release yet"):
        publish_newest(bench.ports, bench.dataset, digest, None)


@pytest.mark.requirement("M-10")
def test_without_a_candidate_there_is_nothing_to_do_at_all(bench: Bench) -> None:
    with pytest.raises(Rejected, match="no candidate yet"):
        require_candidate(bench.dataset, None)
    with pytest.raises(Rejected, match="no candidate yet"):
        publish_newest(bench.ports, bench.dataset, None, "1.0.0")


def test_publishing_twice_moves_once(bench: Bench) -> None:
    digest, version = frozen(bench, 1.0)
    publish_newest(bench.ports, bench.dataset, digest, version)
    again = publish_newest(bench.ports, bench.dataset, digest, version)
    assert (again.moved, again.pointer.generation) == (False, 1)


def test_what_stands_has_no_problem(bench: Bench) -> None:
    bench.release(rates(1.0))
    assert frozen_problem(bench.ports, bench.dataset, V1) is None
    assert published_problem(bench.ports, bench.dataset) is None


def test_what_was_never_there_is_a_problem_with_a_hint(bench: Bench) -> None:
    missing = frozen_problem(bench.ports, bench.dataset, V1)
    unpublished = published_problem(bench.ports, bench.dataset)
    assert missing is not None
    assert unpublished is not None
    assert (missing.code, unpublished.code) == ("not_frozen", "unpublished")
    assert "od run" in str(unpublished.hint)


def test_a_lost_object_is_a_problem_of_the_release(bench: Bench) -> None:
    release = bench.release(rates(1.0)).release
    bench.store.delete(release.manifest.files[0].path)
    problem = frozen_problem(bench.ports, bench.dataset, V1)
    assert problem is not None
    assert problem.code == "missing_object"


@pytest.mark.requirement("S1-86")
def test_a_run_that_was_lost_is_recorded_unless_it_told_its_outcome(bench: Bench) -> None:
    error = Rejected("the run was canceled before it could say how it ended", code="run_lost")
    ended = bench.ports.now()
    assert record_loss(bench.ports, bench.dataset, RUN, ended, error)
    assert not record_loss(bench.ports, bench.dataset, RUN, ended, error)
    [outcome] = read_recorded_health(bench.store, bench.dataset).runs
    assert (outcome.outcome, outcome.run_id) == ("failed", RUN.run_id)


@pytest.mark.requirement("S1-86", "S1-87")
def test_a_success_reaches_the_metadata(bench: Bench) -> None:
    bench.release(rates(1.0))
    record_success(bench.ports, bench.dataset, RUN, "1.0.0", published=True)
    assert b'"status":"healthy"' in bench.store.get(keys.metadata_key(bench.dataset)).data
