"""Which partitions a control room need not show any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.bundles.retention import PartitionRules, old_partitions
from opendata.wire.bundle import BundleRef, parse_bundle_ref
from opendata.wire.errors import InvalidInput

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def weeks(count: int, name: str = "model") -> dict[str, int]:
    """Partitions of a line of weekly bundles, with their age in days."""
    return {
        f"weekly/{name}-v1.0.0-2025.{week:02}": (count - week) * 7 for week in range(1, count + 1)
    }


def indexed(ages: dict[str, int]) -> dict[BundleRef, datetime]:
    return {parse_bundle_ref(name): NOW - timedelta(days=age) for name, age in ages.items()}


def old(ages: dict[str, int], newest: int, days: int) -> set[str]:
    rules = PartitionRules(newest, timedelta(days=days))
    return set(old_partitions(ages, indexed(ages), rules, NOW))


def test_what_is_neither_new_nor_young_goes() -> None:
    ages = weeks(10)
    assert old(ages, newest=3, days=0) == set(list(ages)[:7])
    assert old(ages, newest=3, days=50) == set(list(ages)[:2])
    assert old(ages, newest=20, days=0) == set()


def test_each_name_and_type_has_newest_ones_of_its_own() -> None:
    ages = {**weeks(2), **weeks(2, "other"), "release/model-v1.0.0": 900}
    assert old(ages, newest=1, days=0) == {
        "weekly/model-v1.0.0-2025.01",
        "weekly/other-v1.0.0-2025.01",
    }


def test_versions_are_compared_as_versions() -> None:
    ages = {"release/model-v10.0.0": 900, "release/model-v9.0.0": 900}
    assert old(ages, newest=1, days=0) == {"release/model-v9.0.0"}


def test_what_has_no_lock_or_no_name_of_a_bundle_stays() -> None:
    ages = weeks(3)
    partitions = [*ages, "weekly/failed-v1.0.0", "no bundle", "weekly/%FF-v1.0.0"]
    rules = PartitionRules(1, timedelta())
    assert set(old_partitions(partitions, indexed(ages), rules, NOW)) == set(list(ages)[:2])


def test_a_clock_that_was_ahead_drops_nothing() -> None:
    assert old({"release/a-v1.0.0": -30, "release/a-v2.0.0": -30}, newest=1, days=0) == set()


def test_rules_that_keep_nothing_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least the newest"):
        old_partitions([], {}, PartitionRules(0), NOW)


@given(
    st.dictionaries(st.sampled_from(list(weeks(40))), st.integers(0, 1000)),
    st.integers(1, 10),
    st.integers(0, 1000),
)
def test_the_newest_and_the_young_always_stay(ages: dict[str, int], newest: int, days: int) -> None:
    gone = old(ages, newest, days)
    line = sorted(ages, reverse=True)
    assert not gone & set(line[:newest])
    assert all(ages[one] >= days for one in gone)
    assert gone == {one for one in line[newest:] if ages[one] >= days}
