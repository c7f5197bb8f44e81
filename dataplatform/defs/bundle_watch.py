"""The watch: bundles are looked at again and again, and whoever has to know is told (S0-66…S0-77).

What a look is and what is due stands in `bundles.watch`; here belong its clock, and showing what it
measured as checks of the bundles' partitions. Findings fail no run: they are alerts, with a state
of their own that outlives this instance.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from dataplatform.bundle_wiring import open_notifier
from dataplatform.bundles.run_names import PARTITIONS
from dataplatform.bundles.watch.monitoring import Monitoring, read_monitoring
from dataplatform.bundles.watch.tick import Tick, watch_tick
from dataplatform.defs.bundle_checks import Verdict, completeness, storage
from dataplatform.defs.failures import failure_of
from dataplatform.defs.names import WATCH_JOB
from dataplatform.defs.tables import table
from dataplatform.wiring import Platform
from opendata.wire.errors import NotFound, OpenDataError

HOUR = timedelta(hours=1)
SHORTEST = timedelta(minutes=5)
FINDING_COLUMNS = ("severity", "key", "summary", "cause", "repair")
Events = dg.AssetCheckEvaluation | dg.Output[None]
_log = logging.getLogger(__name__)


def bundle_watch_schedule(platform: Platform) -> dg.ScheduleDefinition:
    """A look as often as the spec repository asks for: every 10 minutes by the document's values.

    A look costs little where nothing is due: completeness keeps `check_interval` by itself.
    """

    @dg.op(description="Measures what is due, scrubs on, updates the alerts and sends them.")
    def look_at_bundles(context: dg.OpExecutionContext) -> Iterator[Events]:
        ports = platform.bundles
        try:
            tick = watch_tick(ports, open_notifier(platform.settings), ports.now())
        except NotFound as error:  # nothing was ever published there
            context.log.info("%s", error.message)
            yield dg.Output(None)
            return
        except OpenDataError as error:
            raise failure_of(error) from error
        for finding in tick.findings:
            context.log.warning("%s; %s → %s", finding.summary, finding.cause, finding.repair)
        shown = frozenset(context.instance.get_dynamic_partitions(PARTITIONS))
        for partition, verdict in checks_of(tick):
            if partition in shown:
                yield verdict.evaluation(partition)
        yield dg.Output(None, metadata=tick_metadata(tick))

    @dg.job(name=WATCH_JOB, description="Looks whether bundles are complete, in time and intact.")
    def job() -> None:
        look_at_bundles()

    return dg.ScheduleDefinition(
        name="bundle_watch_schedule",
        job=job,
        cron_schedule=cron_every(interval_of(platform)),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Watches bundles: completeness, delay, storage, a running checksum scrub; "
        "sends alerts.",
    )


def interval_of(platform: Platform) -> timedelta:
    """How often a look is asked for by what the spec repository says, as it was seen last
    (`Monitoring.pace`): an alert is told at most so much later than it is due.

    A file that cannot be read asks for the document's pace; the watch itself tells of it.
    """
    monitoring = Monitoring()
    if platform.settings.spec_repo is not None:
        try:
            repo = platform.bundles.open_spec_repo()
            known = repo.known_head()
            monitoring = read_monitoring(repo, known) if known else monitoring
        except OpenDataError as error:
            _log.warning("the watch keeps the pace of the document: %s", error.message)
    return monitoring.pace


def cron_every(interval: timedelta) -> str:
    """The cron of a look at least that often: some minutes that divide an hour, or every hour. It
    keeps clear of the full hour, when producers begin."""
    interval = max(interval, SHORTEST)
    if interval >= HOUR:
        return "7 * * * *"
    minutes = int(interval / timedelta(minutes=1))
    step = max(one for one in (5, 6, 10, 12, 15, 20, 30) if one <= max(minutes, 5))
    return f"{2 % step}-59/{step} * * * *"


def checks_of(tick: Tick) -> Iterator[tuple[str, Verdict]]:
    """What a look says of each bundle that it has measured, by partition."""
    for measured in tick.completeness:
        yield measured.bundle, completeness(measured)
        yield measured.bundle, storage(measured)


def tick_metadata(tick: Tick) -> dict[str, Any]:
    """A look in figures, with all its findings."""
    scrubbed = tick.scrubbed.to_json() if tick.scrubbed else {}
    return {
        "bundles": len(tick.watched.locks),
        "measured": len(tick.completeness),
        "findings": len(tick.findings),
        "open_alerts": len(tick.alerts.open),
        "sent": len(tick.delivery.sent) if tick.delivery else 0,
        "unsent": len(tick.alerts.outbox),
        "scrubbed": dg.MetadataValue.json(scrubbed),
        "told": table((one.to_json() for one in tick.findings), FINDING_COLUMNS),
    }
