"""Everything that Dagster shows: `build_defs(platform)` and the one module-level `defs`.

Nothing else belongs here. Loading parses every `opendata.yaml` and imports no `main.py`, so that a
thousand producers load in seconds and a broken one stays alone with it. The process of a run loads
only the data sets that the run is of.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from dataplatform.datasets.partitions import partition_kind
from dataplatform.datasets.producer import BrokenProducer, Producer
from dataplatform.defs.asked import (
    ALL,
    Asked,
    AskedBundles,
    asked_of,
    bundles_asked_of,
    run_of_this_process,
)
from dataplatform.defs.automation import automation_sensor
from dataplatform.defs.broken import broken_asset
from dataplatform.defs.bundle_schedules import bundle_retention_schedule
from dataplatform.defs.bundle_sensor import spec_bundle_sensor
from dataplatform.defs.bundle_watch import bundle_watch_schedule
from dataplatform.defs.bundles import bundle_asset, spec_repo_asset
from dataplatform.defs.candidate import candidate_asset
from dataplatform.defs.channels import channel_assets
from dataplatform.defs.collect import collect_schedule
from dataplatform.defs.describe import describe_assets
from dataplatform.defs.failures import RETRY_SECONDS, Retries
from dataplatform.defs.gates import candidate_checks
from dataplatform.defs.grid import Grid, grid_of, look_for_earliest
from dataplatform.defs.harden import harden_schedule
from dataplatform.defs.known_channels import has_weekly_bundles, known_channels
from dataplatform.defs.loading import to_stay
from dataplatform.defs.lost_runs import lost_outcome_sensors, stale_runs_sensor
from dataplatform.defs.missed_retries import missed_retries_sensor
from dataplatform.defs.published import published_asset
from dataplatform.defs.published_elsewhere import published_elsewhere_sensor
from dataplatform.defs.release import release_asset
from dataplatform.defs.repair import repair_schedule
from dataplatform.defs.retention import retention_schedule
from dataplatform.defs.rollback import rollback_job
from dataplatform.defs.schedules import datasets_job, producer_schedules
from dataplatform.defs.spark_settings import SPARK, SparkSettings
from dataplatform.defs.unusable import unusable_steps
from dataplatform.wiring import Platform, from_settings
from opendata.wire.ids import DatasetId


def build_defs(
    platform: Platform,
    *,
    retry_seconds: float = RETRY_SECONDS,
    asked: Asked = ALL,
    bundles: AskedBundles | None = None,
) -> dg.Definitions:
    """The definitions of one platform, made anew at every call; of some data sets, and some
    channels and bundles, if asked so."""
    found = platform.producers.some(asked) if asked is not None else platform.producers.scan()
    producers = [producer for producer in found if isinstance(producer, Producer)]
    retries = Retries(retry_seconds)
    unusable = _without_producers(platform, found, asked, retries)
    grids = _grids(platform, producers)
    of_bundles = asked_bundles(platform, bundles)
    job = datasets_job(producers, of_bundles)
    return dg.Definitions(
        assets=[
            *(
                asset
                for each in producers
                for asset in _assets(platform, each, grids.get(each.id), retries)
            ),
            *(each for each in unusable if not isinstance(each, dg.AssetChecksDefinition)),
            *_bundle_assets(platform, of_bundles, retries),
        ],
        asset_checks=[
            *(candidate_checks(platform, each, retries) for each in producers),
            *(each for each in unusable if isinstance(each, dg.AssetChecksDefinition)),
        ],
        jobs=[job, rollback_job(platform)],
        schedules=[
            *producer_schedules(producers, grids, job),
            repair_schedule(platform),
            harden_schedule(platform),
            retention_schedule(platform),
            collect_schedule(platform),
            *_bundle_schedules(platform),
        ],
        sensors=_sensors(platform, producers, of_bundles, job),
        resources={SPARK: SparkSettings()},
        executor=dg.in_process_executor,
    )


def _sensors(
    platform: Platform,
    producers: Sequence[Producer],
    bundles: AskedBundles,
    job: dg.UnresolvedAssetJobDefinition,
) -> list[dg.SensorDefinition]:
    return [
        automation_sensor(),
        spec_bundle_sensor(platform, bundles, job),
        published_elsewhere_sensor(platform, frozenset(each.id for each in producers)),
        stale_runs_sensor(),
        missed_retries_sensor(),
        *lost_outcome_sensors(platform, producers),
    ]


def asked_bundles(platform: Platform, asked: AskedBundles | None) -> AskedBundles:
    """Which assets of bundles there are: those that a run is of, else all, and none without a spec
    repository."""
    if asked is not None:
        return asked
    if platform.settings.spec_repo is None:
        return AskedBundles()
    channels = known_channels(platform.bundles)
    return AskedBundles(True, channels, has_weekly_bundles(platform.bundles))


def _bundle_schedules(platform: Platform) -> list[dg.ScheduleDefinition]:
    if platform.settings.spec_repo is None:
        return []
    return [bundle_watch_schedule(platform), bundle_retention_schedule(platform)]


def _bundle_assets(
    platform: Platform, asked: AskedBundles, retries: Retries
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    return [
        *channel_assets(platform, asked.channels, retries),
        *([bundle_asset(platform, asked, retries)] if asked.index else []),
        *([spec_repo_asset(platform)] if asked.index or asked.channels else []),
    ]


def _without_producers(
    platform: Platform,
    found: Sequence[Producer | BrokenProducer],
    asked: Asked,
    retries: Retries,
) -> list[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """What stands for data sets that cannot be built: under the names that a run knows, if one is
    of them by now, else at the place of the broken folder."""
    usable = {each.id for each in found if isinstance(each, Producer)}
    lost = sorted((asked or frozenset()) - usable, key=str)
    places = {(each.namespace, each.name) for each in lost}
    broken = [each for each in found if isinstance(each, BrokenProducer)]
    ports, find = platform.ports, platform.producers.find
    return [
        *(step for each in lost for step in unusable_steps(ports, find, each, retries)),
        *(broken_asset(each) for each in broken if (each.namespace, each.name) not in places),
    ]


def _grids(platform: Platform, producers: Sequence[Producer]) -> dict[DatasetId, Grid]:
    """The partitions of those that have some; the catalogue is asked once, and only if needed."""
    with_partitions = [each for each in producers if partition_kind(each.definition)]
    unsaid = any(each.definition.release.since is None for each in with_partitions)
    earliest = look_for_earliest(platform.ports.store) if unsaid else {}
    grids = ((each.id, grid_of(each, earliest)) for each in with_partitions)
    return {dataset: grid for dataset, grid in grids if grid is not None}


def _assets(
    platform: Platform, producer: Producer, grid: Grid | None, retries: Retries
) -> list[dg.AssetsDefinition]:
    candidate, release, published = describe_assets(producer, grid)
    return [
        candidate_asset(platform, producer, candidate, grid, retries),
        release_asset(platform, producer, release, grid, retries),
        published_asset(platform, producer, published, retries),
    ]


with to_stay():
    _run = run_of_this_process()
    defs = build_defs(from_settings(), asked=asked_of(_run), bundles=bundles_asked_of(_run))
