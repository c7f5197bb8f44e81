"""Many that index at once: one chain of revisions, one catalogue, the newest commit on top."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dataplatform.bundles.publish import publish_revision
from dataplatform.bundles.revisions import read_revision
from dataplatform_tests.bundles.bench import ASKED, PATH, Bench, bundle_text
from dataplatform_tests.fakes.index_repo import FakeIndexRepo
from dataplatform_tests.fakes.stores import FaultyStore, Pause
from opendata.reading.file_index.bundles import (
    find_bundle,
    read_bundle_catalogue,
    read_bundle_pointer,
)
from opendata.wire import keys
from opendata.wire.bundle import parse_bundle_ref, read_lock

pytestmark = pytest.mark.requirement("B5", "S0-1", "S0-82")
REF = parse_bundle_ref(PATH)
AT_ONCE = 6


class LockedIndexRepo(FakeIndexRepo):
    """An index repository that takes one push at a time, as a remote does."""

    def publish(self, *args, **named):  # type: ignore[no-untyped-def]
        with _PUSHING:
            return super().publish(*args, **named)


_PUSHING = threading.Lock()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, indexes=LockedIndexRepo())
    bench.pictures("images", 12)
    return bench


def all_at_once(acts: Sequence[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(act) for act in acts]:
            done.result()


def check_chain(bench: Bench, length: int) -> None:
    """The revisions follow each other, and everything derived shows the last."""
    stored = list(bench.store.list(keys.bundle_revision_prefix(REF)))
    locks = [read_lock(bench.store.get(stat.key).data, stat.key) for stat in stored]
    assert [one.revision for one in locks] == list(range(1, length + 1))
    pointer = read_bundle_pointer(bench.store, REF)
    assert pointer is not None
    assert pointer.revision == length
    assert find_bundle(bench.store, "model", "v1.0.0-2025.25").lock == locks[-1]


def test_the_same_request_many_times_at_once_is_one_revision(bench: Bench) -> None:
    bench.ask()
    all_at_once([bench.index] * AT_ONCE)
    check_chain(bench, 1)
    assert len(read_bundle_catalogue(bench.store).bundles) == 1


def test_bundles_that_share_a_channel_are_all_published(bench: Bench) -> None:
    paths = [PATH.replace("2025.25", f"2025.{week}") for week in range(10, 10 + AT_ONCE)]
    for week, path in enumerate(paths, 10):
        bench.ask(bundle_text(version=f"v1.0.0-2025.{week}"), path=path)
    all_at_once([lambda path=path: bench.index(path) for path in paths])  # type: ignore[misc]
    entries = read_bundle_catalogue(bench.store).bundles
    assert [one.version for one in entries] == [f"v1.0.0-2025.{10 + at}" for at in range(AT_ONCE)]
    assert bench.indexes is not None
    assert all(bench.indexes.read(path) is not None for path in paths)


@pytest.mark.parametrize("held_at", ["put_new", "list"], ids=["before freezing", "on its way"])
def test_an_older_commit_that_is_overtaken_while_it_works_stays_behind(
    bench: Bench, held_at: str
) -> None:
    older = bench.ask()
    newer = bench.commit({PATH: bundle_text(ASKED.replace("2025-06-01", "2025-05-31"))})
    pause = Pause(held_at, "bundles/*")
    slow = bench.with_store(FaultyStore(bench.store, [pause]))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(lambda: slow.index(commit=older))
        pause.await_call()
        done = bench.index(commit=newer)
        pause.release()
        result = late.result()
    assert (result.superseded, result.lock) == (True, done.lock)
    check_chain(bench, 1)
    assert done.lock.spec.commit == newer
    pointer = read_bundle_pointer(bench.store, REF)
    assert pointer is not None
    assert pointer.spec_commit == newer


def test_a_newer_commit_that_finds_an_older_one_frozen_corrects_it(bench: Bench) -> None:
    older = bench.ask()
    newer = bench.commit({PATH: bundle_text(ASKED.replace("2025-06-01", "2025-05-31"))})
    pause = Pause("put_new", "bundles/*")
    slow = bench.with_store(FaultyStore(bench.store, [pause]))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(lambda: slow.index(commit=newer))
        pause.await_call()
        bench.index(commit=older)
        pause.release()
        result = late.result()
    assert (result.changed, result.lock.revision, result.lock.spec.commit) == (True, 2, newer)
    check_chain(bench, 2)


@pytest.mark.parametrize("held_at", ["put_new", "list"], ids=["when freezing", "before it"])
def test_a_newer_commit_that_asks_for_what_is_there_already_keeps_it(
    bench: Bench, held_at: str
) -> None:
    """It freezes nothing, and yet what came between is not what readers get."""
    first = bench.ask()
    bench.index(commit=first)
    between = bench.commit({PATH: bundle_text(ASKED.replace("2025-06-01", "2025-05-31"))})
    newest = bench.commit({PATH: bundle_text() + "# as it was\n"})
    pause = Pause(held_at, "bundles/*")
    slow = bench.with_store(FaultyStore(bench.store, [pause]))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(lambda: slow.index(commit=between))
        pause.await_call()
        kept = bench.index(commit=newest)
        pause.release()
        result = late.result()
    assert (kept.changed, result.changed, result.superseded) == (False, False, True)
    pointer = read_bundle_pointer(bench.store, REF)
    assert pointer is not None
    assert (pointer.revision, pointer.spec_commit) == (1, newest)
    assert find_bundle(bench.store, "model").lock == kept.lock == result.lock
    # Asked for once more, even when no correction is allowed any more, nothing has changed.
    bench.pass_time(timedelta(days=30))
    again = bench.index(commit=newest)
    assert (again.changed, again.lock) == (False, kept.lock)


def test_what_the_newest_commit_asks_for_stays_although_an_older_one_is_published_meanwhile(
    bench: Bench,
) -> None:
    """It froze nothing, since all was as it asked; when it gets to the pointer, that is no more."""
    bench.index(commit=bench.ask())
    between = bench.commit({PATH: bundle_text(ASKED.replace("2025-06-01", "2025-05-31"))})
    newest = bench.commit({PATH: bundle_text() + "# as it was\n"})
    pause = Pause("list", keys.COLLECTION_JOURNALS)
    slow = bench.with_store(FaultyStore(bench.store, [pause]))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(lambda: slow.index(commit=newest))
        pause.await_call()
        bench.index(commit=between)
        pause.release()
        result = late.result()
    assert (result.superseded, result.lock.spec.commit) == (False, newest)
    check_chain(bench, 3)
    assert result.lock.channels[0].data_range.start_time == "2025-06-01T00:00:00Z"
    pointer = read_bundle_pointer(bench.store, REF)
    assert pointer is not None
    assert pointer.spec_commit == newest


def test_an_older_look_at_the_files_never_replaces_a_later_one(bench: Bench) -> None:
    bench.ask()
    bench.index()
    bench.pictures("images", 1, first=12)
    pause = Pause("put_new", "bundles/*")
    slow = bench.with_store(FaultyStore(bench.store, [pause]))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(slow.index)
        pause.await_call()
        bench.pictures("images", 1, first=13)
        bench.index()
        pause.release()
        result = late.result()
    assert (result.changed, result.lock.total_files) == (False, 14)
    check_chain(bench, 2)


def test_a_pointer_that_lags_is_never_moved_back(bench: Bench) -> None:
    """Whoever froze revision 1 and slept wakes up after revision 2 was published."""
    bench.ask()
    pause = Pause("put_new", keys.bundle_pointer_key(REF))
    slow = replace(bench, store=FaultyStore(bench.store, [pause]))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(slow.index)
        pause.await_call()
        bench.pictures("images", 1, first=12)
        assert bench.index().lock.revision == 2
        pause.release()
        late.result()
    check_chain(bench, 2)
    assert read_bundle_catalogue(bench.store).bundles[0].revision == 2
    document = bench.store.get(keys.bundle_document_key(REF)).data
    assert bench.indexes is not None
    assert b"total_files: 13" in document
    assert bench.indexes.read(PATH) == document


def test_a_lower_revision_is_never_pointed_at_whichever_commit_asks(bench: Bench) -> None:
    """After a force-push commits tell nothing about each other; revisions still do."""
    bench.ask()
    first = bench.index()
    bench.pictures("images", 1, first=12)
    bench.index()
    low = read_revision(bench.store, REF, keys.bundle_revision_key(REF, first.lock.revision))
    before = read_bundle_pointer(bench.store, REF)
    pointer = publish_revision(
        bench.ports, low, asked_at="f" * 40, is_newer=lambda one, other: False
    )
    assert pointer == before == read_bundle_pointer(bench.store, REF)


def test_an_older_document_is_never_the_last_one_committed(bench: Bench) -> None:
    """A push that hangs while others correct the bundle is followed by one of the correction."""
    bench.ask()
    overtaking = OvertakenPush(bench)
    slow = replace(bench, indexes=overtaking)  # type: ignore[arg-type]
    result = slow.index()
    assert overtaking.pushes == 2
    assert result.lock.revision == 2
    document = bench.store.get(keys.bundle_document_key(REF)).data
    assert bench.indexes is not None
    assert b"total_files: 13" in document
    for branch in (None, "data/model-v1.0.0-2025.25"):
        assert bench.indexes.read(PATH, branch) == document


class OvertakenPush:
    """An index repository whose first push arrives after somebody else's correction."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.pushes = 0

    def publish(self, *args, **named):  # type: ignore[no-untyped-def]
        self.pushes += 1
        if self.pushes == 1:
            self._bench.pictures("images", 1, first=12)
            assert self._bench.index().lock.revision == 2
        assert self._bench.indexes is not None
        return self._bench.indexes.publish(*args, **named)

    def read(self, path: str, branch: str | None = None) -> bytes | None:
        assert self._bench.indexes is not None
        return self._bench.indexes.read(path, branch)

    def version(self) -> str | None:
        return None
