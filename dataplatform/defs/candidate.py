"""The candidate: a producer's `main.py` runs, and what it yields is staged under its digest.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

import dagster as dg
from pydantic import Field, model_validator

from dataplatform.datasets.moments import parse_interval
from dataplatform.datasets.producer import Producer, require_written
from dataplatform.defs.failures import Retries, recorded
from dataplatform.defs.metadata import candidate_metadata
from dataplatform.defs.names import Names, pool_of
from dataplatform.releases.build import Built
from dataplatform.releases.run import build
from dataplatform.wiring import Platform
from opendata.wire.errors import InvalidInput


class RunConfig(dg.Config):
    """What a run may be asked for; nothing means all of the source."""

    start: str | None = Field(
        default=None, description="First moment to ask the source for: 2024-01-31, or with a time"
    )
    end: str | None = Field(
        default=None, description="Last moment; a bare date means the whole day"
    )
    force: bool = Field(default=False, description="Release even what has not changed")

    @model_validator(mode="after")
    def _is_an_interval(self) -> Self:
        try:
            parse_interval(self.start, self.end)
        except InvalidInput as error:
            raise ValueError(f"{error.message}; {error.hint or 'swap start and end'}") from error
        return self


def candidate_asset(
    platform: Platform, producer: Producer, spec: dg.AssetSpec, retries: Retries
) -> dg.AssetsDefinition:
    """The asset that runs the producer. Its pool lets one download at a time ask a provider."""

    @dg.multi_asset(
        name=Names(producer.id).step("candidate"),
        specs=[spec],
        pool=pool_of(producer.definition.source.provider),
    )
    def candidate(
        context: dg.AssetExecutionContext, config: RunConfig
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with recorded(platform.ports, producer.id, context, retries):
            built = _build(platform, producer, config, context)
            metadata = candidate_metadata(platform.ports, built, force=config.force)
        content = dg.DataVersion(built.candidate.content_hash)
        yield dg.MaterializeResult(metadata=metadata, data_version=content)

    return candidate


def _build(
    platform: Platform,
    producer: Producer,
    config: RunConfig,
    context: dg.AssetExecutionContext,
) -> Built:
    require_written(producer)
    start_at, end_at = parse_interval(config.start, config.end)
    options = replace(
        platform.options(producer), start_at=start_at, end_at=end_at, force=config.force
    )
    return build(platform.ports, producer, options, log_into(context))


def log_into(context: dg.AssetExecutionContext) -> Callable[[str, str], None]:
    """Where the producer's own lines go while it runs."""

    def log(level: str, line: str) -> None:
        context.log.log(level.upper(), line)

    return log
