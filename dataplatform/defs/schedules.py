"""Schedules: every producer's own clock, on shared jobs.

A job per schedule would resolve the whole graph once per producer; one job for all keeps a
thousand producers loadable. A job that we define cannot hold assets of different partitions, so
those with partitions run in Dagster's own job of all assets, in which back-fills run too.
A schedule runs unless opendata.yaml says `enabled: false`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from dataplatform.bundles.run_names import BUNDLE_ASSET, channel_asset
from dataplatform.datasets.partitions import partition_kind
from dataplatform.datasets.producer import Producer
from dataplatform.datasets.schedule import Schedule, cron_of
from dataplatform.defs.asked import AskedBundles
from dataplatform.defs.failures import MAX_RETRIES, RETRY_SECONDS
from dataplatform.defs.grid import RANGE_END_TAG, RANGE_START_TAG, Grid, newest_window
from dataplatform.defs.history import last_commit
from dataplatform.defs.names import Names
from opendata.wire.ids import DatasetId

JOB: Final = "datasets"
PARTITIONED_JOB: Final = "__ASSET_JOB"
DATASET_TAG: Final = "opendata/dataset"
MAX_RUNTIME_TAG: Final = "dagster/max_runtime"
# Waiting for the provider's pool, gates, freezing and the waits between attempts.
_ALLOWANCE: Final = timedelta(hours=1)


def datasets_job(
    producers: Sequence[Producer], bundles: AskedBundles
) -> dg.UnresolvedAssetJobDefinition:
    """The one job of all data sets without partitions; a run takes a selection of it. Bundles have
    partitions, and their channels go with them."""
    partitioned = [
        key
        for producer in producers
        if partition_kind(producer.definition) is not None
        for key in Names(producer.id).all
    ]
    partitioned += [dg.AssetKey(channel_asset(channel)) for channel in sorted(bundles.channels)]
    partitioned += [dg.AssetKey([BUNDLE_ASSET])] if bundles.index else []
    return dg.define_asset_job(
        JOB,
        dg.AssetSelection.all() - dg.AssetSelection.assets(*partitioned),
        description="Data sets without partitions; each schedule runs the three assets of one.",
    )


def producer_schedules(
    producers: Sequence[Producer],
    grids: Mapping[DatasetId, Grid],
    job: dg.UnresolvedAssetJobDefinition,
) -> list[dg.ScheduleDefinition]:
    """A schedule for every producer that has a clock."""
    crons = ((producer, cron_of(producer.definition)) for producer in producers)
    return [
        _schedule(producer, cron, grids.get(producer.id), job)
        for producer, cron in crons
        if cron is not None
    ]


def _schedule(
    producer: Producer, cron: Schedule, grid: Grid | None, job: dg.UnresolvedAssetJobDefinition
) -> dg.ScheduleDefinition:
    names = Names(producer.id)
    status = dg.DefaultScheduleStatus
    tags = run_tags(producer)

    target: dict[str, Any] = {"job": job} if grid is None else {"job_name": PARTITIONED_JOB}

    @dg.schedule(
        name=names.schedule,
        **target,
        cron_schedule=cron.cron,
        execution_timezone="UTC",
        default_status=status.RUNNING if cron.enabled else status.STOPPED,
        description=f"Produces, checks, freezes and publishes {producer.id}.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        at = context.scheduled_execution_time
        asked = _window_tags(context, names, cron, grid)
        return dg.RunRequest(
            run_key=f"{producer.id}@{at:%Y-%m-%dT%H:%M}Z",
            asset_selection=names.all,
            tags=tags | asked,
        )

    return schedule


def _window_tags(
    context: dg.ScheduleEvaluationContext, names: Names, cron: Schedule, grid: Grid | None
) -> dict[str, str]:
    """The partitions that a due run asks for; none means everything, since sources correct."""
    if grid is None or cron.window is None or last_commit(context.instance, names) is None:
        return {}
    window = newest_window(grid, cron.window)
    if window is None:
        return {}
    return {RANGE_START_TAG: window.first, RANGE_END_TAG: window.last}


def run_tags(producer: Producer) -> dict[str, str]:
    """Which data set a run is of, and after how many seconds it is ended whatever it does."""
    tags = {DATASET_TAG: str(producer.id)}
    if producer.definition.timeout is not None:
        waits = timedelta(seconds=RETRY_SECONDS * 2**MAX_RETRIES)
        longest = producer.definition.timeout * (MAX_RETRIES + 1) + waits + _ALLOWANCE
        tags[MAX_RUNTIME_TAG] = str(int(longest.total_seconds()))
    return tags
