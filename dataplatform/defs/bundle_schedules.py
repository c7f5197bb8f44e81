"""Clocks of bundles: the watch, and the retention of partitions. Both run by default.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import dagster as dg
from pydantic import Field

from dataplatform.bundles.leftovers import Leftovers, drop_leftovers, find_leftovers
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.retention import KEEP_FOR, KEEP_NEWEST, PartitionRules, old_partitions
from dataplatform.bundles.run_names import PARTITIONS
from dataplatform.defs.failures import failure_of
from dataplatform.defs.names import PRUNE_JOB
from dataplatform.wiring import Platform
from opendata.reading.file_index.bundles import entry_ref, read_bundle_catalogue
from opendata.wire.bundle import BundleRef
from opendata.wire.errors import NotFound, OpenDataError
from opendata.wire.times import parse_instant

PRUNE_CRON = "27 4 * * *"


class PruneConfig(dg.Config):
    """Which partitions stay, and whether the others go."""

    newest: int = Field(
        default=KEEP_NEWEST, ge=1, description="So many of each name and type stay in any case"
    )
    days: int = Field(
        default=KEEP_FOR.days, ge=0, description="So long a partition stays in any case"
    )
    apply: bool = Field(default=True, description="Drop them; else only say which")


def bundle_retention_schedule(platform: Platform) -> dg.ScheduleDefinition:
    """Drops partitions of old bundles every night, their claims, and what interrupted indexings put
    aside a week ago; what they published stays."""

    @dg.op(description="Drops the partitions of old bundles. Locks and indexes are never touched.")
    def drop_old_partitions(context: dg.OpExecutionContext, config: PruneConfig) -> None:
        ports, instance = platform.bundles, context.instance
        rules = PartitionRules(config.newest, timedelta(days=config.days))
        known = instance.get_dynamic_partitions(PARTITIONS)
        try:
            old = old_partitions(known, indexed_at(ports), rules, ports.now())
        except NotFound:
            old = ()  # nothing was ever published there
        except OpenDataError as error:
            raise failure_of(error) from error
        for partition in old:
            context.log.info("%s %s", "dropping" if config.apply else "would drop", partition)
            if config.apply:
                instance.delete_dynamic_partition(PARTITIONS, partition)
        left = _left_over(ports, set(known) - set(old), rules)
        if config.apply:
            drop_leftovers(ports.store, left)
        context.add_output_metadata(
            {
                "partitions": len(known),
                "old": len(old),
                "dropped": len(old) if config.apply else 0,
                "old_claims": len(left.claims),
                "abandoned_segments": len(left.segments),
            }
        )

    @dg.job(name=PRUNE_JOB, description="Drops old partitions of bundles; what they name stays.")
    def job() -> None:
        drop_old_partitions()

    return dg.ScheduleDefinition(
        name="bundle_retention_schedule",
        job=job,
        cron_schedule=PRUNE_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Keeps the list of bundles short enough for Dagster's pages.",
    )


def _left_over(ports: BundlePorts, partitions: Collection[str], rules: PartitionRules) -> Leftovers:
    try:
        return find_leftovers(ports.store, ports.now(), partitions, rules)
    except NotFound:
        return Leftovers()  # there is no store yet
    except OpenDataError as error:
        raise failure_of(error) from error


def indexed_at(ports: BundlePorts) -> dict[BundleRef, datetime]:
    """When each bundle got its current lock.

    Raises:
        Corrupt: if the catalogue is damaged; nothing is dropped then.
    """
    bundles = read_bundle_catalogue(ports.store).bundles
    return {entry_ref(one): parse_instant(one.created_at) for one in bundles}
