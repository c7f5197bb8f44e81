"""Killed at any write, indexing a bundle leaves readers one whole revision; again finishes it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from dataplatform_tests.bundles.bench import PATH, STEM, Bench, bundle_text
from dataplatform_tests.fakes.stores import CrashingStore, Fault, FaultyStore, SimulatedCrash
from opendata.reading.file_index.bundles import find_bundle, read_bundle_catalogue
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, parse_bundle_ref
from opendata.wire.errors import Conflict, NotFound, Unavailable

pytestmark = pytest.mark.requirement("S0-1", "S0-82", "S0-85", "B20")
REF = parse_bundle_ref(PATH)
NEVER = 10**6
NewBench = Callable[[], Bench]


class LosesPushes:
    """An index repository that is killed before or after its push."""

    def __init__(self, bench: Bench, *, after: bool) -> None:
        self._inner, self._after = bench.indexes, after

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def publish(self, *args: object, **named: object) -> object:
        assert self._inner is not None
        if self._after:
            self._inner.publish(*args, **named)  # type: ignore[arg-type]
        raise SimulatedCrash


@pytest.fixture
def fresh(tmp_path: Path) -> NewBench:
    """Benches with one bundle of two channels asked for, none of it indexed."""
    made = 0

    def new() -> Bench:
        nonlocal made
        made += 1
        bench = Bench(tmp_path / str(made))
        bench.pictures("images", 8)
        bench.pictures("lidar", 4)
        both = "  - {channel: images, version: '*'}\n  - {channel: lidar, version: '*'}\n"
        bench.ask(bundle_text(both), "images", "lidar")
        return bench

    return new


@pytest.fixture
def corrected(fresh: NewBench) -> NewBench:
    """The same, indexed once, and with another file since."""

    def new() -> Bench:
        bench = fresh()
        bench.index()
        bench.pictures("images", 1, first=8)
        return bench

    return new


def check_whole(bench: Bench, allowed: set[int | None]) -> BundleLock | None:
    """What readers have: nothing, or one of the allowed revisions with all that it pins."""
    try:
        lock = find_bundle(bench.store, "model", "v1.0.0-2025.25").lock
    except NotFound:
        assert None in allowed
        return None
    assert lock.revision in allowed
    for one in lock.channels:
        assert len(bench.store.get(one.index).data) == one.index_bytes
    return lock


def check_finished(bench: Bench, revision: int, files: int) -> None:
    """Indexed again, everything says the same."""
    done = bench.index()
    assert (done.lock.revision, done.lock.total_files) == (revision, files)
    revisions = list(bench.store.list(keys.bundle_revision_prefix(REF)))
    assert len(revisions) == revision
    [entry] = read_bundle_catalogue(bench.store).bundles
    assert (entry.revision, entry.total_files) == (revision, files)
    assert bench.indexes is not None
    for text in (
        bench.store.get(keys.bundle_document_key(REF)).data,
        *(bench.indexes.read(PATH, branch) for branch in (f"data/{STEM}", "main")),
    ):
        assert text is not None
        assert yaml.safe_load(text)["meta"]["total_files"] == files
    before = {stat.key: stat.token for stat in bench.store.list("")}
    assert not bench.index().changed
    assert {stat.key: stat.token for stat in bench.store.list("")} == before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("case", ["first", "correction"])
def test_killed_at_every_write(
    fresh: NewBench, corrected: NewBench, case: str, after: bool
) -> None:
    new = fresh if case == "first" else corrected
    revision, files = (1, 12) if case == "first" else (2, 13)
    counting = new()
    watched = CrashingStore(counting.store, NEVER)
    counting.with_store(watched).index()
    assert watched.writes >= (10 if case == "first" else 7)
    for at_write in range(1, watched.writes + 1):
        bench = new()
        with pytest.raises(SimulatedCrash):
            bench.with_store(CrashingStore(bench.store, at_write, after=after)).index()
        check_whole(bench, {None, 1} if case == "first" else {1, 2})
        check_finished(bench, revision, files)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_the_push(fresh: NewBench, after: bool) -> None:
    bench = fresh()
    kept = bench.indexes
    bench.indexes = LosesPushes(bench, after=after)  # type: ignore[assignment]
    with pytest.raises(SimulatedCrash):
        bench.index()
    bench.indexes = kept
    assert check_whole(bench, {1}) is not None
    check_finished(bench, 1, 12)


@pytest.mark.parametrize("after", [False, True], ids=["lost request", "lost answer"])
def test_every_write_that_is_not_answered_is_settled_by_asking_again(
    corrected: NewBench, after: bool
) -> None:
    counting = corrected()
    watched = CrashingStore(counting.store, NEVER)
    counting.with_store(watched).index()
    for skip in range(watched.writes):
        bench = corrected()
        faults = [Fault(name, after=after, skip=skip, times=1)
                  for name in ("put", "put_new", "put_if_match")]  # fmt: skip
        with contextlib.suppress(Unavailable, Conflict):
            bench.with_store(FaultyStore(bench.store, faults)).index()
        check_whole(bench, {1, 2})
        check_finished(bench, 2, 13)


def test_killed_after_freezing_and_asked_again_after_the_window(fresh: NewBench) -> None:
    """The frozen revision is the bundle, though its indexer died: it is published, not doubted."""
    bench = fresh()
    crashing = CrashingStore(bench.store, NEVER)
    crashing.before = lambda operation, key: _die_at(key, keys.bundle_pointer_key(REF))  # type: ignore[method-assign]
    with pytest.raises(SimulatedCrash):
        bench.with_store(crashing).index()
    assert check_whole(bench, {None}) is None
    bench.pass_time(timedelta(days=30))
    check_finished(bench, 1, 12)


def _die_at(key: str, fatal: str) -> None:
    if key == fatal:
        raise SimulatedCrash
