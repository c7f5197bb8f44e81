"""Which commit counts: the later one of the branch, and none that the branch has no more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataplatform.bundles.precedence import Precedence
from dataplatform_tests.bundles.bench import ASKED, PATH, Bench, bundle_text
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from dataplatform_tests.fakes.stores import FaultyStore, Pause
from opendata.reading.file_index.bundles import find_bundle, read_bundle_pointer
from opendata.wire.bundle import parse_bundle_ref
from opendata.wire.errors import Unavailable

pytestmark = pytest.mark.requirement("B5", "S0-1")
REF = parse_bundle_ref(PATH)
OTHER = bundle_text(ASKED.replace("2025-06-01", "2025-05-31"))


class SilentRepo(FakeSpecRepo):
    """A repository whose remote is away from a moment on."""

    is_away = False

    def head(self) -> str:
        if self.is_away:
            raise Unavailable("the remote does not answer")
        return super().head()


def test_the_later_commit_of_the_branch_counts() -> None:
    repo = FakeSpecRepo()
    first, second = repo.commit({"a": "1"}), repo.commit({"a": "2"})
    order = Precedence(repo)
    assert order.is_newer(first, second)
    assert not order.is_newer(second, first)
    assert not order.is_newer(first, first)
    assert not order.is_newer(None, first)
    assert not order.is_newer(first, None)


@pytest.mark.parametrize("is_known", [True, False], ids=["seen", "not seen yet"])
def test_what_a_force_push_dropped_counts_less_than_what_is_there(is_known: bool) -> None:
    repo = FakeSpecRepo()
    base, dropped = repo.commit({"a": "1"}), repo.commit({"a": "2"})
    repo.head()
    repo.reset(base)
    kept = repo.commit({"a": "3"})
    if is_known:
        repo.head()
    order = Precedence(repo)
    assert order.is_newer(dropped, kept)
    assert not order.is_newer(kept, dropped)
    # Of two that are gone nothing is known but that one led to the other.
    assert not order.is_newer(dropped, repo.commit({"a": "4"}, parents=[base]))


def test_a_commit_that_the_branch_was_set_back_to_counts_more_than_what_came_after_it() -> None:
    repo = FakeSpecRepo()
    kept, dropped = repo.commit({"a": "1"}), repo.commit({"a": "2"})
    repo.reset(kept)
    order = Precedence(repo)
    assert order.is_newer(dropped, kept)
    assert not order.is_newer(kept, dropped)


def test_what_is_known_has_to_do_where_the_remote_does_not_answer() -> None:
    repo = SilentRepo()
    first, second = repo.commit({"a": "1"}), repo.commit({"a": "2"})
    aside = repo.commit({"a": "3"}, parents=[first])
    repo.head()
    repo.is_away = True
    assert Precedence(repo).is_newer(first, second)
    assert Precedence(repo).is_newer(aside, second)


def test_a_run_of_a_commit_that_is_dropped_meanwhile_changes_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.pictures("images", 4)
    base = bench.commit(bench.channel_spec("images"))
    dropped = bench.ask()
    pause = Pause("put_new", "bundles/*")
    slow = bench.with_store(FaultyStore(bench.store, [pause]))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(lambda: slow.index(commit=dropped))
        pause.await_call()
        bench.specs.reset(base)
        kept = bench.commit({PATH: OTHER})
        done = bench.index(commit=kept)
        pause.release()
        result = late.result()
    assert (result.superseded, result.lock) == (True, done.lock)
    assert find_bundle(bench.store, "model").lock.spec.commit == kept


def test_a_branch_that_was_set_back_is_indexed_as_it_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.pictures("images", 4)
    kept = bench.ask()
    bench.index(commit=kept)
    dropped = bench.commit({PATH: OTHER})
    bench.index(commit=dropped)
    bench.specs.reset(kept)
    done = bench.index(commit=kept)
    assert (done.superseded, done.lock.spec.commit, done.lock.revision) == (False, kept, 3)
    # Executed again from a page that shows old runs:
    assert bench.index(commit=dropped).superseded
    pointer = read_bundle_pointer(bench.store, REF)
    assert pointer is not None
    assert (pointer.revision, pointer.spec_commit) == (3, kept)
