"""Harden: releases whose observation is over are marked hard, without anybody asking for it.

The clock alone makes them hard; the mark makes it last beyond any clock, signed and for every
reader to see.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

import dagster as dg

from dataplatform.defs.failures import BY
from dataplatform.defs.names import HARDEN_JOB
from dataplatform.releases.harden import harden_due
from dataplatform.releases.index import published_ids
from dataplatform.wiring import Platform
from opendata.wire.errors import OpenDataError

CRON = "47 2 * * *"


def harden_schedule(platform: Platform) -> dg.ScheduleDefinition:
    """Every data set's releases, compared with their observation windows every night."""
    ports = platform.ports

    @dg.op(description="Marks releases hard whose observation window is over.")
    def mark_hard(context: dg.OpExecutionContext) -> None:
        problems: list[str] = []
        for dataset in published_ids(ports):
            try:
                done = harden_due(ports, dataset, by=f"{BY} run {context.run_id}")
            except OpenDataError as error:
                problems.append(f"{dataset}: {error.message}")
                continue
            for version in done:
                context.log.info("%s@%s is hard", dataset, version)
        if problems:
            raise dg.Failure("\n".join(problems), allow_retries=False)

    @dg.job(name=HARDEN_JOB, description="What `od freeze --due` does, for all data sets.")
    def job() -> None:
        mark_hard()

    return dg.ScheduleDefinition(
        name="harden_schedule",
        job=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Ends the observation of releases whose window is over.",
    )
