"""Looking after releases in Dagster: hardening by a clock, going back by a job with a config."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from dataplatform.definitions import build_defs
from dataplatform.defs.names import Names
from dataplatform_tests.defs.site import DATASET, Site
from opendata.reading.listing import list_releases
from opendata.reading.marks import find_mark
from opendata.wire import keys
from opendata.wire.ids import parse_dataset_id
from opendata.wire.version import parse_version

pytestmark = pytest.mark.platform

NAMES = Names(parse_dataset_id(DATASET))
V1, V2 = parse_version("1.0.0"), parse_version("1.0.1")
CORRECTED = 'code=["a", "b"], value=[1.0, 7.0]'


@pytest.fixture
def two_releases(site: Site) -> Site:
    """1.0.0, and a correction of it."""
    site.write()
    site.run()
    site.write(CORRECTED)
    site.run()
    assert site.current_version() == "1.0.1"
    return site


def run_job(site: Site, name: str, config: dict[str, Any] | None = None) -> Any:
    ops = {"ops": {"move_pointer": {"config": config}}} if config else {}
    return (
        site.defs()
        .resolve_job_def(name)
        .execute_in_process(instance=site.instance, run_config=ops, raise_on_error=False)
    )


def at(site: Site, clock: Callable[[], datetime]) -> Any:
    """The hardening job, with another clock."""
    ports = dataclasses.replace(site.platform.ports, now=clock)
    defs = build_defs(dataclasses.replace(site.platform, ports=ports))
    return defs.resolve_job_def("harden")


@pytest.mark.requirement("S4-53", "S4-54", "B2")
def test_releases_harden_by_themselves_when_their_observation_is_over(two_releases: Site) -> None:
    site, now = two_releases, two_releases.platform.ports.now
    store = site.platform.ports.store
    assert run_job(site, "harden").success
    assert find_mark(store, NAMES.dataset, V1, "hard") is None  # both are observed for a week
    later = at(site, lambda: now() + timedelta(days=8))
    assert later.execute_in_process(instance=site.instance).success
    marks = [find_mark(store, NAMES.dataset, version, "hard") for version in (V1, V2)]
    assert [mark.cause for mark in marks if mark] == ["window", "window"]
    assert all(mark and mark.by.startswith("dagster run ") for mark in marks)
    assert [one.freeze for one in list_releases(store, NAMES.dataset, now())] == ["hard"] * 2


def test_a_release_that_cannot_be_read_fails_the_job_after_the_others(two_releases: Site) -> None:
    site, now = two_releases, two_releases.platform.ports.now
    store = site.platform.ports.store
    store.put(keys.release_key(NAMES.dataset, V1), b"{}")
    job = at(site, lambda: now() + timedelta(days=8))
    result = job.execute_in_process(instance=site.instance, raise_on_error=False)
    assert not result.success
    assert find_mark(store, NAMES.dataset, V2, "hard") is not None


@pytest.mark.requirement("S4-55")
def test_a_rollback_is_a_job_with_a_typed_config(two_releases: Site) -> None:
    site = two_releases
    config = {"dataset": DATASET, "to": "1.0.0", "reason": "b is wrong"}
    rehearsed = run_job(site, "rollback", {**config, "dry_run": True})
    assert rehearsed.success
    assert site.current_version() == "1.0.1"
    result = run_job(site, "rollback", config)
    assert result.success
    assert site.current_version() == "1.0.0"
    [output] = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_OUTPUT]
    told = output.step_output_data.metadata
    assert (told["before"].value, told["release"].value) == ("1.0.1", "1.0.0")
    assert told["yanked"].value == "1.0.1"
    listed = {one.release: one for one in list_releases(site.platform.ports.store, NAMES.dataset)}
    assert listed["1.0.1"].state == "yanked"
    assert listed["1.0.1"].yanked is not None
    assert listed["1.0.1"].yanked["reason"] == "b is wrong"


@pytest.mark.requirement("S4-55", "M-7")
def test_the_published_asset_shows_a_rollback_of_the_job(two_releases: Site) -> None:
    site = two_releases
    assert run_job(site, "rollback", {"dataset": DATASET, "to": "1.0.0"}).success
    defs = site.defs()
    [sensor] = [s for s in defs.sensors or () if s.name == "published_elsewhere"]
    context = dg.build_sensor_context(instance=site.instance, definitions=defs)
    result: Any = sensor.evaluate_tick(context)  # type: ignore[attr-defined]
    shown = [e for e in result.asset_events if isinstance(e, dg.AssetMaterialization)]
    assert [event.asset_key for event in shown] == [NAMES.published]
    assert shown[0].metadata["release"].value == "1.0.0"
    assert shown[0].metadata["kind"].value == "rollback"
    assert str(shown[0].metadata["freeze_state"].value).startswith("soft until ")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"dataset": DATASET, "to": "7.0.0"}, "7.0.0 does not exist"),
        ({"dataset": DATASET, "to": "one"}, "'one' is no version"),
        ({"dataset": "ns/nothing", "to": "1.0.0"}, "ns/nothing is not published"),
        ({"dataset": "no id", "to": "1.0.0"}, "an id is namespace/name"),
    ],
)
def test_a_rollback_to_nowhere_fails_with_a_sentence(
    two_releases: Site, config: dict[str, str], told: str
) -> None:
    result = run_job(two_releases, "rollback", config)
    assert not result.success
    [failed] = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_FAILURE]
    assert told in str(failed.step_failure_data.user_failure_data.description)
    assert two_releases.current_version() == "1.0.1"
