"""What every collection has to withstand: the checks that planted defects must fail.

Each check makes a store of its own, lets the given collector work on it, and asserts what holds.
A `Gardener` is a way to collect: the product's, or one with a defect in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from dataplatform.releases.collecting.look import Rules, roots_of
from dataplatform.releases.collecting.mark import mark_unneeded
from dataplatform.releases.collecting.roots import Roots
from dataplatform.releases.collecting.sweep import collect
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import move_back, publish_release
from dataplatform_tests.fakes.stores import FaultyStore, Pause, WatchedStore
from dataplatform_tests.releases.building import definition, rates
from dataplatform_tests.releases.collecting import DAY_AND_MORE, MARKS_APART, Yard, make_yard
from dataplatform_tests.releases.waiting import in_background
from opendata.stores.memory import MemoryStore
from opendata.stores.port import ObjectStat, ObjectStore
from opendata.wire import keys
from opendata.wire.errors import OpenDataError, Rejected, Unavailable
from opendata.wire.version import parse_version

V1, V2 = parse_version("1.0.0"), parse_version("1.0.1")


@dataclass(frozen=True)
class Gardener:
    """A way to collect. `defect` is a context in which it acts, for defects outside of it."""

    rules: Rules = field(default_factory=Rules)
    roots: Callable[[ReleasePorts], Roots] = roots_of
    marks_first: bool = False
    force: bool = True
    defect: Callable[[], Any] = nullcontext

    def mark(self, yard: Yard) -> None:
        with self.defect():
            mark_unneeded(yard.bench.ports, self.roots(yard.bench.ports), self.rules)

    def collect(self, yard: Yard) -> None:
        ports = yard.bench.ports
        with self.defect():
            if self.marks_first:
                mark_unneeded(ports, self.roots(ports), self.rules)
            collect(ports, self.roots(ports), self.rules, force=self.force)

    def collect_twice(self, yard: Yard) -> None:
        self.mark(yard)
        yard.ageing.let_pass(hours=MARKS_APART)
        self.collect(yard)


@dataclass(frozen=True)
class ListingDefect:
    """How a store's listing of documents lies."""

    name: str
    lie: Callable[[Sequence[ObjectStat]], Iterator[ObjectStat]]


class LyingStore(WatchedStore):
    """A store whose listings of documents (and only those) are not what is there."""

    def __init__(self, inner: ObjectStore, defect: ListingDefect) -> None:
        super().__init__(inner)
        self._defect = defect

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        found = super().list(prefix)
        is_of_documents = prefix.startswith((keys.DATASETS, keys.STAGING))
        return self._defect.lie([*found]) if is_of_documents else found


