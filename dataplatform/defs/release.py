"""The release: a candidate that passed its gates is frozen, or nothing has changed.

Refusals (a gate that did not look or said no, a breaking change) become a failed check `freeze`.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from dataplatform.datasets.producer import Producer
from dataplatform.defs.failures import Retries, failure_of, record_failure, recorded, run_reference
from dataplatform.defs.grid import Grid
from dataplatform.defs.history import last_candidate, last_release
from dataplatform.defs.metadata import frozen_metadata, problem_metadata
from dataplatform.defs.names import FREEZE, Names
from dataplatform.defs.partitions import require_built
from dataplatform.defs.standing import confirm_published
from dataplatform.releases.freeze import Unchanged, freeze_candidate
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.steps import frozen_problem, record_success, require_candidate
from dataplatform.wiring import Platform
from opendata.reading.resolve import Release
from opendata.wire.errors import OpenDataError, Rejected
from opendata.wire.version import parse_version

Event = dg.MaterializeResult[Any] | dg.AssetCheckResult


def release_asset(
    platform: Platform,
    producer: Producer,
    spec: dg.AssetSpec,
    grid: Grid | None,
    retries: Retries,
) -> dg.AssetsDefinition:
    """The asset that freezes, with its check."""
    names, ports = Names(producer.id), platform.ports

    @dg.multi_asset(
        name=names.step("release"),
        specs=[spec],
        check_specs=[
            dg.AssetCheckSpec(
                FREEZE,
                asset=names.release,
                blocking=True,
                description="The release is frozen from a candidate that passed both gates, its "
                "manifest and signature are valid, and every object it names is stored.",
            )
        ],
        can_subset=True,
    )
    def release(context: dg.AssetExecutionContext) -> Iterator[Event]:
        if names.release not in context.selected_asset_keys:
            yield _look_again(ports, names, context)
            return
        refusal: Rejected | None = None
        events: list[Event] = []
        with recorded(ports, names.dataset, context, retries):
            try:
                require_built(context.instance, names, grid)
                events = _freeze(ports, names, context)
            except Rejected as error:
                record_failure(ports, names.dataset, context, error)
                refusal = error
        if refusal is not None:
            yield _check(names, refusal)
            raise failure_of(refusal) from refusal
        yield from events

    return release


def _freeze(ports: ReleasePorts, names: Names, context: dg.AssetExecutionContext) -> list[Event]:
    last = last_candidate(context.instance, names)
    digest = require_candidate(names.dataset, last.digest)
    run = run_reference(context)
    result = freeze_candidate(
        ports, names.dataset, digest, run, force=last.force, built_on=last.generation
    )
    if isinstance(result, Unchanged):
        _observe_no_change(ports, names, context, result.current)
        return [_check(names, None, release=str(result.current.version))]
    release = result.release
    frozen: Event = dg.MaterializeResult(
        asset_key=names.release,
        metadata=frozen_metadata(ports, result),
        data_version=dg.DataVersion(release.manifest.integrity.content_hash),
    )
    problem = frozen_problem(ports, names.dataset, release.version)
    return [frozen, _check(names, problem, release=str(release.version))]


def _observe_no_change(
    ports: ReleasePorts, names: Names, context: dg.AssetExecutionContext, current: Release
) -> None:
    """No change, no release: said on both assets; what comes after is skipped."""
    version = str(current.version)
    context.log.info("nothing has changed since %s: there is nothing to release", version)
    record_success(ports, names.dataset, run_reference(context), version, published=False)
    for key in (names.release, names.published):
        facts = {"no_change_since": version}
        context.log_event(dg.AssetObservation(key, description="no change", metadata=facts))
    confirm_published(ports, names, context.instance)


def _look_again(
    ports: ReleasePorts, names: Names, context: dg.AssetExecutionContext
) -> dg.AssetCheckResult:
    """The check alone: it freezes nothing."""
    version = last_release(context.instance, names)
    if version is None:
        return _check(names, Rejected(f"{names.dataset} has no release yet", code="no_release"))
    problem = frozen_problem(ports, names.dataset, parse_version(version))
    return _check(names, problem, release=version)


def _check(
    names: Names, problem: OpenDataError | None, *, release: str | None = None
) -> dg.AssetCheckResult:
    metadata = problem_metadata(problem) if problem else {}
    return dg.AssetCheckResult(
        passed=problem is None,
        asset_key=names.release,
        check_name=FREEZE,
        description=problem.message if problem else None,
        metadata=metadata | ({"release": release} if release else {}),
    )
