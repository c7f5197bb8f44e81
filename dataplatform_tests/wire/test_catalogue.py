"""Catalogues merge as a join: in whatever order builders write, nothing is lost and all agree."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendata.wire.catalogue import (
    HEALTH_RUNS_KEPT,
    Catalogue,
    CatalogueEntry,
    Health,
    RunOutcome,
    merge_entries,
    read_catalogue,
)

pytestmark = pytest.mark.requirement("S1-19", "S1-60", "S1-63", "B8")
Entries = tuple[CatalogueEntry, ...]


def entry(name: str, generation: int, runs: int = 0) -> CatalogueEntry:
    """What a data set's entry is at a generation, after so many runs."""
    health = Health()
    for number in range(runs):
        health = health.with_run(outcome(number))
    return CatalogueEntry(
        id=f"ns/{name}",
        title=f"{name} {generation}",
        description="",
        license="",
        namespace="ns",
        release=f"1.0.{generation}",
        generation=generation,
        updated_at="",
        row_count=generation,
        size_bytes=0,
        health=health.summary(),
    )


def outcome(number: int, how: str = "unchanged") -> RunOutcome:
    at = f"2026-01-01T00:00:{number:02}Z"
    return RunOutcome(run_id=f"run-{number}", at=at, outcome=how, message="")  # type: ignore[arg-type]


ENTRIES = st.builds(entry, st.sampled_from("abc"), st.integers(1, 4), st.integers(0, 3))
CATALOGUES = st.lists(ENTRIES, max_size=5, unique_by=lambda one: one.id).map(tuple)


@given(CATALOGUES, CATALOGUES)
def test_merging_is_commutative(one: Entries, other: Entries) -> None:
    assert merge_entries(one, other) == merge_entries(other, one)


@given(CATALOGUES, CATALOGUES, CATALOGUES)
def test_merging_is_associative(one: Entries, two: Entries, three: Entries) -> None:
    left = merge_entries(merge_entries(one, two), three)
    assert left == merge_entries(one, merge_entries(two, three))


@given(CATALOGUES, CATALOGUES)
def test_merging_again_changes_nothing(one: Entries, other: Entries) -> None:
    merged = merge_entries(one, other)
    assert merge_entries(merged, other) == merge_entries(one, merged) == merged


@given(CATALOGUES, CATALOGUES)
def test_nobody_is_lost_and_nobody_goes_back(one: Entries, other: Entries) -> None:
    merged = {found.id: found.generation for found in merge_entries(one, other)}
    assert set(merged) == {found.id for found in (*one, *other)}
    assert all(merged[found.id] >= found.generation for found in (*one, *other))


@given(st.lists(CATALOGUES, min_size=1, max_size=3))
def test_builders_agree_in_whatever_order_they_write(parts: list[Entries]) -> None:
    results = set()
    for order in permutations(parts):
        total: Entries = ()
        for part in order:
            total = merge_entries(part, total)
        results.add(Catalogue(generated_at="", datasets=total).to_bytes())
    assert len(results) == 1


def test_of_one_generation_the_last_run_counts() -> None:
    before, after = entry("a", 3, runs=1), entry("a", 3, runs=2)
    assert merge_entries([before], [after]) == merge_entries([after], [before]) == (after,)


def test_a_damaged_health_does_not_stop_a_merge() -> None:
    odd = entry("a", 1)
    for health in ({"last_runs": 5}, {"last_runs": ["x"]}, {"last_runs": [{"at": None}]}, {}):
        data = Catalogue(generated_at="", datasets=(odd,)).to_json()
        data["datasets"][0]["health"] = health
        found = read_catalogue(Catalogue(**data).to_bytes(), "index.json").datasets
        assert merge_entries([entry("a", 2)], found) == (entry("a", 2),)


# --- health --------------------------------------------------------------------------


@pytest.mark.requirement("S1-86", "S1-87")
def test_health_is_that_of_the_last_run_and_remembers_the_last_failure() -> None:
    health = Health()
    assert health.status == "unknown"
    health = health.with_run(outcome(1, "failed"))
    assert health.status == "failing"
    health = health.with_run(outcome(2))
    assert health.status == "healthy"
    assert health.last_failure == outcome(1, "failed")
    assert [run.run_id for run in health.runs] == ["run-2", "run-1"]


@pytest.mark.requirement("S1-86", "S1-87")
def test_a_failure_that_is_recorded_late_does_not_hide_what_came_after_it() -> None:
    health = Health().with_run(outcome(1)).with_run(outcome(3))
    health = health.with_run(outcome(2, "failed"), late=True)
    assert health.status == "healthy"
    assert [run.run_id for run in health.runs] == ["run-3", "run-2", "run-1"]
    assert health.last_failure == outcome(2, "failed")
    assert health.with_run(outcome(1, "failed"), late=True).last_failure == outcome(2, "failed")


def test_a_clock_that_is_ahead_does_not_hide_what_is_recorded_next() -> None:
    health = Health().with_run(outcome(9)).with_run(outcome(2, "failed"))
    assert health.status == "failing"


def test_a_run_that_is_recorded_twice_counts_once() -> None:
    health = Health().with_run(outcome(1)).with_run(outcome(1, "failed"))
    assert [run.outcome for run in health.runs] == ["failed"]


def test_only_the_last_runs_are_kept() -> None:
    health = Health()
    for number in range(HEALTH_RUNS_KEPT + 5):
        health = health.with_run(outcome(number))
    assert len(health.runs) == HEALTH_RUNS_KEPT
    assert health.runs[0].run_id == f"run-{HEALTH_RUNS_KEPT + 4}"
