"""Schedules: every producer's own clock, on one shared job.

A job per schedule would resolve the whole graph once per producer; one job for all keeps a
thousand producers loadable. A schedule runs unless opendata.yaml says `enabled: false`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import dagster as dg

from dataplatform.datasets.producer import Producer
from dataplatform.datasets.schedule import Schedule, cron_of
from dataplatform.defs.failures import MAX_RETRIES, RETRY_SECONDS
from dataplatform.defs.names import Names

JOB: Final = "datasets"
DATASET_TAG: Final = "opendata/dataset"
MAX_RUNTIME_TAG: Final = "dagster/max_runtime"
# Waiting for the provider's pool, gates, freezing and the waits between attempts.
_ALLOWANCE: Final = timedelta(hours=1)


def datasets_job() -> dg.UnresolvedAssetJobDefinition:
    """The one job of all data sets; a run takes a selection of it."""
    return dg.define_asset_job(
        JOB,
        dg.AssetSelection.all(),
        description="All data sets; each schedule runs the three assets of one.",
    )


def producer_schedules(
    producers: Sequence[Producer], job: dg.UnresolvedAssetJobDefinition
) -> list[dg.ScheduleDefinition]:
    """A schedule for every producer that has a clock."""
    crons = ((producer, cron_of(producer.definition)) for producer in producers)
    return [_schedule(producer, cron, job) for producer, cron in crons if cron is not None]


def _schedule(
    producer: Producer, cron: Schedule, job: dg.UnresolvedAssetJobDefinition
) -> dg.ScheduleDefinition:
    names = Names(producer.id)
    status = dg.DefaultScheduleStatus
    tags = run_tags(producer)

    @dg.schedule(
        name=names.schedule,
        job=job,
        cron_schedule=cron.cron,
        execution_timezone="UTC",
        default_status=status.RUNNING if cron.enabled else status.STOPPED,
        description=f"Produces, checks, freezes and publishes {producer.id}.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        at = context.scheduled_execution_time
        return dg.RunRequest(
            run_key=f"{producer.id}@{at:%Y-%m-%dT%H:%M}Z", asset_selection=names.all, tags=tags
        )

    return schedule


def run_tags(producer: Producer) -> dict[str, str]:
    """Which data set a run is of, and after how many seconds it is ended whatever it does."""
    tags = {DATASET_TAG: str(producer.id)}
    if producer.definition.timeout is not None:
        waits = timedelta(seconds=RETRY_SECONDS * 2**MAX_RETRIES)
        longest = producer.definition.timeout * (MAX_RETRIES + 1) + waits + _ALLOWANCE
        tags[MAX_RUNTIME_TAG] = str(int(longest.total_seconds()))
    return tags
