"""Retention: candidates that were never frozen go when they are old, every night.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

import dagster as dg

from dataplatform.defs.history import last_candidate
from dataplatform.defs.names import Names
from dataplatform.releases.collecting.retention import enforce_retention, staged_datasets
from dataplatform.wiring import Platform
from opendata.wire.errors import OpenDataError

RETENTION_JOB = "retention"
CRON = "37 3 * * *"


def retention_schedule(platform: Platform) -> dg.ScheduleDefinition:
    """What `od retention --apply` does, but for candidates that a back-fill is building upon."""
    ports, ttl = platform.ports, platform.settings.retention

    @dg.op(description="Removes candidates that were never frozen and are older than they may be.")
    def remove_expired(context: dg.OpExecutionContext) -> None:
        problems, count = [], 0
        for dataset in staged_datasets(ports):
            pending = last_candidate(context.instance, Names(dataset)).digest
            try:
                found = enforce_retention(ports, dataset, ttl, [pending] if pending else [])
            except OpenDataError as error:
                problems.append(f"{dataset}: {error.message}")
                continue
            for one in found.expired:
                context.log.info("%s: candidate %s has expired", dataset, one.candidate)
            count += len(found.expired)
        context.add_output_metadata({"removed candidates": count})
        if problems:
            raise dg.Failure("\n".join(problems), allow_retries=False)

    @dg.job(name=RETENTION_JOB, description="What `od retention --apply` does, for all data sets.")
    def job() -> None:
        remove_expired()

    return dg.ScheduleDefinition(
        name="retention_schedule",
        job=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Removes what was built and never released; releases are never touched.",
    )
