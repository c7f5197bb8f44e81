"""Repair: what a crash left behind is finished regularly, without anybody asking for it.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

import dagster as dg

from dataplatform.bundles.settle import find_unsettled, settle
from dataplatform.defs.names import REPAIR_JOB
from dataplatform.releases.repair import published_ids, rebuild_index, repair
from dataplatform.wiring import Platform
from opendata.wire.errors import NotFound, OpenDataError

CRON = "17 3 * * *"


def repair_schedule(platform: Platform) -> dg.ScheduleDefinition:
    """Derived copies of data sets and bundles, and both catalogues, compared with pointers every
    night."""
    ports = platform.ports

    @dg.op(description="Rebuilds derived copies that differ from what the pointers say.")
    def repair_copies(context: dg.OpExecutionContext) -> None:
        unreadable = []
        for dataset in published_ids(ports):
            try:
                findings = repair(ports, dataset)
            except OpenDataError as error:
                unreadable.append(f"{dataset}: {error.message}")
                continue
            for finding in findings:
                done = "rebuilt" if finding.repairable else "left as it is"
                context.log.warning("%s: %s (%s)", finding.object, finding.problem, done)
        _, problems = rebuild_index(ports)
        unreadable += [f"{problem.dataset}: {problem.problem}" for problem in problems]
        unreadable += _settle_bundles(platform, context)
        if unreadable:
            raise dg.Failure("\n".join(dict.fromkeys(unreadable)), allow_retries=False)

    @dg.job(name=REPAIR_JOB, description="What `od repair` does, for all data sets and bundles.")
    def job() -> None:
        repair_copies()

    return dg.ScheduleDefinition(
        name="repair_schedule",
        job=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Finishes what an interrupted publish left behind.",
    )


def _settle_bundles(platform: Platform, context: dg.OpExecutionContext) -> list[str]:
    """Finishes what publishing bundles left; what could not be done, in words."""
    try:
        findings = find_unsettled(platform.bundles)
        left = settle(platform.bundles, findings)
    except NotFound:
        return []  # nothing was ever published there
    except OpenDataError as error:
        return [f"bundles: {error.message}"]
    for finding in findings:
        if finding.repairable:
            context.log.warning("%s: %s (made again)", finding.object, finding.problem)
    lasting = [one for one in findings if not one.repairable] + left
    return [f"{one.object}: {one.problem}" for one in lasting]
