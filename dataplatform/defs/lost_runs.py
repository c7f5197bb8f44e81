"""Lost runs: what ended without being able to say so.

The default launcher cannot see a worker that died together with its code server, so such a run
would stay STARTED and keep its slots. And a run whose process was killed or canceled between two
of our own lines has no outcome in the data set's health. Both are settled here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import dagster as dg
from dagster._core.execution.stats import StepEventStatus
from dagster._core.remote_origin import CodeLocationOrigin, GrpcServerCodeLocationOrigin
from dagster._core.storage.runs import InMemoryRunStorage, SqliteRunStorage
from dagster._core.storage.tags import GRPC_INFO_TAG

from dataplatform.adapters.processes.local import is_running
from dataplatform.datasets.producer import Producer
from dataplatform.defs.failures import BY
from dataplatform.defs.names import Names
from dataplatform.defs.standing import confirm_published
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.steps import record_loss
from dataplatform.releases.trace import RunReference
from dataplatform.wiring import Platform
from opendata.wire.errors import OpenDataError, Rejected
from opendata.wire.ids import DatasetId

_OF_ONE_MACHINE: Final = (SqliteRunStorage, InMemoryRunStorage)
STEPS: Final = ("candidate", "checks", "release", "published")
_FINE: Final = (StepEventStatus.SUCCESS, StepEventStatus.SKIPPED)
_WORDS: Final = {
    dg.DagsterRunStatus.FAILURE: ("failed", "failed"),
    dg.DagsterRunStatus.CANCELED: ("canceled", "was canceled"),
}


def stale_runs_sensor() -> dg.SensorDefinition:
    """Fails runs whose process is gone. It runs where the default launcher starts workers.

    Failed and not canceled: nobody wanted them to end. Dagster begins a run once more that failed
    without a step saying why, and counts a partition as failed only where its run has failed.
    """

    @dg.sensor(
        name="stale_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Fails runs whose process died without a word; each is begun once more.",
    )
    def stale_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        instance = context.instance
        started = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        ours = [record for record in started if _runs_here(context, record.dagster_run)]
        stale = [record.dagster_run for record in ours if is_lost(instance, record)]
        for run in stale:
            instance.report_run_failed(run, message="The run's process is gone.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        return dg.SkipReason(f"{len(started)} runs under way, {len(stale)} of them lost")

    return stale_runs


def _runs_here(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Whether a run's process number means something on this machine.

    The default launcher starts workers beside the code server, which is where this sensor runs.
    Runs that a terminal started are on this machine where their records are.
    """
    if context.instance.run_launcher.supports_check_run_worker_health:
        return False  # this launcher looks after its own, wherever they are
    if run.remote_job_origin is None:
        return isinstance(context.instance.run_storage, _OF_ONE_MACHINE)
    here = context.code_location_origin
    if here is None:
        return True
    return run.remote_job_origin.location_name == here.location_name and _on_host_of(here, run)


def _on_host_of(here: CodeLocationOrigin, run: dg.DagsterRun) -> bool:
    """Whether a run was started on the host that serves its code location now.

    A code location that moves to another machine keeps its name, while the old machine may still be
    finishing runs; their process numbers mean nothing on the new one.
    """
    if not isinstance(here, GrpcServerCodeLocationOrigin):
        return True
    started_by = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    return bool(started_by.get("host", here.host) == here.host)


def is_lost(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether a run's process is certainly gone without having ended it; what is unknown is not."""
    pid = _worker_pid(instance, record.dagster_run.run_id)
    if pid is None or record.start_time is None:
        return False
    if is_running(pid, datetime.fromtimestamp(record.start_time, UTC)):
        return False
    # It may have ended as it should since the record was read. Now that it is gone, its last word
    # is written.
    run = instance.get_run_by_id(record.dagster_run.run_id)
    return run is not None and run.status is dg.DagsterRunStatus.STARTED


def _worker_pid(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that Dagster noted in the run's log when it began to execute."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    for record in records.records:
        event = record.event_log_entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        text = str(pid.value) if pid else ""
        if text.isdecimal():
            return int(text)
    return None


def lost_outcome_sensors(
    platform: Platform, producers: Sequence[Producer]
) -> list[dg.SensorDefinition]:
    """Record failed and canceled runs in the health of data sets that were in the middle of it."""
    dataset_of = {Names(p.id).step(step): p.id for p in producers for step in STEPS}
    return [_outcome_sensor(platform.ports, dataset_of, status) for status in _WORDS]


def _outcome_sensor(
    ports: ReleasePorts, dataset_of: dict[str, DatasetId], status: dg.DagsterRunStatus
) -> dg.SensorDefinition:
    word, told = _WORDS[status]

    @dg.run_status_sensor(
        run_status=status,
        name=f"{word}_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description=f"Records {word} runs that could not record their own outcome.",
    )
    def lost_outcomes(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        ended = _end_of(context.instance, run.run_id)
        for dataset in _interrupted(context.instance, run.run_id, dataset_of):
            error = Rejected(
                f"the run {told} before it could say how it ended",
                code="run_lost",
                hint=f"see run {run.run_id}, then: od run {dataset} --dry-run",
            )
            try:
                record_loss(
                    ports, dataset, RunReference(run.run_id, BY), ended or ports.now(), error
                )
                confirm_published(ports, Names(dataset), context.instance)
            except OpenDataError as problem:
                context.log.error("%s: no outcome recorded: %s", dataset, problem.message)

    return lost_outcomes


def _end_of(instance: dg.DagsterInstance, run_id: str) -> datetime | None:
    record = instance.get_run_record_by_id(run_id)
    if record is None or record.end_time is None:
        return None
    return datetime.fromtimestamp(record.end_time, UTC)


def _interrupted(
    instance: dg.DagsterInstance, run_id: str, dataset_of: dict[str, DatasetId]
) -> list[DatasetId]:
    """The data sets of steps that began and did not end well."""
    begun = instance.get_run_step_stats(run_id)
    unfinished = (stats.step_key for stats in begun if stats.status not in _FINE)
    found = (dataset_of.get(key) for key in unfinished)
    return list(dict.fromkeys(dataset for dataset in found if dataset is not None))
