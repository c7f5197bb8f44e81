"""Rollback: readers get an earlier release again, started from the launchpad.

The job moves the pointer and says what came of it; the published asset shows the move as soon as
the sensor `published_elsewhere` has seen it, as it does for a rollback from a terminal.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

import dagster as dg
from pydantic import Field

from dataplatform.defs.failures import BY, failure_of
from dataplatform.defs.names import ROLLBACK_JOB
from dataplatform.releases.rollback import look_ahead, roll_back
from dataplatform.wiring import Platform
from opendata.wire.errors import OpenDataError
from opendata.wire.ids import parse_dataset_id
from opendata.wire.version import parse_version


class RollbackConfig(dg.Config):
    """What is to be rolled back, and why."""

    dataset: str = Field(description="The data set, such as getopendata/world-airports.")
    to: str = Field(description="The release that readers get again, such as 1.0.3.")
    reason: str | None = Field(None, description="Why; who pinned what is withdrawn is told.")
    dry_run: bool = Field(False, description="Only say what would happen.")


def rollback_job(platform: Platform) -> dg.JobDefinition:
    """The job; its config says which data set goes back to which release."""
    ports = platform.ports

    @dg.op(description="Points readers at an earlier release and withdraws what came after it.")
    def move_pointer(context: dg.OpExecutionContext, config: RollbackConfig) -> None:
        by = f"{BY} run {context.run_id}"
        act = look_ahead if config.dry_run else roll_back
        try:
            dataset, version = parse_dataset_id(config.dataset), parse_version(config.to)
            moved = act(ports, dataset, version, by=by, reason=config.reason)
        except OpenDataError as error:
            raise failure_of(error) from error
        if not moved.moved:
            context.log.info("%s is at %s already", dataset, moved.release)
        else:
            done = "would go" if config.dry_run else "went"
            context.log.info("%s %s from %s to %s", dataset, done, moved.before, moved.release)
        if moved.behind:
            context.log.warning(moved.behind)
        context.add_output_metadata(
            {
                "dataset": moved.id,
                "before": moved.before,
                "release": moved.release,
                "generation": moved.generation,
                "moved": moved.moved,
                "dry_run": config.dry_run,
                "reason": moved.reason or "",
                "yanked": ", ".join(moved.yanked),
                "used_by": "\n".join(one.name for one in moved.usages.found),
            }
        )

    @dg.job(name=ROLLBACK_JOB, description="What `od rollback` does, with a typed config.")
    def job() -> None:
        move_pointer()

    return job
