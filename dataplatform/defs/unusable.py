"""Unusable: what a run is of was removed, renamed or broken while the run waited in the queue.

The run's process would find nothing of what it is to build, and Dagster would tell that as an error
of its own, without a word about the producer, and begin the run once more. So its steps stand here
under their names, and the first of them says what is wrong, and where.

No postponed annotations here: Dagster reads the class of `context` from a step.
"""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from dataplatform.datasets.producer import Producer
from dataplatform.defs.failures import Retries, StepContext, recorded
from dataplatform.defs.names import CONTRACT, Names
from dataplatform.releases.ports import ReleasePorts
from opendata.wire.errors import Rejected
from opendata.wire.ids import DatasetId

Fail = Callable[[StepContext], None]


def unusable_steps(
    ports: ReleasePorts,
    find: Callable[[DatasetId], Producer],
    dataset: DatasetId,
    retries: Retries,
) -> list[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The steps of a data set without a usable producer; whichever is run fails with why."""
    names = Names(dataset)

    def fail(context: StepContext) -> None:
        with recorded(ports, dataset, context, retries):
            find(dataset)
            raise Rejected(
                f"the producer of {dataset} could not be used when this run began, and can be now",
                code="producer_mended",
                hint="start the run again",
            )

    return [
        _asset(names.step("candidate"), dg.AssetSpec(names.candidate), fail),
        _checks(names, fail),
        _asset(names.step("release"), dg.AssetSpec(names.release, deps=[names.candidate]), fail),
        _asset(names.step("published"), dg.AssetSpec(names.published, deps=[names.release]), fail),
    ]


def _asset(step: str, spec: dg.AssetSpec, fail: Fail) -> dg.AssetsDefinition:
    @dg.multi_asset(name=step, specs=[spec])
    def unusable(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        yield from ()  # there is nothing to materialize
        fail(context)

    return unusable


def _checks(names: Names, fail: Fail) -> dg.AssetChecksDefinition:
    spec = dg.AssetCheckSpec(CONTRACT, asset=names.candidate, blocking=True)

    @dg.multi_asset_check(name=names.step("checks"), specs=[spec])
    def unusable(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        yield from ()  # there is nothing to judge
        fail(context)

    return unusable
