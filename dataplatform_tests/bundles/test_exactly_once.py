"""Whatever repeats, comes late or is killed: one run for each commit and path, and none missing.

Hooks and sensor ticks are interleaved at random, each may die at any of its writes, the control
room may be away, lose its answers or die while it creates a run, and the clock goes on by anything
from seconds to hours.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dataplatform.bundles.changes import canonical_request
from dataplatform.bundles.claims import LEASE
from dataplatform_tests.bundles.pushing import Pushing
from opendata.wire.errors import Rejected

PATHS = [f"bundles/weekly/model{letter}-v1.0.0.yaml" for letter in "abcd"]
KILLS = st.sampled_from(["", "", "before runs", "before cursor"])
WRITES = st.integers(1, 4)


class ExactlyOnce(RuleBasedStateMachine):
    """Pushes, deliveries of messages in any order, ticks, deaths; in the end all is quiet."""

    @initialize(at_once=st.sampled_from([1, 2, 100]))
    def begin(self, at_once: int) -> None:
        self.there = Pushing(at_once)
        self.messages: list[tuple[str, tuple[str, ...]]] = []
        self.number = 0

    @rule(paths=st.sets(st.sampled_from(PATHS), min_size=1), removes=st.booleans())
    def push(self, paths: set[str], removes: bool) -> None:
        self.number += 1
        comment = f"push {self.number}"
        files: dict[str, str | None] = {one: self.there.spec(one, comment) for one in paths}
        if removes:
            files[min(paths)] = None
        commit = self.there.push(files)
        self.messages.append((commit, tuple(sorted(paths))))

    @precondition(lambda self: self.messages)
    @rule(data=st.data())
    def force_push(self, data: st.DataObject) -> None:
        self.there.repo.reset(data.draw(st.sampled_from(self.messages))[0])

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), die_at=st.none() | WRITES)
    def deliver(self, data: st.DataObject, die_at: int | None) -> None:
        commit, paths = data.draw(st.sampled_from(self.messages))
        if die_at is None:
            self._tell(commit, *paths)
        else:
            self.there.crash_at(self._tell, commit, *paths, write=die_at)

    def _tell(self, commit: str, *paths: str) -> None:
        repo = self.there.repo
        if repo.is_ancestor(commit, repo.head()):
            self.there.tell(commit, *paths)
            return
        with pytest.raises(Rejected, match="not on the branch"):
            self.there.tell(commit, *paths)

    @precondition(lambda self: self.messages)
    @rule(killed=KILLS, die_at=st.none() | WRITES)
    def tick(self, killed: str, die_at: int | None) -> None:
        if die_at is None:
            self.there.tick(killed=killed)
        else:
            self.there.crash_at(self.there.tick, write=die_at)

    @rule(away=st.booleans(), deaf=st.booleans(), half=st.booleans())
    def trouble(self, away: bool, deaf: bool, half: bool) -> None:
        room = self.there.room
        room.away, room.deaf, room.half = away, deaf, half

    @rule(seconds=st.integers(0, 7200))
    def wait(self, seconds: int) -> None:
        self.there.now += timedelta(seconds=seconds)

    @invariant()
    def nothing_is_begun_twice(self) -> None:
        if hasattr(self, "there"):
            begun = Counter(run.key for run in self.there.room.runs)
            assert begun.most_common(1) == [] or begun.most_common(1)[0][1] == 1

    def teardown(self) -> None:
        """All trouble ends; after the lease and a few ticks the head's state has its runs."""
        if not getattr(self, "messages", None):
            return
        there = self.there
        there.room.away = there.room.deaf = there.room.half = False
        there.tick()
        there.now += LEASE
        for _ in range(2 * len(PATHS) + 2):
            there.tick()
        head, begun = there.repo.head(), there.room.keys()
        for path in set(PATHS) & set(there.repo.paths("bundles", head)):
            assert canonical_request(there.repo, path, head).run_key in begun
        self.nothing_is_begun_twice()
        assert there.look().ask == ()


ExactlyOnce.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestExactlyOnce = pytest.mark.requirement("M-9", "B5")(ExactlyOnce.TestCase)
