"""Whatever happens in whatever order: nothing that is needed goes, and in the end all else does.

A state machine over one data set in memory: publishing, freezing, failing, being killed, rolling
back, retention, marks and sweeps (killed ones too), and time that passes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dataplatform.releases.collecting.retention import enforce_retention
from dataplatform.releases.freeze import Unchanged, freeze_candidate
from dataplatform.releases.publish import move_back, publish_release
from dataplatform_tests.fakes.stores import CrashingStore, SimulatedCrash
from dataplatform_tests.releases.building import RUN, Bench, rates
from dataplatform_tests.releases.collecting import Yard, make_yard
from opendata.reading.history import walk_history
from opendata.reading.resolve import read_current
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.errors import OpenDataError
from opendata.wire.version import parse_version

VALUES = st.integers(1, 4)


@contextmanager
def refused_for(*codes: str) -> Iterator[None]:
    """Let the block be refused for these reasons and no others."""
    try:
        yield
    except OpenDataError as refused:
        if refused.code not in codes:
            raise


class Collections(RuleBasedStateMachine):
    """The real verbs on a store in which time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.yard: Yard = make_yard(MemoryStore(), Path(self.folder.name))
        self.staged: list[str] = []

    @property
    def bench(self) -> Bench:
        return self.yard.bench

    @property
    def is_published(self) -> bool:
        return read_current(self.bench.store, self.bench.dataset) is not None

    # --- what publishers do ----------------------------------------------------------

    @rule(value=VALUES)
    def release(self, value: int) -> None:
        self._publish(self.bench, self.bench.stage(rates(value)))

    @rule(value=VALUES)
    def stage(self, value: int) -> None:
        self.staged.append(self.bench.stage(rates(value)))

    @precondition(lambda self: self.staged)
    @rule(publish=st.booleans())
    def go_on_with_what_was_staged(self, publish: bool) -> None:
        """Dagster's steps may lie weeks apart; retention may have been there meanwhile."""
        digest = self.staged.pop(0)
        gone = self.bench.store.stat(keys.candidate_key(self.bench.dataset, digest)) is None
        try:
            if publish:
                self._publish(self.bench, digest)
            else:
                freeze_candidate(self.bench.ports, self.bench.dataset, digest, RUN)
        except OpenDataError:
            assert gone

    @precondition(lambda self: self.is_published)
    @rule(value=VALUES)
    def release_what_was_staged_days_ago(self, value: int) -> None:
        digest = self.bench.stage(rates(value))
        self.let_days_pass_with_a_collection_each()
        self._publish(self.bench, digest)

    @rule()
    def lose_what_is_staged(self) -> None:
        """Somebody tidied up by hand: a frozen release does not depend on how it came about."""
        for stat in [*self.bench.store.list(keys.STAGING)]:
            self.bench.store.delete(stat.key)

    @rule(value=VALUES, at_write=st.integers(1, 14))
    def be_killed(self, value: int, at_write: int) -> None:
        dying = self.bench.on(CrashingStore(self.bench.store, at_write))
        with suppress(SimulatedCrash):
            self._publish(dying, dying.stage(rates(value)))

    @precondition(lambda self: self.is_published)
    @rule(choice=st.randoms(use_true_random=False))
    def roll_back(self, choice: object) -> None:
        releases = sorted({c.release for c in walk_history(self.bench.store, self.bench.dataset)})
        version = choice.choice(releases)  # type: ignore[attr-defined]
        move_back(self.bench.ports, self.bench.dataset, parse_version(version))

    def _publish(self, bench: Bench, digest: str) -> None:
        with refused_for("rolled_back", "superseded"):
            frozen = freeze_candidate(bench.ports, bench.dataset, digest, RUN)
            if not isinstance(frozen, Unchanged):
                publish_release(bench.ports, bench.dataset, frozen.release.version)

    # --- what gardeners do -----------------------------------------------------------

    @rule(hours=st.sampled_from([1, 5, 13, 25, 24 * 31]))
    def wait(self, hours: int) -> None:
        self.yard.ageing.let_pass(hours=hours)

    @rule()
    def expire(self) -> None:
        enforce_retention(self.bench.ports, self.bench.dataset)

    @precondition(lambda self: self.is_published)
    @rule()
    def mark(self) -> None:
        self.yard.mark()

    @precondition(lambda self: self.is_published)
    @rule()
    def collect(self) -> None:
        with refused_for("collecting"):  # one was killed less than two hours ago
            self.yard.collect()

    @precondition(lambda self: self.is_published)
    @rule()
    def let_days_pass_with_a_collection_each(self) -> None:
        for _ in range(3):
            self.yard.ageing.let_pass(hours=25)
            self.collect()

    @precondition(lambda self: self.is_published)
    @rule(at_write=st.integers(2, 9))
    def collect_and_be_killed(self, at_write: int) -> None:
        with suppress(SimulatedCrash), refused_for("collecting"):
            self.yard.on(CrashingStore(self.yard.ageing, at_write)).collect()

    # --- what must hold --------------------------------------------------------------

    @invariant()
    def nothing_that_is_needed_is_gone(self) -> None:
        self.yard.check_whole()
        if self.is_published:
            assert self.bench.read().num_rows == 1

    def teardown(self) -> None:
        try:
            if self.is_published:
                self._check_that_all_else_goes()
        finally:
            self.folder.cleanup()

    def _check_that_all_else_goes(self) -> None:
        self.yard.ageing.let_pass(days=31)
        self.bench.stage(rates(9))  # the newest candidate stays, so this one will
        named = self.yard.objects - set(self.yard.needed())
        enforce_retention(self.bench.ports, self.bench.dataset)
        self.yard.ageing.let_pass(hours=25)
        self.yard.collect_twice()
        left = self.yard.objects - set(self.yard.needed())
        assert left <= named
        assert left == self._named_by_candidates() - set(self.yard.needed())

    def _named_by_candidates(self) -> set[str]:
        """Worked out by looking for the keys in the candidates' bytes."""
        store = self.yard.ageing.inner
        documents = [store.get(stat.key).data.decode() for stat in store.list(keys.STAGING)]
        return {key for key in self.yard.objects if any(key in text for text in documents)}


class ManyCollections(Collections):
    """The same, for longer."""


TestCollections = pytest.mark.requirement("S4-89", "B2", "S4-8", "S4-55")(Collections.TestCase)
TestCollections.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[*HealthCheck]
)
TestManyCollections = pytest.mark.long(ManyCollections.TestCase)
TestManyCollections.settings = settings(
    max_examples=400, stateful_step_count=40, deadline=None, suppress_health_check=[*HealthCheck]
)
