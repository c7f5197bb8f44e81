"""Every producer's clock runs by itself, on one shared job; repair has a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dataplatform.defs.names import Names
from dataplatform_tests.defs.months import write_months
from dataplatform_tests.defs.site import DATASET, Site
from opendata.wire import keys
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

NAMES = Names(parse_dataset_id(DATASET))
OF_THE_PLATFORM = {
    "repair_schedule", "harden_schedule", "retention_schedule", "collect_schedule",
}  # fmt: skip


def schedules(site: Site) -> dict[str, Any]:
    repository = site.defs().get_repository_def()
    return {schedule.name: schedule for schedule in repository.schedule_defs}


@pytest.mark.requirement("M-4", "S1-43", "S1-90", "B4")
@pytest.mark.parametrize(
    ("sections", "cron"),
    [
        ({"frequency": "daily"}, "0 6 * * *"),
        ({"frequency": "hourly"}, "0 * * * *"),
        ({"frequency": "monthly"}, "0 6 1 * *"),
        ({"schedule": "30 15 * * 1-5"}, "30 15 * * 1-5"),
    ],
)
def test_a_producer_with_a_clock_has_a_running_schedule(
    site: Site, sections: dict[str, str], cron: str
) -> None:
    site.write(**sections)
    schedule = schedules(site)[NAMES.schedule]
    assert schedule.cron_schedule == cron
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


@pytest.mark.requirement("S1-43")
def test_a_producer_without_a_clock_has_none(site: Site) -> None:
    site.write(frequency="adhoc")
    assert set(schedules(site)) == OF_THE_PLATFORM


def test_a_schedule_can_be_there_and_stand_still(site: Site) -> None:
    site.write(schedule={"cron": "0 6 * * *", "enabled": False})
    assert schedules(site)[NAMES.schedule].default_status is dg.DefaultScheduleStatus.STOPPED


def test_all_schedules_share_one_job(site: Site) -> None:
    for name in ("a", "b", "c"):
        site.write(dataset=f"ns/{name}")
    jobs = {s.job_name for s in schedules(site).values() if s.name not in OF_THE_PLATFORM}
    assert jobs == {"datasets"}


@pytest.mark.requirement("M-4", "M-6")
def test_a_tick_runs_one_data_set_with_all_its_checks(site: Site) -> None:
    site.write(timeout="10m")
    site.write(dataset="ns/other")
    at = datetime(2026, 1, 2, 6, tzinfo=UTC)
    with dg.build_schedule_context(site.instance, scheduled_execution_time=at) as context:
        [request] = schedules(site)[NAMES.schedule].evaluate_tick(context).run_requests
    assert request.run_key == "ns/prices@2026-01-02T06:00Z"
    assert set(request.asset_selection) == set(NAMES.all)
    assert request.asset_check_keys is None  # none named means all of theirs
    assert request.tags["opendata/dataset"] == DATASET
    assert 600 < int(request.tags["dagster/max_runtime"]) < 3 * 3600


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Site]:
    """A site whose instance is on disk, where a schedule's tick can look into it."""
    folder = tmp_path / "instance"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        yield Site(tmp_path, instance=instance)


def due(site: Site) -> Any:
    """What the schedule asks for when it comes due."""
    schedule, at = schedules(site)[NAMES.schedule], datetime(2026, 1, 2, 6, tzinfo=UTC)
    with dg.build_schedule_context(site.instance, scheduled_execution_time=at) as context:
        [request] = schedule.evaluate_tick(context).run_requests
    return request


def test_data_sets_with_partitions_share_the_job_in_which_back_fills_run(site: Site) -> None:
    write_months(site, {})
    site.write(dataset="ns/whole")
    jobs = {
        name: schedule.job_name
        for name, schedule in schedules(site).items()
        if name not in OF_THE_PLATFORM
    }
    assert jobs == {"ns__prices__schedule": "__ASSET_JOB", "ns__whole__schedule": "datasets"}
    whole = site.defs().resolve_job_def("datasets").asset_layer.executable_asset_keys
    assert whole == set(Names(parse_dataset_id("ns/whole")).all)


@pytest.mark.requirement("M-4")
def test_a_due_run_asks_for_everything_since_sources_correct_older_rows(stored: Site) -> None:
    write_months(stored, {"2024-01": 1.0})
    stored.run()
    tags = due(stored).tags
    assert not any("partition" in name for name in tags)


@pytest.mark.requirement("M-4")
def test_a_window_asks_for_the_newest_partitions_once_there_is_a_release(stored: Site) -> None:
    write_months(stored, {"2024-01": 1.0}, schedule={"cron": "0 6 * * *", "window": 3})
    assert not any("partition" in name for name in due(stored).tags)
    stored.run()
    tags = due(stored).tags
    [spec] = [s for s in stored.defs().resolve_all_asset_specs() if s.key == NAMES.candidate]
    newest = spec.partitions_def.get_partition_keys()[-3:]  # type: ignore[union-attr]
    assert tags["dagster/asset_partition_range_start"] == newest[0]
    assert tags["dagster/asset_partition_range_end"] == newest[-1]


@pytest.mark.requirement("S1-62", "S1-63")
def test_the_nightly_repair_finishes_what_a_crash_left_behind(site: Site) -> None:
    site.write()
    site.run()
    store = site.platform.ports.store
    for key in (keys.metadata_key(NAMES.dataset), keys.stable_copy_key(NAMES.dataset), keys.INDEX):
        store.delete(key)
    assert schedules(site)["repair_schedule"].default_status is dg.DefaultScheduleStatus.RUNNING
    result = site.defs().resolve_job_def("repair").execute_in_process(instance=site.instance)
    assert result.success
    for key in (keys.metadata_key(NAMES.dataset), keys.stable_copy_key(NAMES.dataset), keys.INDEX):
        assert store.stat(key), key


def test_a_data_set_that_cannot_be_repaired_is_named_and_the_others_are_repaired(
    site: Site,
) -> None:
    site.write()
    site.write(dataset="ns/other")
    site.run()
    site.run(dataset="ns/other")
    (site.root / "store" / keys.pointer_key(NAMES.dataset)).write_text("{}")
    other = keys.metadata_key(parse_dataset_id("ns/other"))
    site.platform.ports.store.delete(other)
    job = site.defs().resolve_job_def("repair")
    result = job.execute_in_process(instance=site.instance, raise_on_error=False)
    assert not result.success
    [event] = [e for e in result.all_events if e.is_step_failure]
    assert DATASET in event.step_failure_data.user_failure_data.description
    assert site.platform.ports.store.stat(other)
