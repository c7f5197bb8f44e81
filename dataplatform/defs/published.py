"""The published asset: the pointer moves to the release that was frozen from the newest candidate.

It decides from what is stored, not from what Dagster scheduled before it: run alone, again or with
its checks left out, it refuses whatever the gates have not let through.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from dataplatform.datasets.producer import Producer
from dataplatform.defs.failures import Retries, recorded, run_reference
from dataplatform.defs.history import last_candidate, last_commit, last_release
from dataplatform.defs.metadata import problem_metadata, published_metadata
from dataplatform.defs.names import PUBLISHED, Names
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import Published
from dataplatform.releases.steps import publish_newest, published_problem, record_success
from dataplatform.wiring import Platform
from opendata.wire.errors import OpenDataError

Events = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]


def published_asset(
    platform: Platform, producer: Producer, spec: dg.AssetSpec, retries: Retries
) -> dg.AssetsDefinition:
    """The asset that publishes, with its check."""
    names, ports = Names(producer.id), platform.ports

    @dg.multi_asset(
        name=names.step("published"),
        specs=[spec],
        check_specs=[published_check(names)],
        can_subset=True,
    )
    def published(context: dg.AssetExecutionContext) -> Events:
        if names.published in context.selected_asset_keys:
            with recorded(ports, names.dataset, context, retries):
                done = _publish(ports, names, context)
                metadata = published_metadata(ports, done.release, done.pointer)
            if done.pointer.commit_id != last_commit(context.instance, names):
                content = dg.DataVersion(done.release.manifest.integrity.content_hash)
                yield dg.MaterializeResult(
                    asset_key=names.published, metadata=metadata, data_version=content
                )
            else:
                context.log.info("%s is published already", done.release.reference)
                context.log_event(dg.AssetObservation(names.published, metadata=metadata))
        yield check_result(names, published_problem(ports, names.dataset))

    return published


def published_check(names: Names) -> dg.AssetCheckSpec:
    """The check that everything downstream waits for; conditions look only one step up."""
    return dg.AssetCheckSpec(
        PUBLISHED,
        asset=names.published,
        blocking=True,
        description="The pointer names a frozen release whose manifest and signature are valid.",
    )


def check_result(names: Names, problem: OpenDataError | None) -> dg.AssetCheckResult:
    """What the check found."""
    return dg.AssetCheckResult(
        passed=problem is None,
        asset_key=names.published,
        check_name=PUBLISHED,
        description=problem.message if problem else None,
        metadata=problem_metadata(problem) if problem else {},
    )


def _publish(ports: ReleasePorts, names: Names, context: dg.AssetExecutionContext) -> Published:
    digest = last_candidate(context.instance, names).digest
    version = last_release(context.instance, names)
    done = publish_newest(ports, names.dataset, digest, version)
    run, release = run_reference(context), str(done.release.version)
    record_success(ports, names.dataset, run, release, published=True)
    return done
