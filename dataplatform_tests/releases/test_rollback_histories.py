"""Any history of publishes, hot fixes, rollbacks, freezes and deaths keeps its promises.

Hundreds of histories that nobody thought of are played against a tiny model. After every step a
reader sees exactly one whole release, the one that the model says; no two states of the pointer
have equal bytes; nothing frozen has changed; and who lost a race was told so.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dataplatform.releases.freeze import Unchanged, freeze_candidate
from dataplatform.releases.harden import harden, harden_due
from dataplatform.releases.publish import publish_release
from dataplatform.releases.repair import inspect, repair
from dataplatform.releases.rollback import roll_back
from dataplatform.releases.yank import yank
from dataplatform_tests.fakes.stores import CrashingStore, SimulatedCrash, WatchedStore
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from dataplatform_tests.releases.histories import Model, Number, Rows
from opendata.reading.history import walk_history
from opendata.reading.listing import list_releases
from opendata.reading.resolve import read_route
from opendata.stores import ObjectStore
from opendata.stores.memory import MemoryStore
from opendata.stores.port import Blob, PreconditionFailed
from opendata.wire import keys
from opendata.wire.errors import Conflict, Rejected
from opendata.wire.version import Version

pytestmark = pytest.mark.requirement("S4-8", "S4-49", "S4-53", "S4-54", "S4-55", "B1", "B2")

ROWS: tuple[Rows, ...] = ((0.0,), (1.0,), (0.0, 0.0), (1.0, 1.0), (0.0, 2.0))
BY = "a history"
any_rows = st.sampled_from(ROWS)
picks = st.integers(0, 99)


@cache
def staged(folder: str) -> tuple[dict[str, bytes], dict[Rows, str]]:
    """Candidates of all rows that histories are made of: their objects, and their digests."""
    bench = new_bench(MemoryStore(), Path(folder))
    digests = {rows: bench.stage(table(rows)) for rows in ROWS}
    return {stat.key: bench.store.get(stat.key).data for stat in bench.store.list("")}, digests


def table(rows: Rows) -> pa.Table:
    return rates(*rows)


def new_bench(store: MemoryStore, folder: Path) -> Bench:
    return make_bench(store, folder, time="day", contract={"primary_key": ["day"]})


class Interrupted(WatchedStore):
    """A store on which somebody else acts just before the first swap of the pointer."""

    def __init__(self, inner: MemoryStore, act: Callable[[], None]) -> None:
        super().__init__(inner)
        self._act: Callable[[], None] | None = act

    def before(self, operation: str, key: str) -> None:
        act = self._act
        if act is not None and operation in ("put_if_match", "put_new") and "latest" in key:
            self._act = None
            act()


class Histories(RuleBasedStateMachine):
    """The steps that a history is made of, each with what the model says of it."""

    folder = ""
    seen_through: Callable[[ObjectStore], ObjectStore]
    """How verbs see the store; a planted defect stands between them."""

    def __init__(self) -> None:
        super().__init__()
        objects, self.digests = staged(self.folder)
        self.store = MemoryStore()
        for key, data in objects.items():
            self.store.put(key, data)
        self.clock = datetime(2026, 1, 31, 6, tzinfo=UTC)
        bench = new_bench(self.store, Path(self.folder))
        self.bench = dataclasses.replace(
            bench, ports=dataclasses.replace(bench.ports, now=lambda: self.clock)
        )
        self.bench = self._on(self.store)
        self.model = Model()
        self.pointers: list[bytes] = []
        self.frozen: dict[str, bytes] = {}
        self.stale: list[Blob] = []
        self.is_settled = True

    # --- the usual life --------------------------------------------------------------

    @rule(rows=any_rows)
    def publish(self, rows: Rows) -> None:
        number = self._freeze(rows)
        if number is not None:
            self._publish(number)

    @rule(rows=any_rows)
    def freeze_and_wait(self, rows: Rows) -> None:
        self._freeze(rows)

    @precondition(lambda self: self.model.releases)
    @rule(pick=picks)
    def publish_what_waits(self, pick: int) -> None:
        """A slow publisher, a repeated request, or one that was overtaken."""
        self._publish(self._some(list(self.model.releases), pick))

    @rule(days=st.integers(1, 8))
    def time_passes(self, days: int) -> None:
        self.clock += timedelta(days=days)

    @precondition(lambda self: self.model.published)
    @rule(pick=picks)
    def roll_back(self, pick: int) -> None:
        target = self._some(self.model.published, pick)
        moves = target != self.model.current
        moved = roll_back(self.bench.ports, self.bench.dataset, Version(*target), by=BY)
        assert moved.moved is moves
        if moves:
            self.model.roll_back(target)

    @precondition(lambda self: self.model.releases)
    @rule(pick=picks)
    def harden(self, pick: int) -> None:
        number = self._some(list(self.model.releases), pick)
        done = harden(self.bench.ports, self.bench.dataset, Version(*number), by=BY)
        if not self.model.is_hard(number, self.clock):
            assert done.wrote
            self.model.releases[number].hard_early = True
        assert done.after.mode == "hard"

    @rule()
    def harden_what_is_due(self) -> None:
        harden_due(self.bench.ports, self.bench.dataset, by=BY)
        assert harden_due(self.bench.ports, self.bench.dataset, by=BY) == []

    @precondition(lambda self: self.model.published and self.is_settled)
    @rule(pick=picks, lift=st.booleans())
    def yank_by_hand(self, pick: int, lift: bool) -> None:
        number = self._some(self.model.published, pick)
        ports, dataset = self.bench.ports, self.bench.dataset
        if number == self.model.current and not lift:
            with pytest.raises(Rejected):
                yank(ports, dataset, Version(*number), by=BY)
            return
        changed = yank(ports, dataset, Version(*number), by=BY, lift=lift)
        one = self.model.releases[number]
        assert changed is (one.yanked is lift)
        one.yanked = not lift

    # --- races and deaths --------------------------------------------------------------

    @precondition(lambda self: self.model.current)
    @rule()
    def somebody_looks_and_falls_asleep(self) -> None:
        self.stale.append(self.store.get(keys.pointer_key(self.bench.dataset)))

    @precondition(lambda self: self.stale)
    @rule(pick=picks)
    def the_sleeper_writes(self, pick: int) -> None:
        """With the condition of what it saw; only if nothing has moved since, could it succeed."""
        seen = self.stale[pick % len(self.stale)]
        if seen.data == self.pointers[-1]:
            return
        with pytest.raises(PreconditionFailed):
            self.store.put_if_match(
                keys.pointer_key(self.bench.dataset), b"a sleeper's pointer", seen.token
            )

    @precondition(lambda self: len(self.model.published) > 1)
    @rule(rows=any_rows, pick=picks)
    def publish_while_somebody_rolls_back(self, rows: Rows, pick: int) -> None:
        target = self._some(self.model.published, pick)
        if target == self.model.current:
            return
        number = self._freeze(rows)
        if number is None or self.model.kind_of(number, self.clock) not in ("publish", "hotfix"):
            return

        def others() -> None:
            roll_back(self.bench.ports, self.bench.dataset, Version(*target), by=BY)

        slow = self._on(Interrupted(self.store, others))
        with pytest.raises(Conflict) as lost:
            publish_release(slow.ports, slow.dataset, Version(*number))
        self.model.roll_back(target)
        winner = read_route(self.store, self.bench.dataset)
        assert winner is not None
        assert lost.value.details["winner"] == winner.pointer.to_json()

    @rule(rows=any_rows, at_write=st.integers(1, 3), after=st.booleans())
    def die_while_publishing(self, rows: Rows, at_write: int, after: bool) -> None:
        """The writes are the frozen manifest, the commit record and the pointer."""
        number = self.model.number_for(rows)
        dying = self._on(CrashingStore(self.store, at_write, after=after))
        try:
            frozen = freeze_candidate(dying.ports, dying.dataset, self.digests[rows], RUN)
            if not isinstance(frozen, Unchanged):
                publish_release(dying.ports, dying.dataset, frozen.release.version)
        except (SimulatedCrash, Rejected, Conflict):
            pass
        if isinstance(number, str):
            return
        key = keys.release_key(self.bench.dataset, Version(*number))
        if self.store.stat(key) is not None:
            self.model.freeze(number, rows, self.clock)
            self._notice_a_publish(number)

    @precondition(lambda self: len(self.model.published) > 1)
    @rule(pick=picks, at_write=st.integers(1, 6), after=st.booleans())
    def die_while_rolling_back(self, pick: int, at_write: int, after: bool) -> None:
        target = self._some(self.model.published, pick)
        dying = self._on(CrashingStore(self.store, at_write, after=after))
        before = len(self._history())
        try:
            roll_back(dying.ports, dying.dataset, Version(*target), by=BY)
        except SimulatedCrash:
            self.is_settled = False
        if len(self._history()) > before:
            self.model.roll_back(target)

    @precondition(lambda self: self.model.current)
    @rule()
    def repair(self) -> None:
        repair(self.bench.ports, self.bench.dataset)
        assert [f for f in inspect(self.bench.ports, self.bench.dataset) if f.repairable] == []
        self.is_settled = True

    # --- what always holds ---------------------------------------------------------------

    @invariant()
    def readers_see_one_whole_release(self) -> None:
        current = self.model.current
        if current is None:
            assert read_route(self.store, self.bench.dataset) is None
            return
        release = self.bench.current
        assert str(release.version) == ".".join(map(str, current))
        assert self.bench.read(release).equals(table(self.model.releases[current].rows))

    @invariant()
    def the_history_is_what_happened(self) -> None:
        told = [(kind, ".".join(map(str, number))) for kind, number in self.model.moves]
        assert self._history() == told

    @invariant()
    def no_two_states_of_the_pointer_are_equal(self) -> None:
        if self.model.current is None:
            return
        data = self.store.get(keys.pointer_key(self.bench.dataset)).data
        if not self.pointers or data != self.pointers[-1]:
            assert data not in self.pointers
            self.pointers.append(data)
        assert len(self.pointers) == len(self.model.moves)

    @invariant()
    def nothing_frozen_ever_changes(self) -> None:
        for prefix in (
            keys.release_prefix(self.bench.dataset),
            keys.mark_prefix(self.bench.dataset),
        ):
            for stat in self.store.list(prefix):
                data = self.store.get(stat.key).data
                assert self.frozen.setdefault(stat.key, data) == data
        assert len([key for key in self.frozen if "/releases/" in key]) == len(self.model.releases)

    @invariant()
    def lists_tell_what_is_hard_and_what_is_withdrawn(self) -> None:
        if not self.model.releases:
            return
        listed = list_releases(self.store, self.bench.dataset, self.clock)
        told = [(one.release, one.state, one.freeze) for one in listed]
        expected = list(self.model.states(self.clock))
        if not self.is_settled:  # a killed rollback has yet to say what it withdraws
            told = [(release, "", freeze) for release, _, freeze in told]
            expected = [(release, "", freeze) for release, _, freeze in expected]
        assert told == expected

    # --- playing -------------------------------------------------------------------------

    def _on(self, store: ObjectStore) -> Bench:
        return self.bench.on(type(self).seen_through(store))

    def _freeze(self, rows: Rows) -> Number | None:
        """Freeze rows, if the model says that they can be; the number that they got."""
        number = self.model.number_for(rows)
        ports, dataset, digest = self.bench.ports, self.bench.dataset, self.digests[rows]
        if number == "rolled back":
            with pytest.raises(Rejected, match="was rolled back"):
                freeze_candidate(ports, dataset, digest, RUN)
            return None
        frozen = freeze_candidate(ports, dataset, digest, RUN)
        if number == "unchanged":
            assert isinstance(frozen, Unchanged)
            return None
        assert not isinstance(number, str)
        assert not isinstance(frozen, Unchanged)
        assert str(frozen.release.version) == ".".join(map(str, number))
        self.model.freeze(number, rows, self.clock)
        return number

    def _publish(self, number: Number) -> None:
        kind = self.model.kind_of(number, self.clock)
        ports, dataset, version = self.bench.ports, self.bench.dataset, Version(*number)
        if kind in ("superseded", "line closed"):
            refusal: Any = Conflict if kind == "superseded" else Rejected
            with pytest.raises(refusal) as refused:
                publish_release(ports, dataset, version)
            assert refused.value.code == kind.replace(" ", "_")
            return
        published = publish_release(ports, dataset, version)
        assert published.moved is (kind != "done")
        if kind != "done":
            assert published.pointer.kind == kind
            self.model.publish(number, kind)

    def _notice_a_publish(self, number: Number) -> None:
        """Whoever died may have moved the pointer before."""
        if len(self._history()) > len(self.model.moves):
            self.model.publish(number, self.model.kind_of(number, self.clock))

    def _history(self) -> list[tuple[str, str]]:
        commits = list(walk_history(self.store, self.bench.dataset))
        return [(commit.kind, commit.release) for commit in reversed(commits)]

    @staticmethod
    def _some(numbers: list[Number], pick: int) -> Number:
        return sorted(numbers)[pick % len(numbers)]


def as_it_is(store: ObjectStore) -> ObjectStore:
    return store


def play(
    histories: int,
    steps: int,
    seen_through: Callable[[ObjectStore], ObjectStore] = as_it_is,
    **how: Any,
) -> None:
    """Play so many histories of at most so many steps; `how` are further settings of hypothesis.

    Raises:
        AssertionError, or what the verbs raise: if a promise is broken in one of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        Histories.folder, Histories.seen_through = folder, staticmethod(seen_through)
        machine: Any = Histories.TestCase
        machine.settings = settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **how,
        )
        machine().runTest()


def test_three_hundred_histories_keep_every_promise() -> None:
    play(300, 12, derandomize=True, database=None)


@pytest.mark.long
def test_thousands_of_long_histories_keep_every_promise() -> None:
    play(3_000, 40)
