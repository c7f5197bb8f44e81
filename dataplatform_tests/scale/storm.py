"""A storm: many schedules due at one tick, and what has become of each of them.

The tick lies a few minutes back, and every schedule's state says that it was running before, as
after a night in which the machine was off. So all are due as soon as a daemon looks, at one moment
that no test has to wait for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickStatus,
)

from dataplatform.defs.names import Names
from dataplatform_tests.servers.services import LOCATION, Services
from opendata.wire.ids import parse_dataset_id

SCHEDULE_TAG = "dagster/schedule_name"
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dataclass(frozen=True)
class Storm:
    """The data sets whose schedules are due at `tick`, on one instance."""

    datasets: Sequence[str]
    tick: datetime
    instance: dg.DagsterInstance
    services: Services

    @property
    def cron(self) -> str:
        """A cron that comes once a year, at the tick."""
        return cron_at(self.tick)

    def make_due(self) -> None:
        """Let every schedule look as if it had been running since before the tick."""
        for name in self.schedules:
            origin = self._origin(name)
            since = (self.tick - timedelta(minutes=1)).timestamp()
            self.instance.add_instigator_state(
                InstigatorState(
                    origin,
                    InstigatorType.SCHEDULE,
                    InstigatorStatus.DECLARED_IN_CODE,
                    ScheduleInstigatorData(self.cron, since),
                )
            )

    @property
    def schedules(self) -> list[str]:
        """The names of the schedules."""
        return [Names(parse_dataset_id(dataset)).schedule for dataset in self.datasets]

    def ticks(self) -> dict[str, list[TickStatus]]:
        """What became of every schedule's ticks."""
        return {name: [tick.status for tick in self._ticks(name)] for name in self.schedules}

    def runs(self) -> dict[str, list[dg.DagsterRun]]:
        """The runs that every schedule has asked for."""
        found: dict[str, list[dg.DagsterRun]] = {name: [] for name in self.schedules}
        for run in self.instance.get_runs():
            if SCHEDULE_TAG in run.tags:
                found.setdefault(run.tags[SCHEDULE_TAG], []).append(run)
        return found

    def asked(self) -> int:
        """How many runs there are by now."""
        return self.instance.get_runs_count(
            dg.RunsFilter(tags={"opendata/dataset": list(self.datasets)})
        )

    def ended(self) -> int:
        """How many of them have ended."""
        return self.instance.get_runs_count(dg.RunsFilter(statuses=list(ENDED)))

    def outcomes(self) -> Counter[str]:
        """How many runs there are of every status."""
        return Counter(run.status.value for runs in self.runs().values() for run in runs)

    def _origin(self, schedule: str) -> RemoteInstigatorOrigin:
        location = GrpcServerCodeLocationOrigin(
            host="127.0.0.1", port=self.services.port, location_name=LOCATION
        )
        return RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), schedule)

    def _ticks(self, schedule: str) -> Iterable[dg._core.scheduler.instigation.InstigatorTick]:
        origin = self._origin(schedule)
        return self.instance.get_ticks(origin.get_id(), origin.get_selector().get_id())


def a_moment_ago() -> datetime:
    """A whole minute that has just passed."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)


def cron_at(tick: datetime) -> str:
    """The cron of exactly this minute of a year."""
    return f"{tick.minute} {tick.hour} {tick.day} {tick.month} *"
