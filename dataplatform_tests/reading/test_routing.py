"""Old partition paths go on working when shards are cut otherwise; they are routed, and pruned."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform_tests.reading.histories import PERCENT, History, yields
from opendata.wire.errors import NotFound, Rejected

CUTS = ("none", "year", "month", "day")


@pytest.fixture(scope="module")
def resharded(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Cut by month, then by year as the next major. Only read from."""
    history = History(tmp_path_factory.mktemp("resharded"))
    history.release({"10Y": yields(400)}, PERCENT)
    history.release({"10Y": yields(400)}, PERCENT, shard="year", version="2.0.0")
    return history


@pytest.mark.requirement("S4-59", "S4-63", "S4-81")
def test_an_old_reader_issues_the_old_path_and_gets_exactly_its_rows(resharded: History) -> None:
    manifest = resharded.bench.current.manifest
    assert [entry.name for entry in manifest.files] == ["2026", "2027"]
    assert manifest.adapters.routing_rules == ({"from": "month", "to": "year", "time": "day"},)
    expected = resharded.read(None, start="2026-03-01", end="2026-03-31")
    table = resharded.read("1.0", partition="2026-03")
    assert table.equals(expected)
    assert table.num_rows == 31
    assert resharded.stats.shards_skipped == 1
    assert resharded.stats.row_groups_skipped > resharded.stats.row_groups_read
    assert resharded.stats.adapters == ("routing_rules",)


def test_a_path_of_the_present_cut_is_its_shard(resharded: History) -> None:
    assert resharded.read(None, partition="2027").num_rows == 35
    assert resharded.read("2.0", partition="2026").num_rows == 365


def test_a_path_and_other_conditions_hold_together(resharded: History) -> None:
    asked: dict[str, Any] = {
        "partition": "2026-03",
        "start": "2026-03-20",
        "filters": [("10Y", "is null")],
    }
    nulls = [at for at, rate in enumerate(yields(90).to_pylist()) if rate is None and at >= 78]
    assert resharded.read("1.0", **asked).num_rows == len(nulls) == 1


@pytest.mark.parametrize(
    ("reader", "name", "hint"),
    [
        ("1.0", "2026-3", "did you mean '2026-03'"),
        ("1.0", "2026-13", "did you mean '2026-1"),
        ("1.0", "2031-01", "2027-01"),
        ("1.0", "2026", "did you mean|its parts are named"),
        (None, "2026-03", "it is a path of the former cut by month: say which schema you know"),
        (None, "2030", "its parts are named 2026, 2027"),
    ],
)
def test_a_path_that_never_was_is_refused_with_those_that_are(
    resharded: History, reader: str | None, name: str, hint: str
) -> None:
    with pytest.raises(NotFound, match=f"has no part '{name}'") as unknown:
        resharded.read(reader, partition=name)
    assert re.search(hint, str(unknown.value.hint)), unknown.value.hint
    assert unknown.value.code == "unknown_partition"


@pytest.mark.requirement("S4-63")
@pytest.mark.parametrize(("old", "new"), list(permutations(CUTS, 2)))
def test_every_cut_leads_to_every_other(tmp_path: Path, old: str, new: str) -> None:
    """With rows without a time, which are a part of their own wherever there is a cut."""
    day = {"name": "at", "type": "timestamp[us, tz=UTC]"}
    history = History(tmp_path)
    hours = pa.array([None, *range(0, 24 * 400, 300)], pa.int64())
    at = pa.array([None if h.as_py() is None else h.as_py() * 3_600_000_000 for h in hours])
    table = {"day": at.cast(pa.timestamp("us", "UTC")), "value": hours}
    bench = history.bench
    for cut, version in ((old, None), (new, "2.0.0")):
        fields = [{**day, "name": "day"}, {"name": "value", "type": "int64"}]
        bench = bench.declared(
            time="day",
            release={"shard": cut, "version": version},
            contract={"fields": fields},
        )
        bench.release(pa.table(table))
    history.bench = bench
    known = history.known_to("1.0")
    parts = [history.read("1.0", partition=entry.name) for entry in known.files]
    assert pa.concat_tables(parts).sort_by("value").equals(history.read(None).sort_by("value"))
    assert [part.num_rows for part in parts] == [entry.row_count for entry in known.files]


@pytest.mark.requirement("S4-81")
def test_routes_are_led_on_from_cut_to_cut(tmp_path: Path) -> None:
    history = History(tmp_path)
    for major, cut in enumerate(("day", "month", "year", "none"), start=1):
        history.release({"10Y": yields(70)}, PERCENT, shard=cut, version=f"{major}.0.0")
    assert {rule["from"] for rule in history.bench.current.manifest.adapters.routing_rules} == {
        "day",
        "month",
        "year",
    }
    assert history.read("1.0", partition="2026-01-31").num_rows == 1
    assert history.read("2.0", partition="2026-02").num_rows == 28
    assert history.read("3.0", partition="2026").num_rows == 70
    assert history.read("4.0", partition="all").num_rows == 70


def test_a_cut_that_comes_back_needs_no_route(tmp_path: Path) -> None:
    history = History(tmp_path)
    for major, cut in enumerate(("month", "year", "month"), start=1):
        history.release({"10Y": yields(70)}, PERCENT, shard=cut, version=f"{major}.0.0")
    rules = history.bench.current.manifest.adapters.routing_rules
    assert [rule["from"] for rule in rules] == ["year"]
    assert history.read("1.0", partition="2026-02").num_rows == 28
    assert history.stats.compatibility == "compatible"


@pytest.mark.requirement("S4-57", "S4-60")
def test_a_major_that_no_adapter_leads_over_is_refused_with_its_own_reasons(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    history.release({"10Y": yields(70)}, PERCENT)
    other = {"name": "other", "type": "float64"}
    history.release({"other": yields(70)}, other, version="2.0.0")
    history.release({"other": yields(70)}, other, shard="year", version="3.0.0")
    # The name comes back with another meaning: what was broken stays broken.
    history.release({"other": yields(70), "10Y": yields(70)}, other, PERCENT, shard="year")
    for partition in (None, "2026-01"):
        with pytest.raises(Rejected) as refused:
            history.read("1.0", partition=partition)
        assert refused.value.details["reasons"] == [
            "schema 2.0.0: '10Y' was dropped and no field has it as an alias"
        ]
    assert history.read("2.0", partition="2026-02").num_rows == 28
