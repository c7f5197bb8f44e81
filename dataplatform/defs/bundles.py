"""Bundles as an asset with a partition for each: indexed, locked, frozen, published (S0-1, M-5).

Channels that have an asset are indexed by their own steps before; a channel that is not known yet,
or that may be left out, is indexed here and told as that asset's event. A bundle that has not
changed is observed and not materialized again.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from dataplatform.bundles.index import IndexedBundle, index_bundle
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.requests import BundleRequest
from dataplatform.bundles.run_names import (
    BUNDLE_ASSET,
    SPEC_REPO_ASSET,
    channel_asset,
    channel_of_asset,
)
from dataplatform.defs.asked import AskedBundles
from dataplatform.defs.bundle_checks import BUNDLE_KEY, bundle_check_specs, look_at_bundle
from dataplatform.defs.bundle_metadata import LOCK, bundle_metadata, channel_metadata
from dataplatform.defs.bundle_runs import GROUP, StepProgress, record_end, request_of
from dataplatform.defs.failures import Retries, in_dagsters_words
from dataplatform.defs.names import BUNDLES, Names
from dataplatform.defs.spark_settings import SPARK, with_spark_settings
from dataplatform.ports import SpecRepo
from dataplatform.wiring import Platform
from opendata.reading.file_index.bundles import read_bundle
from opendata.wire.bundle import BundleLock
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import is_dataset_id, parse_dataset_id

DATA_VERSION_TAG = "dagster/data_version"
WEEK = timedelta(days=7)
GRACE = timedelta(hours=6)
WEEKLY = dg.FreshnessPolicy.time_window(fail_window=2 * WEEK + GRACE, warn_window=WEEK + GRACE)
Events = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]


class BundleConfig(dg.Config):
    """What a run may be asked for."""

    force: bool = Field(default=False, description="Read every file again, changed or not")


def spec_repo_asset(platform: Platform) -> dg.AssetSpec:
    """What all bundles come from; the sensor observes its commits."""
    return dg.AssetSpec(
        dg.AssetKey([SPEC_REPO_ASSET]),
        group_name=GROUP,
        kinds={"git"},
        description="The spec repository (DataSpecHub). Its data version is the commit that "
        f"was seen last. It is looked at every {platform.settings.spec_seconds} s.",
    )


def bundle_asset(platform: Platform, asked: AskedBundles, retries: Retries) -> dg.AssetsDefinition:
    """The asset of all bundles; `asked.channels` are those that have an asset here."""

    @dg.multi_asset(
        name=BUNDLE_ASSET,
        specs=[_spec(asked)],
        check_specs=bundle_check_specs(),
        can_subset=True,
        required_resource_keys={SPARK},
    )
    def index(context: dg.AssetExecutionContext, config: BundleConfig) -> Events:
        checks = {key.name for key in context.selected_asset_check_keys}
        with in_dagsters_words(context, retries):
            ports = with_spark_settings(platform.bundles, getattr(context.resources, SPARK))
            repo = ports.open_spec_repo()
            request = _require_request(context, repo)
        events: list[dg.MaterializeResult[Any]] = []
        with in_dagsters_words(context, retries, _recorder(ports, request, context)):
            if BUNDLE_KEY in context.selected_asset_keys:
                began = time.monotonic()
                done = _index(ports, request, context, config)
                record_end(ports, request, context, changed=done.changed)
                events = _told(ports, done, repo, context, time.monotonic() - began)
                lock = done.lock
            else:
                lock = read_bundle(ports.store, request.ref).lock
        with in_dagsters_words(context, retries):  # how the request ended is recorded by now
            verdicts = list(look_at_bundle(ports, repo, lock, checks))
        yield from events
        yield from (verdict.result() for verdict in verdicts)

    return index


def _recorder(
    ports: BundlePorts, request: BundleRequest, context: dg.AssetExecutionContext
) -> Callable[[BaseException], None]:
    """What records how the request failed; a look at checks alone is no end of a request."""
    if BUNDLE_KEY not in context.selected_asset_keys:
        return lambda error: None
    return lambda error: record_end(ports, request, context, error=error)


def _spec(asked: AskedBundles) -> dg.AssetSpec:
    channels = sorted(asked.channels)
    datasets = (parse_dataset_id(name) for name in channels if is_dataset_id(name))
    return dg.AssetSpec(
        BUNDLE_KEY,
        deps=[
            dg.AssetKey([SPEC_REPO_ASSET]),
            *(dg.AssetKey(channel_asset(name)) for name in channels),
            *(Names(dataset).published for dataset in datasets),
        ],
        group_name=GROUP,
        kinds={"yaml", "parquet"},
        partitions_def=BUNDLES,
        skippable=True,
        freshness_policy=WEEKLY if asked.weekly else None,
        description="Channels locked at versions for a consumer: frozen, signed, and committed to "
        "the index repository. A partition for each file below `bundles/`.",
    )


def _require_request(context: dg.AssetExecutionContext, repo: SpecRepo) -> BundleRequest:
    request = request_of(context, repo)
    if request is None:
        raise InvalidInput(
            "a run of bundles needs a partition: which bundle to index",
            hint="choose one, or commit its file to the spec repository",
        )
    return request


def _index(
    ports: BundlePorts,
    request: BundleRequest,
    context: dg.AssetExecutionContext,
    config: BundleConfig,
) -> IndexedBundle:
    return index_bundle(
        ports,
        request,
        force=config.force,
        keep=_indexed_in(context.run),
        progress=StepProgress(context),
        tell=lambda step: context.log.info("%s", step),
    )


def _indexed_in(run: dg.DagsterRun) -> frozenset[str]:
    """The channels that steps of this very run have indexed."""
    found = (channel_of_asset(tuple(key.path)) for key in run.asset_selection or ())
    return frozenset(name for name in found if name is not None)


def _told(
    ports: BundlePorts,
    done: IndexedBundle,
    repo: SpecRepo,
    context: dg.AssetExecutionContext,
    seconds: float,
) -> list[dg.MaterializeResult[Any]]:
    """What Dagster is told of a bundle: an event for each channel that was indexed on the way, and
    the bundle's own, which is an observation where it shows this lock already."""
    for one in done.channels:
        context.log_event(
            dg.AssetMaterialization(
                dg.AssetKey(channel_asset(one.index.channel)),
                metadata=channel_metadata(ports.store, one, repo),
                tags={DATA_VERSION_TAG: one.index.index_sha256},
            )
        )
    metadata = bundle_metadata(ports, done, repo, seconds=seconds)
    if done.superseded:
        context.log.info("a newer commit has been indexed already: %s", done.lock.spec.commit)
    if _is_shown(context, done.lock):
        context.log.info("%s has not changed", done.lock.ref)
        context.log_event(
            dg.AssetObservation(
                BUNDLE_KEY,
                description="no change",
                metadata=metadata,
                partition=context.partition_key,
            )
        )
        return []
    content = dg.DataVersion(done.lock.integrity.content_hash)
    return [dg.MaterializeResult(asset_key=BUNDLE_KEY, metadata=metadata, data_version=content)]


def _is_shown(context: dg.AssetExecutionContext, lock: BundleLock) -> bool:
    """Whether the partition's last materialization is of this lock."""
    wanted = dg.AssetRecordsFilter(BUNDLE_KEY, asset_partitions=[context.partition_key])
    for record in context.instance.fetch_materializations(wanted, limit=1).records:
        shown = record.asset_materialization
        digest = shown.metadata.get(LOCK) if shown else None
        return digest is not None and digest.value == lock.integrity.hash_sha256
    return False
