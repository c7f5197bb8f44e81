"""Broken producers: a folder that should be a data set and cannot be, shown at its own place.

It fails alone: whoever opens it sees every finding with file, line and column, and all others run.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from dataplatform.datasets.producer import BrokenProducer
from dataplatform.defs.names import DEFINITION, broken_key, broken_step, group_of
from dataplatform.defs.tables import places_table


def broken_asset(producer: BrokenProducer) -> dg.AssetsDefinition:
    """The asset that says what is wrong, and fails with it when it is materialized."""
    key = broken_key(producer.namespace, producer.name)
    findings = places_table(producer.findings)

    @dg.multi_asset(
        name=broken_step(producer.namespace, producer.name),
        specs=[
            dg.AssetSpec(
                key,
                group_name=group_of(producer.namespace),
                description=_description(producer),
                metadata={"findings": findings, "folder": dg.MetadataValue.path(producer.folder)},
                kinds={"broken"},
                skippable=True,
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                DEFINITION, asset=key, blocking=True, description="opendata.yaml can be used."
            )
        ],
    )
    def broken() -> Iterator[dg.AssetCheckResult]:
        yield dg.AssetCheckResult(
            passed=False,
            asset_key=key,
            check_name=DEFINITION,
            description=producer.message,
            metadata={"findings": findings},
        )
        raise dg.Failure(producer.message, {"findings": findings}, allow_retries=False)

    return broken


def _description(producer: BrokenProducer) -> str:
    return f"This producer cannot be used:\n\n```\n{producer.message}\n```"
