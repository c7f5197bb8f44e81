"""Real places in another reference system: a minor step if it can be undone, else a break."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyproj import Geod, Transformer

from dataplatform.errors import BreakingChange
from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Rejected
from opendata.wire.manifest import Manifest

pytestmark = pytest.mark.requirement("S4-26")

AIRPORTS = ROOT / "dataplatform_tests/golden/versions/airports/20260905.parquet"
DEGREES = {"code": "EPSG:4326", "x": "lon", "y": "lat"}
METRES = DEGREES | {"code": "EPSG:3857"}
APART_METRES = 0.01
"""How far a place may lie from where it was after there and back."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(MemoryStore(), tmp_path)


@pytest.fixture(scope="module")
def airports() -> pa.Table:
    return pq.read_table(AIRPORTS, columns=["icao", "lon", "lat"])


def held(bench: Bench, crs: dict[str, str] | None, unit: str = "degree", **settings: Any) -> Bench:
    fields = [
        {"name": "icao", "type": "string", "nullable": False},
        {"name": "lon", "type": "float64", "unit": unit},
        {"name": "lat", "type": "float64", "unit": unit},
    ]
    contract = {"primary_key": ["icao"], "fields": fields, **({"crs": crs} if crs else {})}
    return bench.declared(contract=contract, release=settings)


def moved(table: pa.Table, old: str, new: str) -> pa.Table:
    """The same places in another system."""
    way = Transformer.from_crs(old, new, always_xy=True)
    x, y = way.transform(table["lon"].to_numpy(), table["lat"].to_numpy())
    return pa.table({"icao": table["icao"], "lon": x, "lat": y})


def metres_apart(one: pa.Table, other: pa.Table) -> float:
    columns = (table[name].to_numpy() for table in (one, other) for name in ("lon", "lat"))
    _, _, distances = Geod(ellps="WGS84").inv(*columns)
    return float(np.max(distances))


def step_to_metres(bench: Bench, airports: pa.Table) -> Manifest:
    held(bench, DEGREES).publish(airports)
    projected = moved(airports, "EPSG:4326", "EPSG:3857")
    return held(bench, METRES, "metre").publish(projected).release.manifest


def test_the_manifest_says_how_coordinates_lead_back(bench: Bench, airports: pa.Table) -> None:
    manifest = step_to_metres(bench, airports)
    assert (manifest.release, manifest.versioning.schema_version) == ("1.1.0", "1.1.0")
    [step] = manifest.transforms
    assert step == {
        "kind": "crs", "from": "EPSG:4326", "to": "EPSG:3857", "x": "lon", "y": "lat",
    }  # fmt: skip
    back = moved(bench.read(), step["to"], step["from"])
    assert back["icao"].equals(airports.sort_by("icao")["icao"])
    assert metres_apart(back, airports.sort_by("icao")) < APART_METRES


def test_later_releases_go_on_saying_it(bench: Bench, airports: pa.Table) -> None:
    first = step_to_metres(bench, airports).transforms
    projected = moved(airports.slice(0, 100), "EPSG:4326", "EPSG:3857")
    later = held(bench, METRES, "metre").publish(projected).release.manifest
    assert (later.release, later.transforms) == ("1.1.1", first)


def test_a_second_step_is_told_after_the_first(bench: Bench, airports: pa.Table) -> None:
    step_to_metres(bench, airports)
    equal_area = moved(airports, "EPSG:4326", "EPSG:6933")
    chosen = DEGREES | {"code": "EPSG:6933"}
    manifest = held(bench, chosen, "metre").publish(equal_area).release.manifest
    assert [(step["from"], step["to"]) for step in manifest.transforms] == [
        ("EPSG:4326", "EPSG:3857"),
        ("EPSG:3857", "EPSG:6933"),
    ]
    back = bench.read()
    for step in reversed(manifest.transforms):
        back = moved(back, step["to"], step["from"])
    assert metres_apart(back, airports.sort_by("icao")) < APART_METRES


@pytest.mark.parametrize(
    ("crs", "reason"),
    [
        (None, "EPSG:4326 of the coordinates was withdrawn"),
        ({"code": "EPSG:4326", "x": "lat", "y": "lon"}, "were in lon, lat and are in lat, lon"),
        (DEGREES | {"code": "EPSG:5703"}, "nothing reprojects between them"),
    ],
)
def test_what_cannot_be_undone_needs_the_next_major(
    bench: Bench, airports: pa.Table, crs: dict[str, str] | None, reason: str
) -> None:
    held(bench, DEGREES).publish(airports)
    with pytest.raises(BreakingChange, match=reason):
        held(bench, crs).publish(airports.slice(0, 10))
    declared = held(bench, crs, version="2.0.0").publish(airports.slice(0, 10)).release.manifest
    assert (declared.release, declared.transforms) == ("2.0.0", ())


def test_a_system_that_does_not_exist_is_no_release(bench: Bench, airports: pa.Table) -> None:
    with pytest.raises(Rejected, match="says EPSG:43260, and there is no such") as refused:
        held(bench, DEGREES | {"code": "EPSG:43260"}).publish(airports)
    assert refused.value.code == "unknown_crs"


@pytest.mark.requirement("S4-21")
def test_another_order_of_the_key_says_how_rows_were_sorted(bench: Bench) -> None:
    table = pa.table({"a": [1, 1, 2], "b": [2, 3, 1]})
    bench.declared(contract={"primary_key": ["a", "b"]}).publish(table)
    manifest = bench.declared(contract={"primary_key": ["b", "a"]}).publish(table).release.manifest
    assert manifest.release == "1.1.0"
    assert manifest.transforms == ({"kind": "order", "from": ["a", "b"], "to": ["b", "a"]},)
    assert bench.read().column("b").to_pylist() == [1, 2, 3]
