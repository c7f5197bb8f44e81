"""A publisher needs what a collection is about to remove: one suite for every kind of store.

Both are driven to each of their steps in turn and held there while the other one goes all its way.
Either the release is whole, or it was not published and trying again publishes it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.releases.publish import publish_release
from dataplatform_tests.fakes.stores import FaultyStore, Pause
from dataplatform_tests.releases.building import rates
from dataplatform_tests.releases.collecting import DAY_AND_MORE, MARKS_APART, Yard, make_yard
from dataplatform_tests.releases.waiting import Outcome, in_background
from opendata.stores import ObjectStore
from opendata.wire.errors import Corrupt, OpenDataError, Unavailable

COLLECTOR_STEPS = [
    ("list", "objects/*"),
    ("put_new", "gc/journal/*"),
    ("stat", "objects/*"),
    ("delete", "objects/*"),
    ("put_new", "gc/collected/*"),
    ("delete", "gc/journal/*"),
    ("put_new", "gc/marks/*"),
]
PUBLISHER_STEPS = [
    ("put_new", "objects/*"),
    ("put_new", "staging/*/candidate.json"),
    ("put", "staging/*/verdict-contract.json"),
    ("put_new", "*/releases/*"),
    ("put_new", "*/commits/*"),
    ("put_if_match", "*/latest.json"),
]


class CollectionRaces:
    """A test module subclasses it and provides the fixture `store`."""

    @pytest.fixture
    def yard(self, store: ObjectStore, tmp_path: Path) -> Yard:
        """1.0.0 is published; a killed build of the rows to come left orphans, marked once."""
        yard = make_yard(store, tmp_path)
        yard.bench.release(rates(1))
        assert yard.leave_orphans(2)
        yard.ageing.let_pass(hours=DAY_AND_MORE)
        yard.mark()
        yard.ageing.let_pass(hours=MARKS_APART)
        return yard

    @pytest.mark.parametrize(("operation", "key"), COLLECTOR_STEPS)
    def test_a_publisher_overtakes_a_collection(self, yard: Yard, operation: str, key: str) -> None:
        pause = Pause(operation, key)
        collector = yard.on(FaultyStore(yard.ageing, [pause]))
        outcome = Outcome()
        with in_background(collector.collect) as collected:
            pause.await_call()
            try:
                publish(yard)
            except (Unavailable, Corrupt) as refused:
                outcome.error = refused
            pause.release()
        assert collected.error is None
        check_outcome(yard, outcome)

    @pytest.mark.parametrize(("operation", "key"), PUBLISHER_STEPS)
    def test_a_collection_overtakes_a_publisher(self, yard: Yard, operation: str, key: str) -> None:
        pause = Pause(operation, key)
        publisher = yard.on(FaultyStore(yard.ageing, [pause]))
        with in_background(lambda: publish(publisher)) as outcome:
            pause.await_call()
            yard.collect()
            pause.release()
        assert outcome.error is None, "a publisher in time is not disturbed"
        check_outcome(yard, outcome)


def publish(yard: Yard) -> None:
    bench = yard.bench
    frozen = bench.freeze(bench.stage(rates(2)))
    publish_release(bench.ports, bench.dataset, frozen.release.version)


def check_outcome(yard: Yard, outcome: Outcome) -> None:
    """Whole and published, or refused for the right reason and published by trying again."""
    if outcome.error is not None:
        assert isinstance(outcome.error, OpenDataError), outcome.error
        assert outcome.error.code in {"being_collected", "missing_object", "no_object"}
        assert yard.bench.read().equals(rates(1))
        publish(yard)
    assert yard.bench.read().equals(rates(2))
    yard.check_whole()
    yard.ageing.let_pass(days=40)
    yard.collect_twice()
    yard.check_whole()
    assert yard.bench.read().equals(rates(2))
