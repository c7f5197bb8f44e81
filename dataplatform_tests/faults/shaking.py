"""A long random life of one data set on a bad network, held against a model of what was asked.

`Life` asks for one operation after the other through a store of which a share of all requests
fails, and writes down what must be true afterwards. What was reported as failed or as unknown is
looked up in the sound store at once: it must have happened whole or not at all.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from dataplatform.releases.derive import derive_copies, show_outcome
from dataplatform.releases.freeze import Frozen, freeze_candidate
from dataplatform.releases.health import succeeded_outcome
from dataplatform.releases.index import rebuild_index
from dataplatform.releases.publish import move_back, publish_release
from dataplatform.releases.repair import inspect, repair
from dataplatform.releases.trace import RunReference
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from opendata.reading.cache import Cache
from opendata.reading.catalogue import load_catalogue
from opendata.reading.history import walk_history
from opendata.reading.resolve import read_route, resolve
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_table
from opendata.reading.verify import verify_dataset
from opendata.stores import ObjectStore
from opendata.wire.errors import Unavailable
from opendata.wire.ids import Reference
from opendata.wire.version import parse_version

SECTIONS: dict[str, Any] = {
    "time": "day",
    "release": {"shard": "month"},
    "contract": {"primary_key": ["day"]},
}
FIRST_DAY = date(2026, 1, 1)
ROWS_MAX = 50


@dataclass
class Life:
    """One data set: seen through the bad network by its users, and as it is by the checks."""

    shaky: Bench
    sound: Bench
    dice: random.Random
    let_all_land: Callable[[], None] = lambda: None
    """Waits until no request is on its way any more."""
    values: list[float] = field(default_factory=list)
    """The rows that readers should see now."""
    commits: list[tuple[str, str]] = field(default_factory=list)
    """(release, kind) of every move of the pointer, oldest first."""
    rows: dict[str, list[float]] = field(default_factory=dict)
    """What each release holds."""
    done: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    asked: int = 0
    told_late: int = 0
    """Moves that happened although they were reported as unknown or not done so far."""
    _asked: list[float] = field(default_factory=list)
    """What readers see if the move that is under way happens."""

    def live(self, operations: int) -> None:
        """Do so many operations, the first of which publishes."""
        acts = [
            (self.publish, 3),
            (self.append, 3),
            (self.load, 4),
            (self.read_interval, 3),
            (self.verify, 1),
            (self.roll_back, 1),
            (self.repair, 1),
            (self.record, 1),
            (self.rebuild, 1),
        ]
        while not self.commits:
            self._ask_for(self.publish)
        names, weights = zip(*acts, strict=True)
        for act in self.dice.choices(names, weights, k=operations - self.asked):
            self._ask_for(act)

    def _ask_for(self, act: Callable[[], None]) -> None:
        self.asked += 1
        try:
            act()
        except Unavailable as error:
            self.failed.append(f"{act.__name__}: {error}")
            self.settle()
        else:
            self.done[act.__name__] += 1
        assert self.state == (self.commits[-1] if self.commits else None), act.__name__

    @property
    def state(self) -> tuple[str, str] | None:
        """What the pointer says, seen without the network between."""
        route = read_route(self.sound.store, self.sound.dataset)
        return (route.pointer.release, route.pointer.kind) if route else None

    def settle(self) -> None:
        """After a failure: the move happened or it did not; take down which."""
        self.let_all_land()
        if (now := self.state) is not None and now != (self.commits or [None])[-1]:
            self.told_late += 1
            self._note(now, self._asked)

    # --- what users do -------------------------------------------------------------

    def publish(self) -> None:
        """Other values for all days."""
        self._release([float(self.dice.randrange(10**6)) for _ in range(self.dice.randint(1, 40))])

    def append(self) -> None:
        """One more day."""
        if len(self.values) >= ROWS_MAX:
            return self.publish()
        return self._release([*self.values, float(self.dice.randrange(10**6))])

    def load(self) -> None:
        """Everything, by ranges or whole."""
        assert self.shaky.read().equals(rates(*self.values))

    def read_interval(self) -> None:
        """Some days of one column."""
        first = self.dice.randrange(len(self.values))
        last = self.dice.randrange(first, len(self.values))
        access = Access(self.shaky.store, Cache(None), ReadStats())
        table = read_table(
            access,
            self.shaky.current.manifest,
            columns=["rate"],
            start=FIRST_DAY + timedelta(first),
            end=FIRST_DAY + timedelta(last),
        )
        assert table["rate"].to_pylist() == self.values[first : last + 1]

    def verify(self) -> None:
        """Every byte of the current release and its history."""
        found = verify_dataset(self.shaky.store, Reference(self.shaky.dataset), None)
        assert found.damaged == (), "sound bytes were called damaged"

    def roll_back(self) -> None:
        """To any release that was ever published; to the current one, which does nothing."""
        version = self.dice.choice(sorted(self.rows))
        self._asked = self.rows[version]
        moved = move_back(self.shaky.ports, self.shaky.dataset, parse_version(version)).moved
        assert moved == (version != self.commits[-1][0])
        if moved:
            self._note((version, "rollback"), self.rows[version])

    def repair(self) -> None:
        """Bring the copies up to date; afterwards they are."""
        repair(self.shaky.ports, self.shaky.dataset)
        assert not any(one.repairable for one in inspect(self.sound.ports, self.sound.dataset))

    def record(self) -> None:
        """How a run ended, which is shown in three places."""
        run = RunReference(f"run-{self.dice.random()}", "tests")
        at = self.shaky.ports.now()
        outcome = succeeded_outcome(run, at, self.commits[-1][0], published=False)
        show_outcome(self.shaky.ports, self.shaky.dataset, outcome)
        shown = load_catalogue(self.sound.store).datasets[0].health["last_runs"]
        assert shown[0]["run_id"] == run.run_id

    def rebuild(self) -> None:
        """The index, from all pointers."""
        catalogue, problems = rebuild_index(self.shaky.ports)
        if problems:
            raise Unavailable(problems[0].problem)
        assert [entry.release for entry in catalogue.datasets] == [self.commits[-1][0]]

    def _release(self, values: list[float]) -> None:
        bench, self._asked = self.shaky, values
        digest = bench.stage(rates(*values))
        frozen = freeze_candidate(bench.ports, bench.dataset, digest, RUN, force=True)
        assert isinstance(frozen, Frozen)
        version = str(frozen.release.version)
        published = publish_release(bench.ports, bench.dataset, frozen.release.version)
        assert published.moved
        self._note((version, published.pointer.kind), values)
        derive_copies(bench.ports, bench.dataset)

    def _note(self, commit: tuple[str, str], values: list[float]) -> None:
        self.commits.append(commit)
        self.values = self.rows[commit[0]] = values

    # --- what must be true at the end ------------------------------------------------

    def check(self) -> None:
        """The history is what was asked for, and every release is there and whole."""
        bench = self.sound
        history = list(walk_history(bench.store, bench.dataset))
        assert [commit.generation for commit in history] == list(range(len(history), 0, -1))
        assert [(commit.release, commit.kind) for commit in reversed(history)] == self.commits
        for version, values in self.rows.items():
            reference = Reference(bench.dataset, parse_version(version))
            assert bench.read(resolve(bench.store, reference)).equals(rates(*values))
            assert verify_dataset(bench.store, reference, None).passed
        repair(bench.ports, bench.dataset)
        assert not any(one.repairable for one in inspect(bench.ports, bench.dataset))
        assert verify_dataset(bench.store, Reference(bench.dataset), None).passed


def begin_life(store: ObjectStore, sound: ObjectStore, folder: Path, seed: int) -> Life:
    """A data set of which nothing is published yet."""
    bench = make_bench(sound, folder, **SECTIONS)
    return Life(bench.on(store), bench, random.Random(seed))
