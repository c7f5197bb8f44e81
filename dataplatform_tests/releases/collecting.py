"""What tests of retention and collection share: a data set in a store in which time passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dataplatform.releases.collecting.look import Rules, roots_of
from dataplatform.releases.collecting.mark import MarkMade, mark_unneeded
from dataplatform.releases.collecting.roots import RootSource
from dataplatform.releases.collecting.sweep import Collection, collect
from dataplatform_tests.fakes.ageing import AgeingStore
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata.reading.resolve import read_release
from opendata.stores import ObjectStore
from opendata.wire import keys
from opendata.wire.manifest import named_objects
from opendata.wire.version import parse_version

RULES = Rules()
DAY_AND_MORE = 25
"""Hours after which what nobody names is old enough."""
MARKS_APART = 5


@dataclass(frozen=True)
class Yard:
    """A bench whose store ages, and the collector's verbs on it. `collector` sees the same store,
    perhaps through a view that fails or pauses."""

    bench: Bench
    ageing: AgeingStore

    @property
    def store(self) -> ObjectStore:
        return self.bench.store

    def on(self, view: ObjectStore) -> Yard:
        """The same through another view of the store."""
        return replace(self, bench=self.bench.on(view))

    def mark(self) -> MarkMade:
        ports = self.bench.ports
        return mark_unneeded(ports, roots_of(ports), RULES)

    def collect(
        self, *, force: bool = True, rules: Rules = RULES, others: tuple[RootSource, ...] = ()
    ) -> Collection:
        """Small stores lose more than a tenth at once, so tests force unless they say otherwise."""
        ports = self.bench.ports
        return collect(ports, roots_of(ports, others), rules, force=force)

    def leave_orphans(self, value: float) -> set[str]:
        """What a build leaves that was killed before it staged anything: the keys."""
        before = self.objects
        digest = self.bench.build(rates(value)).digest
        self.store.delete(keys.candidate_key(self.bench.dataset, digest))
        return self.objects - before

    def collect_twice(self) -> Collection:
        """Mark, wait, and remove."""
        self.mark()
        self.ageing.let_pass(hours=MARKS_APART)
        return self.collect()

    @property
    def objects(self) -> set[str]:
        return {stat.key for stat in self.ageing.inner.list(keys.OBJECTS)}

    def needed(self) -> Iterator[str]:
        """The objects that frozen releases name, worked out without the product's roots."""
        prefix = keys.release_prefix(self.bench.dataset)
        for stat in self.ageing.inner.list(prefix):
            version = parse_version(stat.key.removeprefix(prefix).removesuffix(".json"))
            manifest = read_release(self.ageing.inner, self.bench.dataset, version).manifest
            for entry in manifest.files:
                yield from (entry.path, entry.chunks)
            yield from named_objects(manifest)

    def check_whole(self) -> None:
        """Nothing that a frozen release needs is gone."""
        assert set(self.needed()) <= self.objects


def make_yard(store: ObjectStore, folder: Path) -> Yard:
    ageing = AgeingStore(store)
    bench = make_bench(
        ageing, folder, time="day", release={"shard": "month"}, contract={"primary_key": ["day"]}
    )
    ports = replace(bench.ports, now=lambda: datetime.now(UTC))
    return Yard(replace(bench, ports=ports), ageing)
