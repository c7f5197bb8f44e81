"""Runs that ended without being able to say so are settled: failed, and recorded as such."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import GRPC_INFO_TAG

from dataplatform.defs.lost_runs import is_lost
from dataplatform.defs.names import Names
from dataplatform_tests.defs.months import published_months, write_months
from dataplatform_tests.defs.site import DATASET, Site
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.platform

NAMES = Names(parse_dataset_id(DATASET))
STATUS = dg.DagsterRunStatus


def event(run: dg.DagsterRun, kind: dg.DagsterEventType, **facts: Any) -> dg.EventLogEntry:
    return dg.EventLogEntry(
        error_info=None,
        level="debug",
        user_message="",
        run_id=run.run_id,
        timestamp=time.time(),
        step_key=facts.get("step_key"),
        dagster_event=dg.DagsterEvent(kind.value, run.job_name, **facts),
    )


def begun_run(
    site: Site, pid: int, job: str = "datasets", on_host: str | None = None, **tags: str
) -> dg.DagsterRun:
    """A run as the event log shows it while it builds the candidate in process `pid`."""
    instance = site.instance
    if on_host:
        tags[GRPC_INFO_TAG] = json.dumps({"host": on_host, "port": 4000})
    run = instance.create_run_for_job(
        site.defs().resolve_job_def(job),
        asset_selection=frozenset(NAMES.all),
        remote_job_origin=launched_on(on_host) if on_host else None,
        tags=tags,
    )
    instance.handle_new_event(event(run, dg.DagsterEventType.RUN_START))
    engine = dg._core.events.EngineEventData.in_process(pid)  # type: ignore[attr-defined]
    instance.handle_new_event(
        event(run, dg.DagsterEventType.ENGINE_EVENT, event_specific_data=engine)
    )
    instance.handle_new_event(
        event(run, dg.DagsterEventType.STEP_START, step_key=NAMES.step("candidate"))
    )
    return run


def run_of_month(site: Site, pid: int, month: str, *, begun: bool) -> dg.DagsterRun:
    """A run of one month that has begun, or that still waits in the queue."""
    if begun:
        return begun_run(site, pid, "__ASSET_JOB", **{"dagster/partition": month})
    return site.instance.create_run_for_job(
        site.defs().resolve_job_def("__ASSET_JOB"),
        asset_selection=frozenset(NAMES.all),
        status=STATUS.QUEUED,
        remote_job_origin=launched_on("machine-a"),
        tags={"dagster/partition": month},
    )


def sensor(site: Site, name: str) -> Any:
    return next(s for s in site.defs().sensors or () if s.name == name)


def code_server(host: str, name: str = "opendata") -> GrpcServerCodeLocationOrigin:
    return GrpcServerCodeLocationOrigin(host=host, port=4000, location_name=name)


def launched_on(host: str) -> RemoteJobOrigin:
    return RemoteJobOrigin(RemoteRepositoryOrigin(code_server(host), "__repository__"), "datasets")


def settle_stale_runs(site: Site, here: GrpcServerCodeLocationOrigin | None = None) -> None:
    with dg.build_sensor_context(instance=site.instance) as context:
        context._code_location_origin = here
        sensor(site, "stale_runs").evaluate_tick(context)


def status_of(site: Site, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = site.instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def tell_status_sensor(site: Site, run: dg.DagsterRun, name: str) -> None:
    found = site.instance.get_run_by_id(run.run_id)
    context = dg.build_run_status_sensor_context(
        sensor_name=name,
        dagster_event=dg.DagsterEvent(dg.DagsterEventType.RUN_CANCELED.value, run.job_name),
        dagster_instance=site.instance,
        dagster_run=found or run,
    )
    sensor(site, name)(context)


@pytest.fixture
def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_run_whose_process_is_gone_has_failed(site: Site, ended_process: int) -> None:
    site.write()
    run = begun_run(site, ended_process)
    assert status_of(site, run) is STATUS.STARTED
    settle_stale_runs(site)
    assert status_of(site, run) is STATUS.FAILURE


@pytest.mark.requirement("M-4")
def test_partitions_whose_run_was_lost_block_the_release(site: Site, ended_process: int) -> None:
    write_months(site, {"2024-01": 1.0, "2024-02": 2.0})
    site.run(f"{DATASET}/candidate", partitions="2024-01")
    run = begun_run(site, ended_process, "__ASSET_JOB", **{"dagster/partition": "2024-02"})
    settle_stale_runs(site)
    assert status_of(site, run) is STATUS.FAILURE
    refused = site.run(f"{DATASET}/release")
    assert "the last run of 2024-02 failed" in refused.failures[NAMES.step("release")]


@pytest.mark.requirement("M-4")
@pytest.mark.parametrize("begun", [True, False], ids=["under way", "queued"])
def test_partitions_whose_run_was_canceled_block_the_release(
    site: Site, ended_process: int, begun: bool
) -> None:
    write_months(site, {"2024-01": 1.0, "2024-02": 2.0})
    site.run(f"{DATASET}/candidate", partitions="2024-01")
    canceled = run_of_month(site, ended_process, "2024-02", begun=begun)
    site.instance.report_run_canceled(canceled)
    refused = site.run(f"{DATASET}/release")
    said = refused.failures[NAMES.step("release")]
    assert "the last run of 2024-02 was canceled, so the candidate lacks what it was" in said
    assert site.run(partitions="2024-02").failures == {}
    assert list(published_months(site)) == ["2024-01", "2024-02"]


@pytest.mark.requirement("M-4")
def test_a_month_that_failed_blocks_while_its_next_run_waits_for_its_turn(
    site: Site, ended_process: int
) -> None:
    write_months(site, {"2024-01": 1.0, "2024-02": "x"})
    site.run(partitions="2024-02")
    run_of_month(site, ended_process, "2024-02", begun=False)
    refused = site.run(partitions="2024-01")
    assert "the last run of 2024-02 failed" in refused.failures[NAMES.step("release")]
    assert site.current() is None


def test_a_month_that_is_under_way_for_the_first_time_keeps_no_other_back(
    site: Site, ended_process: int
) -> None:
    write_months(site, {"2024-01": 1.0, "2024-02": 2.0})
    run_of_month(site, ended_process, "2024-02", begun=True)
    assert site.run(partitions="2024-01").failures == {}
    assert published_months(site) == {"2024-01": 1.0}


def test_a_run_for_everything_settles_what_was_canceled(site: Site, ended_process: int) -> None:
    write_months(site, {"2024-01": 1.0, "2024-02": 2.0})
    site.instance.report_run_canceled(run_of_month(site, ended_process, "2024-02", begun=True))
    assert site.run().failures == {}
    write_months(site, {"2024-01": 11.0, "2024-02": 2.0})
    assert site.run(partitions="2024-01").failures == {}
    assert published_months(site) == {"2024-01": 11.0, "2024-02": 2.0}


def test_a_run_that_ended_since_it_was_looked_up_is_not_lost(
    site: Site, ended_process: int
) -> None:
    site.write()
    run = begun_run(site, ended_process)
    [looked_up] = site.instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
    site.instance.handle_new_event(event(run, dg.DagsterEventType.RUN_SUCCESS))
    assert looked_up.dagster_run.status is STATUS.STARTED
    assert not is_lost(site.instance, looked_up)


def test_a_run_whose_process_lives_is_left_alone(site: Site) -> None:
    site.write()
    run = begun_run(site, os.getpid())
    settle_stale_runs(site)
    assert status_of(site, run) is STATUS.STARTED


def test_a_lost_run_is_settled_by_the_code_server_that_started_it(
    site: Site, ended_process: int
) -> None:
    site.write()
    run = begun_run(site, ended_process, on_host="machine-a")
    settle_stale_runs(site, code_server("machine-a", "another-location"))
    assert status_of(site, run) is STATUS.STARTED
    settle_stale_runs(site, code_server("machine-a"))
    assert status_of(site, run) is STATUS.FAILURE


def test_a_run_that_another_machine_started_under_the_same_name_is_left_alone(
    site: Site, ended_process: int
) -> None:
    site.write()
    run = begun_run(site, ended_process, on_host="machine-a")
    settle_stale_runs(site, code_server("machine-b"))
    assert status_of(site, run) is STATUS.STARTED


@pytest.mark.requirement("S1-86", "S1-87")
def test_a_run_that_could_not_say_how_it_ended_is_recorded_as_failed(
    site: Site, ended_process: int
) -> None:
    site.write()
    run = begun_run(site, ended_process)
    settle_stale_runs(site)
    tell_status_sensor(site, run, "failed_runs")
    [outcome] = site.outcomes()
    assert (outcome.outcome, outcome.run_id) == ("failed", run.run_id)
    assert outcome.message == "the run failed before it could say how it ended"


@pytest.mark.requirement("S1-86", "S1-87")
def test_a_lost_run_that_was_begun_once_more_and_published_leaves_the_data_set_healthy(
    site: Site, ended_process: int
) -> None:
    site.write()
    lost = begun_run(site, ended_process)
    settle_stale_runs(site)
    begun_again = site.run()
    tell_status_sensor(site, lost, "failed_runs")
    outcomes = site.outcomes()
    assert [each.run_id for each in outcomes] == [begun_again.id, lost.run_id]
    assert [each.outcome for each in outcomes] == ["published", "failed"]


def test_a_run_that_said_how_it_ended_is_not_recorded_twice(site: Site) -> None:
    site.write('code=["a", "a"], value=[1.0, 2.0]')
    failed = site.run()
    run = site.instance.get_run_by_id(failed.id)
    assert run is not None
    before = site.outcomes()
    tell_status_sensor(site, run, "failed_runs")
    assert site.outcomes() == before


@pytest.mark.requirement("S1-86")
def test_a_run_that_dagster_failed_before_our_code_began_is_recorded(site: Site) -> None:
    site.write()
    failed = site.run(config={"start": "yesterday"})
    run = site.instance.get_run_by_id(failed.id)
    assert run is not None
    tell_status_sensor(site, run, "failed_runs")
    [outcome] = site.outcomes()
    assert outcome.message == "the run failed before it could say how it ended"


@pytest.mark.parametrize("name", ["stale_runs", "failed_runs", "canceled_runs"])
def test_the_sensors_run_without_anybody_starting_them(site: Site, name: str) -> None:
    assert sensor(site, name).default_status is dg.DefaultSensorStatus.RUNNING
