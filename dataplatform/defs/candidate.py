"""The candidate: a producer's `main.py` runs, and what it yields is staged under its digest.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

import dagster as dg
from pydantic import Field, model_validator

from dataplatform.datasets.moments import parse_interval
from dataplatform.datasets.partitions import Window
from dataplatform.datasets.producer import Producer, require_written
from dataplatform.defs.failures import Retries, recorded
from dataplatform.defs.grid import Grid, window_names
from dataplatform.defs.history import LastCandidate, last_candidate
from dataplatform.defs.metadata import candidate_facts, candidate_metadata
from dataplatform.defs.names import Names, pool_of
from dataplatform.defs.partitions import (
    PARTITION_ROWS,
    TOLD_IN_FULL_MAX,
    asked_window,
    partitions_to_show,
    raise_named,
    refuse_interval,
    shown_partition,
)
from dataplatform.releases.build import Built
from dataplatform.releases.run import build
from dataplatform.wiring import Platform
from opendata.wire.errors import InvalidInput, OpenDataError, Unavailable


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


@dataclass(frozen=True)
class BuildRequest:
    """What one run asks for; `window` are the partitions that it is of, if any."""

    config: RunConfig
    window: Window | None
    last: LastCandidate

    @property
    def interval(self) -> tuple[datetime | None, datetime | None]:
        """Both ends of what is asked for, each None where it is open."""
        if self.window is None:
            return parse_interval(self.config.start, self.config.end)
        refuse_interval(self.window, self.config.start, self.config.end)
        return self.window.start_at, self.window.end_at

    @property
    def is_everything(self) -> bool:
        """Whether no part of time was named."""
        return self.interval == (None, None)


def candidate_asset(
    platform: Platform,
    producer: Producer,
    spec: dg.AssetSpec,
    grid: Grid | None,
    retries: Retries,
) -> dg.AssetsDefinition:
    """The asset that runs the producer. Its pool lets one download at a time ask a provider.

    Whatever partitions a run is of are one build, so a back-fill becomes one candidate.
    """
    names = Names(producer.id)

    @dg.multi_asset(
        name=names.step("candidate"),
        specs=[spec],
        pool=pool_of(producer.definition.source.provider),
        partitions_def=grid.partitions_def if grid else None,
        backfill_policy=dg.BackfillPolicy.single_run() if grid else None,
    )
    def candidate(
        context: dg.AssetExecutionContext, config: RunConfig
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with recorded(platform.ports, producer.id, context, retries):
            last = last_candidate(context.instance, names)
            asked = BuildRequest(config, asked_window(context, grid), last)
            built = _build(platform, producer, asked, grid, context)
            metadata = _metadata(platform, built, asked, grid)
            if grid is not None and not asked.is_everything:
                _require_alone(context, names, asked.last)  # at the very end: telling takes a while
        if grid is not None:
            _tell_partitions(names, grid, built, asked, context)
        content = dg.DataVersion(built.candidate.content_hash)
        yield dg.MaterializeResult(metadata=metadata, data_version=content)

    return candidate


def _build(
    platform: Platform,
    producer: Producer,
    asked: BuildRequest,
    grid: Grid | None,
    context: dg.AssetExecutionContext,
) -> Built:
    require_written(producer)
    start_at, end_at = asked.interval
    options = replace(
        platform.options(producer),
        start_at=start_at,
        end_at=end_at,
        force=asked.config.force,
        in_parts=grid is not None and not asked.is_everything,
        last=asked.last.build,
    )
    try:
        return build(platform.ports, producer, options, log_into(context))
    except OpenDataError as error:
        raise_named(error, asked.window)


def _require_alone(context: dg.AssetExecutionContext, names: Names, last: LastCandidate) -> None:
    """See that no other run has built a part meanwhile, which this candidate would lack.

    Raises:
        Unavailable: if one has; trying again builds upon it.
    """
    if last_candidate(context.instance, names).digest != last.digest:
        raise Unavailable(
            f"another run has built a candidate of {names.dataset} meanwhile",
            code="candidate_moved",
            hint="run this part again: it is then put together with the other",
        )


def _metadata(
    platform: Platform, built: Built, asked: BuildRequest, grid: Grid | None
) -> dict[str, Any]:
    """What a materialization says. Every partition of a run says it, so very many say little."""
    force, window = asked.config.force, asked.window
    if grid is None or window is None:
        return candidate_metadata(platform.ports, built, force=force)
    told = {"partitions": str(window)}
    if len(window_names(grid, window)) > TOLD_IN_FULL_MAX:
        return candidate_facts(built, force=force) | told
    return candidate_metadata(platform.ports, built, force=force) | told


def _tell_partitions(
    names: Names, grid: Grid, built: Built, asked: BuildRequest, context: dg.AssetExecutionContext
) -> None:
    """Tell what a run has built of each partition: of its own, or of those that it shows."""
    rows = {entry.name: entry.row_count for entry in built.candidate.files}
    if asked.window is not None:
        told = window_names(grid, asked.window)
        for partition in told if len(told) <= TOLD_IN_FULL_MAX else ():
            counted = {PARTITION_ROWS: rows.get(partition, 0)}
            context.add_asset_metadata(counted, names.candidate, partition)
    elif asked.is_everything:
        facts = candidate_facts(built, force=asked.config.force)
        shown = partitions_to_show(context.instance, names, grid, rows, built.new_shards)
        for partition in shown:
            context.log_event(shown_partition(names, partition, rows.get(partition, 0), facts))


def log_into(context: dg.AssetExecutionContext) -> Callable[[str, str], None]:
    """Where the producer's own lines go while it runs."""

    def log(level: str, line: str) -> None:
        context.log.log(level.upper(), line)

    return log
