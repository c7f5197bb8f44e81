"""Collection: objects that nobody needs are marked every night, and removed where that is asked.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

import dagster as dg
from pydantic import Field

from dataplatform.releases.collecting.look import Rules, roots_of
from dataplatform.releases.collecting.mark import mark_unneeded
from dataplatform.releases.collecting.sweep import collect
from dataplatform.releases.index import published_ids
from dataplatform.wiring import Platform
from opendata.wire.errors import OpenDataError

COLLECT_JOB = "collect"
CRON = "57 3 * * *"
_OP = "collect_objects"


class CollectConfig(dg.Config):
    """What a collection may do."""

    apply: bool = Field(default=False, description="Remove what two marks name; else only mark")
    force: bool = Field(default=False, description="Let more than a tenth of the store go at once")


def collect_schedule(platform: Platform) -> dg.ScheduleDefinition:
    """What `od gc --apply` does if `OPENDATA_GC` says so; else only its mark."""
    ports, rules = platform.ports, Rules()

    @dg.op(name=_OP, description="Looks for objects that nobody needs, and marks or removes them.")
    def collect_objects(context: dg.OpExecutionContext, config: CollectConfig) -> None:
        if not published_ids(ports):
            context.log.info("nothing is published yet, so there is nothing to compare with")
            return
        roots = roots_of(ports)
        try:
            if config.apply:
                facts = collect(ports, roots, rules, force=config.force).to_json()
            else:
                facts = mark_unneeded(ports, roots, rules).to_json()
        except OpenDataError as error:
            hint = f" ({error.hint})" if error.hint else ""
            raise dg.Failure(f"{error.message}{hint}", allow_retries=error.retryable) from error
        removed = facts.get("removed", {"objects": 0, "size_bytes": 0})
        context.add_output_metadata(
            {
                "removed objects": removed["objects"],
                "removed bytes": removed["size_bytes"],
                "mark": facts["mark"],
                "objects": dg.MetadataValue.json(facts["objects"]),
            }
        )

    @dg.job(name=COLLECT_JOB, description="What `od gc --apply` does; without apply only its mark.")
    def job() -> None:
        collect_objects()

    config = CollectConfig(apply=platform.settings.collects)
    return dg.ScheduleDefinition(
        name="collect_schedule",
        job=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        run_config=dg.RunConfig({_OP: config}),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Marks objects that nobody needs; removes them only where OPENDATA_GC=apply.",
    )
