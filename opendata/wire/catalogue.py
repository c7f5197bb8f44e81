"""The catalogue `index.json` and a data set's health (requirements S1-19, S1-60…S1-63, S1-86).

Both are projections that can be rebuilt. Merging is a join: per data set the entry of the highest
generation wins, so two builders cannot lose each other's update, in whatever order they write.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import Any, Literal

from opendata.wire.codec import Wire, read_wire

HEALTH_RUNS_KEPT = 20
HealthStatus = Literal["healthy", "failing", "unknown"]


class RunOutcome(Wire):
    """How one run of a producer ended; `failure_class` is one of the four of S1-86."""

    run_id: str
    at: str
    outcome: Literal["published", "unchanged", "failed"]
    message: str
    failure_class: str | None = None
    release: str | None = None
    by: str = "od"


class Health(Wire):
    """The last runs of a data set, newest first, and the last failure among all runs."""

    runs: tuple[RunOutcome, ...] = ()
    last_failure: RunOutcome | None = None

    @property
    def status(self) -> HealthStatus:
        """Failing if the last run failed, unknown before the first."""
        if not self.runs:
            return "unknown"
        return "failing" if self.runs[0].outcome == "failed" else "healthy"

    def with_run(self, run: RunOutcome, *, late: bool = False) -> Health:
        """Health after one more run; the same run twice counts once.

        A run that is recorded late stands behind those that ended after it. Others are the newest
        whatever their clock says: a machine whose clock is ahead must not hide what comes next.
        """
        others = tuple(old for old in self.runs if old.run_id != run.run_id)
        after = tuple(takewhile(lambda old: old.at > run.at, others)) if late else ()
        runs = (*after, run, *others[len(after) :])
        failure = next((each for each in runs if each.outcome == "failed"), self.last_failure)
        return Health(runs=runs[:HEALTH_RUNS_KEPT], last_failure=failure)

    def summary(self) -> dict[str, Any]:
        """The `health` block of `metadata.json` and of a catalogue entry."""
        return {
            "status": self.status,
            "last_runs": [run.to_json() for run in self.runs],
            "last_failure": self.last_failure.to_json() if self.last_failure else None,
        }


class CatalogueEntry(Wire):
    """One data set in `index.json`."""

    id: str
    title: str
    description: str
    license: str
    namespace: str
    release: str
    generation: int
    updated_at: str
    row_count: int
    size_bytes: int
    topics: tuple[str, ...] = ()
    min_date: str | None = None
    max_date: str | None = None
    health: dict[str, Any] = {}


class Catalogue(Wire):
    """`index.json`: every published data set, by id."""

    generated_at: str
    datasets: tuple[CatalogueEntry, ...] = ()


def merge_entries(
    ours: Iterable[CatalogueEntry], theirs: Iterable[CatalogueEntry]
) -> tuple[CatalogueEntry, ...]:
    """The join of two catalogues: per id the highest generation, of equal ones the last run."""
    best = {entry.id: entry for entry in theirs}
    for entry in ours:
        other = best.get(entry.id)
        if other is None or _rank(entry) >= _rank(other):
            best[entry.id] = entry
    return tuple(best[key] for key in sorted(best))


def _rank(entry: CatalogueEntry) -> tuple[int, str]:
    runs = entry.health.get("last_runs")
    last = runs[0] if isinstance(runs, list) and runs else None
    return entry.generation, str(last.get("at", "")) if isinstance(last, dict) else ""


def read_catalogue(data: bytes, what: str) -> Catalogue:
    """Read `index.json`. Raises Corrupt."""
    return read_wire(Catalogue, data, what)


def read_health(data: bytes, what: str) -> Health:
    """Read `health.json`. Raises Corrupt."""
    return read_wire(Health, data, what)