def breaks_off(found: Sequence[ObjectStat]) -> Iterator[ObjectStat]:
    yield from found[: len(found) // 2]
    raise Unavailable("the connection broke in the middle of the listing (scripted)")


LISTING_DEFECTS = [
    ListingDefect("nothing", lambda found: iter(())),
    ListingDefect("the first page only", lambda found: islice(found, len(found) // 2)),
    ListingDefect("a broken page", breaks_off),
    ListingDefect("every other one", lambda found: islice(found, 0, None, 2)),
]


def old_orphans(folder: Path) -> tuple[Yard, set[str]]:
    """One release, and what a killed build left more than a day ago."""
    yard = make_yard(MemoryStore(), folder)
    yard.bench.release(rates(1))
    orphans = yard.leave_orphans(2)
    yard.ageing.let_pass(hours=DAY_AND_MORE)
    return yard, orphans


def forget_staged(yard: Yard) -> None:
    for stat in [*yard.ageing.inner.list(keys.STAGING)]:
        yard.store.delete(stat.key)


# --- the checks ------------------------------------------------------------------------


def check_all_orphans_go(gardener: Gardener, folder: Path) -> None:
    yard, orphans = old_orphans(folder)
    gardener.collect_twice(yard)
    assert not orphans & yard.objects
    yard.check_whole()


def check_one_mark_is_not_enough(gardener: Gardener, folder: Path) -> None:
    yard, orphans = old_orphans(folder)
    gardener.collect(yard)
    assert orphans <= yard.objects


def check_marks_lie_apart(gardener: Gardener, folder: Path) -> None:
    yard, orphans = old_orphans(folder)
    gardener.mark(yard)
    yard.ageing.let_pass(hours=1)
    gardener.collect(yard)
    assert orphans <= yard.objects


def check_young_ones_stay(gardener: Gardener, folder: Path) -> None:
    yard = make_yard(MemoryStore(), folder)
    yard.bench.release(rates(1))
    orphans = yard.leave_orphans(2)
    gardener.collect_twice(yard)
    assert orphans <= yard.objects


def check_a_rolled_back_release_stays(gardener: Gardener, folder: Path) -> None:
    yard = make_yard(MemoryStore(), folder)
    yard.bench.release(rates(1))
    yard.bench.release(rates(2))
    move_back(yard.bench.ports, yard.bench.dataset, V1)
    forget_staged(yard)
    yard.ageing.let_pass(days=400)
    gardener.collect_twice(yard)
    yard.check_whole()
    move_back(yard.bench.ports, yard.bench.dataset, V2)


def check_an_unpublished_release_stays(gardener: Gardener, folder: Path) -> None:
    yard = make_yard(MemoryStore(), folder)
    yard.bench.release(rates(1))
    frozen = yard.bench.freeze(yard.bench.stage(rates(2))).release
    forget_staged(yard)
    yard.ageing.let_pass(days=400)
    gardener.collect_twice(yard)
    publish_release(yard.bench.ports, yard.bench.dataset, frozen.version)
    yard.check_whole()


def check_a_staged_candidate_stays(gardener: Gardener, folder: Path) -> None:
    yard = make_yard(MemoryStore(), folder)
    yard.bench.release(rates(1))
    digest = yard.bench.stage(rates(2))
    yard.ageing.let_pass(days=20)
    gardener.collect_twice(yard)
    frozen = yard.bench.freeze(digest).release
    publish_release(yard.bench.ports, yard.bench.dataset, frozen.version)
    yard.check_whole()


@contextmanager
def sweep_held_at(pause: Pause, gardener: Gardener, yard: Yard) -> Iterator[None]:
    """The second collection waits at that call while the block runs, and then ends well."""
    gardener.mark(yard)
    yard.ageing.let_pass(hours=MARKS_APART)
    collector = yard.on(FaultyStore(yard.ageing, [pause]))
    with in_background(lambda: gardener.collect(collector)) as outcome:
        pause.await_call()
        yield
        pause.release()
    assert outcome.error is None, outcome.error


def check_a_document_of_the_last_moment_counts(gardener: Gardener, folder: Path) -> None:
    """It names what is due, and was written after the roots had been read for the first time."""
    yard, orphans = old_orphans(folder)
    with sweep_held_at(Pause("put_new", "gc/journal/*"), gardener, yard):
        yard.store.put("bundles/weekly/a-1.yaml", "\n".join(sorted(orphans)).encode())
    assert orphans <= yard.objects


def check_what_was_written_anew_stays(gardener: Gardener, folder: Path) -> None:
    """A build came upon it after the mark, and has named it nowhere yet."""
    yard, orphans = old_orphans(folder)
    with sweep_held_at(Pause("put_new", "gc/journal/*"), gardener, yard), gardener.defect():
        yard.leave_orphans(2)
    assert orphans <= yard.objects


def check_a_publisher_at_the_last_moment_is_safe(gardener: Gardener, folder: Path) -> None:
    """The object was looked at for the last time, and is removed only after others need it."""
    yard, _ = old_orphans(folder)
    held = sweep_held_at(Pause("delete", "objects/*"), gardener, yard)
    with held, gardener.defect(), suppress(Unavailable):  # it is told to come back later
        yard.bench.publish(rates(2))
    yard.check_whole()
    assert yard.bench.read().num_rows == 1


def check_a_lying_listing_is_refused(gardener: Gardener, folder: Path) -> None:
    """Three data sets are needed; the listing of the day the sweep comes tells of fewer."""
    for defect in LISTING_DEFECTS:
        yard = make_yard(MemoryStore(), folder)
        yard.bench.release(rates(1))
        yard.bench.release(rates(2))
        for value, name in enumerate(("tests/aaa", "tests/zzz")):
            other = replace(yard.bench, definition=definition(name, time="day"))
            other.release(rates(value))
        needed = yard.objects
        yard.ageing.let_pass(days=400)
        lying = yard.on(LyingStore(yard.ageing, defect))
        for _ in range(3):
            try:
                gardener.collect(lying)
            except (Rejected, Unavailable):
                assert yard.objects == needed, defect.name
            yard.ageing.let_pass(hours=MARKS_APART)
        assert yard.objects == needed, defect.name


CHECKS = [
    check_all_orphans_go,
    check_one_mark_is_not_enough,
    check_marks_lie_apart,
    check_young_ones_stay,
    check_a_rolled_back_release_stays,
    check_an_unpublished_release_stays,
    check_a_staged_candidate_stays,
    check_a_document_of_the_last_moment_counts,
    check_what_was_written_anew_stays,
    check_a_publisher_at_the_last_moment_is_safe,
    check_a_lying_listing_is_refused,
]


def failing_checks(gardener: Gardener, folder: Path) -> set[str]:
    """The names of the checks that this way to collect does not withstand."""
    failed = set()
    for check in CHECKS:
        try:
            check(gardener, folder)
        except (AssertionError, OpenDataError):
            failed.add(check.__name__)
    return failed
