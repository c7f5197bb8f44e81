"""What was published without Dagster (`od run --publish`, `od.push`, a rollback) is shown here too.

A sensor compares pointer generations with what it has seen and reports the difference as
materializations without a run, with the checks that belong to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import dagster as dg

from dataplatform.defs.history import last_commit, last_release
from dataplatform.defs.metadata import (
    Metadata,
    published_metadata,
    release_metadata,
)
from dataplatform.defs.names import CARE_JOBS, FREEZE, PUBLISHED, Names
from dataplatform.defs.standing import evaluation
from dataplatform.releases.moves import Move, moved_datasets, moves_since
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.steps import frozen_problem, published_problem
from dataplatform.wiring import Platform
from opendata.wire.errors import OpenDataError
from opendata.wire.ids import DatasetId

SENSOR: Final = "published_elsewhere"
# A tick may take a minute; what is left over comes with the next one.
DATASETS_PER_TICK: Final = 100
_DATA_VERSION: Final = "dagster/data_version"
_UNDERWAY: Final = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


def published_elsewhere_sensor(
    platform: Platform, known: frozenset[DatasetId]
) -> dg.SensorDefinition:
    """The sensor; `known` are the data sets that have a producer here, hence a release asset."""
    ports = platform.ports

    @dg.sensor(
        name=SENSOR,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Shows releases that were published without Dagster.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        seen: dict[str, int] = json.loads(context.cursor or "{}")
        told: dict[str, int] = {}
        events: list[Event] = []
        for names, generation in _settled(ports, seen, context.instance):
            try:
                has_producer = names.dataset in known
                events += _news(ports, names, context.instance, has_producer=has_producer)
            except OpenDataError as error:
                context.log.error("%s cannot be shown: %s", names.dataset, error.message)
                continue
            told[str(names.dataset)] = generation
            if len(told) == DATASETS_PER_TICK:
                break
        cursor = json.dumps(seen | told, sort_keys=True)
        return dg.SensorResult(asset_events=events, cursor=cursor)

    return sensor


def _settled(
    ports: ReleasePorts, seen: dict[str, int], instance: dg.DagsterInstance
) -> Iterator[tuple[Names, int]]:
    """Data sets that have moved, but for those that Dagster itself may be publishing just now."""
    moved = list(moved_datasets(ports.store, seen))
    underway = _underway(instance) if moved else frozenset()
    for dataset, generation in moved:
        names = Names(dataset)
        if underway is not None and names.published not in underway:
            yield names, generation


def _underway(instance: dg.DagsterInstance) -> frozenset[dg.AssetKey] | None:
    """The assets of runs that have not ended; None if some run may touch any of them."""
    keys: set[dg.AssetKey] = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDERWAY)):
        if run.asset_selection is None and run.job_name not in CARE_JOBS:
            return None
        keys |= run.asset_selection or frozenset()
    return frozenset(keys)


def _news(
    ports: ReleasePorts, names: Names, instance: dg.DagsterInstance, *, has_producer: bool
) -> Iterator[Event]:
    moves = moves_since(ports.store, names.dataset, last_commit(instance, names))
    shown = last_release(instance, names)
    for move in moves:
        version = str(move.release.version)
        if has_producer and move.pointer.kind != "rollback" and version != shown:
            yield _event(names.release, release_metadata(ports, move.release), move)
            problem = frozen_problem(ports, names.dataset, move.release.version)
            yield evaluation(names, FREEZE, problem)
            shown = version
        yield _event(names.published, published_metadata(ports, move.release, move.pointer), move)
    if moves and has_producer:
        yield evaluation(names, PUBLISHED, published_problem(ports, names.dataset))


def _event(key: dg.AssetKey, metadata: Metadata, move: Move) -> dg.AssetMaterialization:
    run = move.release.manifest.trace.get("method", {}).get("run", {})
    return dg.AssetMaterialization(
        key,
        description=f"{move.pointer.kind} of {move.release.version} outside of this Dagster",
        metadata=metadata | {"frozen_by": f"{run.get('by')} {run.get('id')}"},
        tags={_DATA_VERSION: move.release.manifest.integrity.content_hash},
    )
