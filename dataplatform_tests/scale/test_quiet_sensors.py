"""A sensor that finds nothing costs the same for three data sets and for a thousand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from dataplatform.definitions import build_defs
from dataplatform_tests.defs.site import Site
from dataplatform_tests.fakes.stores import WatchedStore
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.catalogue import Catalogue, CatalogueEntry

pytestmark = pytest.mark.platform

SENSORS = ("published_elsewhere", "stale_runs", "missed_retries")


def published(count: int) -> Catalogue:
    """A catalogue of so many data sets, none of which has a producer here."""
    entries = tuple(
        CatalogueEntry(
            id=f"elsewhere/part-{number}",
            title="Parts",
            description="Parts of things.",
            license="CC0-1.0",
            namespace="elsewhere",
            release="1.0.0",
            generation=1,
            updated_at="2026-01-01T00:00:00Z",
            row_count=1,
            size_bytes=1,
        )
        for number in range(count)
    )
    return Catalogue(generated_at="2026-01-01T00:00:00Z", datasets=entries)


@pytest.fixture
def site(tmp_path: Any) -> Site:
    site = Site(tmp_path)
    site.write()
    return site


@pytest.mark.requirement("M-4", "S0-89")
@pytest.mark.parametrize("count", [3, 1_000])
@pytest.mark.parametrize("name", SENSORS)
def test_a_look_in_vain_asks_the_store_once_at_most(site: Site, name: str, count: int) -> None:
    store = WatchedStore(MemoryStore())
    catalogue = published(count)
    store.put(keys.INDEX, json.dumps(catalogue.to_json()).encode())
    platform = replace(site.platform, ports=replace(site.platform.ports, store=store))
    defs = build_defs(platform)
    [sensor] = [each for each in defs.sensors or () if each.name == name]
    before = store.count()
    seen = json.dumps({entry.id: entry.generation for entry in catalogue.datasets})
    with dg.build_sensor_context(instance=site.instance, cursor=seen, definitions=defs) as context:
        result: Any = sensor.evaluate_tick(context)
    assert not result.asset_events and not result.run_requests
    assert store.count() - before == (1 if name == "published_elsewhere" else 0)
