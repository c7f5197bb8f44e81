"""The clocks of bundles: the watch shows what it measured, old partitions go, and both run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from dataplatform.defs.bundle_watch import cron_every, interval_of
from dataplatform_tests.defs.bundle_site import CHANNEL, PARTITION, BundleSite
from dataplatform_tests.defs.site import Run

pytestmark = pytest.mark.platform

MONITORING = "monitoring/data_integrity.yaml"


@pytest.fixture
def site(tmp_path: Path) -> BundleSite:
    return BundleSite(tmp_path)


def run(site: BundleSite, job: str, **config: object) -> Run:
    ops = {"ops": {"drop_old_partitions": {"config": config}}} if config else None
    return Run(
        site.defs()
        .resolve_job_def(job)
        .execute_in_process(instance=site.instance, run_config=ops, raise_on_error=False)
    )


def told(of: Run) -> dict[str, object]:
    """What the one step of a job says in figures."""
    [event] = [each for each in of.result.all_events if each.is_successful_output]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def checks(site: BundleSite) -> dict[str, bool]:
    """The newest evaluation of each check, whoever made it."""
    found = {}
    for name in ("completeness", "storage"):
        key = dg.AssetCheckKey(dg.AssetKey("bundle_index"), name)
        [record] = site.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        found[name] = record.event.dagster_event.asset_check_evaluation_data.passed
    return found


@pytest.mark.requirement("S0-67", "S0-90")
def test_both_clocks_run_by_default(site: BundleSite) -> None:
    schedules = {one.name: one for one in site.defs().get_repository_def().schedule_defs}
    for name in ("bundle_watch_schedule", "bundle_retention_schedule"):
        assert schedules[name].default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedules["bundle_watch_schedule"].cron_schedule == "2-59/10 * * * *"


@pytest.mark.requirement("S0-68", "S0-75")
def test_a_look_shows_on_the_partition_what_it_found(site: BundleSite) -> None:
    site.begin(expected={"count": 3})
    site.follow()
    first = run(site, "bundle_watch")
    assert first.succeeded, first.failures
    assert (told(first)["bundles"], told(first)["measured"], told(first)["findings"]) == (1, 1, 0)
    assert checks(site) == {"completeness": True, "storage": True}
    (site.root / "lake" / CHANNEL / "2025/06/01/00/img_000.jpg").unlink()
    site.store.delete("watch/ticks.json")  # an hour later
    second = run(site, "bundle_watch")
    assert second.succeeded, second.failures  # findings are alerts, and no failures of the look
    assert told(second)["open_alerts"] == 1
    assert checks(site) == {"completeness": False, "storage": False}


def test_a_look_before_anything_is_published_finds_nothing(site: BundleSite) -> None:
    site.begin()
    first = run(site, "bundle_watch")
    assert first.succeeded, first.failures
    assert told(first).get("bundles", 0) == 0
    assert told(first).get("findings", 0) == 0
    assert run(site, "bundle_retention").succeeded


@pytest.mark.requirement("S0-67", "S0-71")
def test_the_pace_is_what_the_spec_repository_asks_for(site: BundleSite) -> None:
    often = {"monitoring": {"sync_status": {"max_sync_delay": "15m"}}}
    site.specs.push({MONITORING: often})
    # Nobody has looked yet: the document's 30 minutes are told after 40 at the latest.
    assert interval_of(site.site.platform) == timedelta(minutes=10)
    site.tick()
    assert interval_of(site.site.platform) == timedelta(minutes=5)
    site.specs.push({MONITORING: "monitoring: ["})
    site.tick()
    assert interval_of(site.site.platform) == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("minutes", "cron"),
    [
        (1, "2-59/5 * * * *"),
        (7, "2-59/6 * * * *"),
        (10, "2-59/10 * * * *"),
        (30, "2-59/30 * * * *"),
        (45, "2-59/30 * * * *"),
        (60, "7 * * * *"),
        (1440, "7 * * * *"),
    ],
)
def test_a_pace_is_a_cron_that_looks_at_least_as_often(minutes: int, cron: str) -> None:
    assert cron_every(timedelta(minutes=minutes)) == cron


def test_old_partitions_go_and_what_they_published_stays(site: BundleSite) -> None:
    site.begin()
    for week in (26, 27):
        path = f"bundles/weekly/model-v1.0.0-2025.{week}.yaml"
        site.specs.push({path: site.bundle_spec(path=path)})
    assert [one.succeeded for one in site.follow()] == [True] * 3
    kept = set(site.instance.get_dynamic_partitions("bundles"))
    dry = run(site, "bundle_retention", newest=1, days=0, apply=False)
    assert (told(dry)["old"], told(dry)["dropped"]) == (2, 0)
    assert (told(dry)["old_claims"], told(dry)["abandoned_segments"]) == (2, 0)
    assert set(site.instance.get_dynamic_partitions("bundles")) == kept
    assert told(run(site, "bundle_retention"))["dropped"] == 0  # the rules of every night
    assert told(run(site, "bundle_retention", newest=1, days=0))["dropped"] == 2
    assert site.instance.get_dynamic_partitions("bundles") == ["weekly/model-v1.0.0-2025.27"]
    assert site.lock(version="v1.0.0-2025.25").total_files == 3
    assert PARTITION not in site.instance.get_dynamic_partitions("bundles")


def test_every_night_documents_and_pushes_that_are_missing_are_made_again(site: BundleSite) -> None:
    site.begin()
    site.follow()
    document = "bundles/weekly/model-v1.0.0-2025.25.yaml"
    before = site.store.get(document).data
    site.store.delete(document)
    assert run(site, "repair").succeeded
    assert site.store.get(document).data == before
    pointer = "bundles/weekly/model-v1.0.0-2025.25/latest.json"
    site.store.put(pointer, b"{")
    broken = run(site, "repair")
    assert not broken.succeeded
    assert pointer in str(broken.failures)
