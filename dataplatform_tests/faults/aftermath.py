"""What must hold after any kill, whoever looks."""

from __future__ import annotations

from dataplatform.releases.repair import inspect, repair
from dataplatform_tests.faults.killing import Place, publish_value
from dataplatform_tests.releases.building import Bench
from opendata.reading.catalogue import load_catalogue
from opendata.reading.history import walk_history
from opendata.reading.resolve import resolve
from opendata.reading.verify import verify_dataset
from opendata.wire.ids import Reference
from opendata.wire.version import parse_version


def value_seen_by_a_reader(bench: Bench) -> float:
    """The one value of the current release, read through pointer and digests."""
    table = bench.read()
    values = set(table["rate"].to_pylist())
    assert (table.num_rows, len(values)) == (40, 1), f"a torn release: {values}"
    return float(values.pop())


def check_whole(place: Place) -> float:
    """Readers see one whole release, and everything acknowledged is reachable."""
    bench = place.bench()
    value = value_seen_by_a_reader(bench)
    history = list(walk_history(bench.store, bench.dataset))
    assert [c.generation for c in history] == list(range(len(history), 0, -1))
    assert set(place.acknowledged) <= {commit.release for commit in history}
    assert verify_dataset(bench.store, Reference(bench.dataset), None).damaged == ()
    for release in place.acknowledged:
        resolve(bench.store, Reference(bench.dataset, parse_version(release)))
    return value


def check_repair_and_go_on(place: Place, next_value: float) -> None:
    """Repair converges, and the next release is published as if nothing had happened."""
    bench = place.bench()
    repair(bench.ports, bench.dataset)
    assert not any(one.repairable for one in inspect(bench.ports, bench.dataset))
    publish_value(place, bench.store, next_value)
    assert check_whole(place) == next_value
    repair(bench.ports, bench.dataset)  # the run's outcome, which nobody has shown yet
    assert verify_dataset(bench.store, Reference(bench.dataset), None).passed
    entry = load_catalogue(bench.store).datasets[0]
    assert entry.release == str(bench.current.version)
