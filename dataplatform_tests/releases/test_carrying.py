"""Each manifest leads from every schema that still has readers to its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform_tests.reading.histories import History, yields
from opendata.stores.memory import MemoryStore
from opendata.wire.codec import replace
from opendata.wire.compatibility import judge
from opendata.wire.manifest import Manifest


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path, MemoryStore())


def rate(history: History, *names: str, unit: str = "percent", **cut: Any) -> Manifest:
    """Release the rate under the first name; the others are its aliases."""
    field = {"name": names[0], "type": "float64", "unit": unit, "aliases": list(names[1:])}
    return history.release({names[0]: yields(3)}, field, **cut)


@pytest.mark.requirement("S4-79")
def test_former_names_lead_to_the_present_one_however_often_it_changed(history: History) -> None:
    rate(history, "a")
    assert rate(history, "b", "a").adapters.fields_alias == {"a": "b"}
    assert rate(history, "c", "a", "b").adapters.fields_alias == {"a": "c", "b": "c"}


@pytest.mark.requirement("S4-62", "S4-80")
def test_converters_lead_from_every_former_unit_and_are_transforms_too(history: History) -> None:
    rate(history, "a", unit="percent")
    rate(history, "a", unit="1")
    manifest = rate(history, "b", "a", unit="permille")
    entries = manifest.adapters.unit_converters["b"]
    assert entries == [
        {
            "kind": "unit",
            "field": "b",
            "from": start,
            "to": "permille",
            "factor": factor,
            "offset": "0",
            "corr_env": None,
        }
        for start, factor in (("percent", "10"), ("1", "1000"))
    ]
    assert list(manifest.transforms) == entries
    back = rate(history, "b", "a", unit="percent").adapters.unit_converters["b"]
    assert {entry["from"] for entry in back} == {"1", "permille"}


@pytest.mark.requirement("S4-62")
def test_a_release_that_changes_rows_only_carries_all_of_it_on(history: History) -> None:
    rate(history, "a")
    before = rate(history, "b", "a", unit="1", shard="year", version="2.0.0")
    field = {"name": "b", "type": "float64", "unit": "1", "aliases": ["a"]}
    after = history.release({"b": yields(5)}, field, shard="year")
    assert after.adapters == before.adapters
    assert after.transforms == before.transforms
    assert after.breaks == before.breaks


@pytest.mark.requirement("S4-57", "S4-81")
def test_a_major_says_what_broke_and_what_leads_over_it(history: History) -> None:
    rate(history, "a")
    (first,) = rate(history, "a", shard="year", version="2.0.0").breaks
    assert (first.schema_version, first.reasons) == ("2.0.0", ())
    assert set(first.bridged.values()) == {"routing_rules"}
    manifest = rate(history, "z", shard="day", version="3.0.0")
    assert manifest.breaks[0] == first
    assert manifest.breaks[1].reasons == ("'a' was dropped and no field has it as an alias",)
    assert manifest.adapters.fields_alias == {}
    assert manifest.adapters.routing_rules == ()


def test_a_first_release_has_nobody_to_carry(history: History) -> None:
    manifest = rate(history, "a")
    assert (manifest.transforms, manifest.breaks) == ((), ())
    assert b'"breaks"' not in manifest.to_bytes()


def test_a_required_column_without_default_is_a_major_that_old_readers_do_not_feel(
    history: History,
) -> None:
    rate(history, "a")
    field = {"name": "a", "type": "float64", "unit": "percent"}
    must = {"name": "must", "type": "string", "nullable": False}
    columns = {"a": yields(3), "must": pa.array(["x"] * 3)}
    (told,) = history.release(columns, field, must, version="2.0.0").breaks
    assert set(told.bridged.values()) == {"projection"}
    assert history.read("1.0").schema.names == ["day", "a"]
    assert history.stats.adapters == ("projection",)


def test_a_major_from_before_breaks_were_recorded_is_not_crossed(history: History) -> None:
    reader = rate(history, "a")
    manifest = replace(rate(history, "a", shard="year", version="2.0.0"), breaks=())
    verdict = judge(reader, manifest)
    assert verdict.verdict == "incompatible"
    assert verdict.reasons == ("schema 2.0.0 broke readers of 1.x, and records no adapter",)
