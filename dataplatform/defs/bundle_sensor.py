"""The sensor on the spec repository: commits become runs, each once (M-5, M-9, S0-1, S0-3, B5).

What a look finds and where the next one goes on is `bundles.backlog`'s; who else may have asked is
`bundles.claims`'s. Here belongs how that is said to Dagster.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg

from dataplatform.bundles.asked_channels import step_channels
from dataplatform.bundles.backlog import Look, look_at, read_cursor
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.requests import BundleRequest, printable
from dataplatform.bundles.run_names import (
    ASKED_BY_TAG,
    BUNDLE_ASSET,
    SENSOR,
    SPEC_REPO_ASSET,
    channel_asset,
    request_tags,
)
from dataplatform.defs.asked import AskedBundles
from dataplatform.defs.failures import failure_of
from dataplatform.defs.names import BUNDLES, PARTITION_TAG
from dataplatform.defs.schedules import PARTITIONED_JOB
from dataplatform.ports import SpecRepo
from dataplatform.wiring import Platform
from opendata.wire.errors import OpenDataError

NO_REPO = "no spec repository is set: export OPENDATA_SPEC_REPO=path or URL, and reload"
DATA_VERSION_TAG = "dagster/data_version"
TOLD_MAX = 20


def spec_bundle_sensor(
    platform: Platform, bundles: AskedBundles, job: dg.UnresolvedAssetJobDefinition
) -> dg.SensorDefinition:
    """The sensor. Bundles have partitions, so their runs are of Dagster's own job of all assets;
    `job` is one that is there in any case, for where there are no bundles."""
    target: dict[str, Any] = {"job_name": PARTITIONED_JOB} if bundles.index else {"job": job}

    @dg.sensor(
        name=SENSOR,
        **target,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=platform.settings.spec_seconds,
        description="Asks for the index of every bundle that a commit to the spec repository "
        "adds or changes.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if platform.settings.spec_repo is None:
            return dg.SkipReason(NO_REPO)
        try:
            return _tick(context, platform.bundles, bundles.channels)
        except OpenDataError as error:
            raise failure_of(error) from error

    return sensor


def _tick(
    context: dg.SensorEvaluationContext, ports: BundlePorts, channels: frozenset[str]
) -> dg.SensorResult:
    repo, before = ports.open_spec_repo(), read_cursor(context.cursor)
    look = look_at(
        repo,
        ports.store,
        before,
        ports.now(),
        has_run=lambda run_id: context.instance.get_run_by_id(run_id) is not None,
    )
    _tell(context, repo, look)
    partitions = [one.partition for one in look.ask]
    return dg.SensorResult(
        run_requests=[_run_request(ports, repo, one, channels) for one in look.ask],
        dynamic_partitions_requests=[BUNDLES.build_add_request(partitions)] if partitions else [],
        asset_events=[] if look.head == before.commit else [_seen(repo, look)],
        cursor=str(look.cursor),
        skip_reason=None if look.ask else _nothing(look),
    )


def _run_request(
    ports: BundlePorts, repo: SpecRepo, request: BundleRequest, channels: frozenset[str]
) -> dg.RunRequest:
    """The partition is a tag: asked for as `partition_key`, Dagster would look for each among those
    that are there before it adds it."""
    wanted = [one for one in step_channels(repo, ports.store, request) if one in channels]
    return dg.RunRequest(
        run_key=request.run_key,
        asset_selection=[
            dg.AssetKey([BUNDLE_ASSET]),
            *(dg.AssetKey(channel_asset(one)) for one in wanted),
        ],
        tags=request_tags(request) | {ASKED_BY_TAG: "sensor", PARTITION_TAG: request.partition},
    )


def _seen(repo: SpecRepo, look: Look) -> dg.AssetObservation:
    """The commit that the lineage of bundles begins with."""
    metadata: dict[str, Any] = {
        "commit": look.head,
        "repository": repo.url,
        "requested": _few(printable(one.path) for one in look.ask),
        "deleted": _few(printable(one) for one in look.deleted),
    }
    return dg.AssetObservation(
        dg.AssetKey([SPEC_REPO_ASSET]),
        description="The history was rewritten: all was looked at" if look.rescanned else None,
        metadata=metadata,
        tags={DATA_VERSION_TAG: look.head},
    )


def _tell(context: dg.SensorEvaluationContext, repo: SpecRepo, look: Look) -> None:
    if look.rescanned:
        context.log.warning(
            "the history of %s was rewritten: every bundle at %s is looked at", repo.url, look.head
        )
    for path in look.deleted:
        context.log.info("%s was deleted; what it published stays", printable(path))
    for one in look.left:
        context.log.info("%s: a webhook has asked for it", one.run_key)
    if look.more:
        context.log.info("%s more come with the next look", f"{look.more:,}")


def _nothing(look: Look) -> str:
    if look.cursor.waiting:
        return f"{len(look.cursor.waiting)} runs are about to be launched by a webhook"
    return f"nothing to ask for up to {look.head[:12]}"


def _few(texts: Iterable[str]) -> str:
    told = list(texts)
    rest = f" and {len(told) - TOLD_MAX:,} more" if len(told) > TOLD_MAX else ""
    return ", ".join(told[:TOLD_MAX]) + rest or "nothing"
