"""A storm: many schedules due at one tick, and what has become of each of them.

The tick lies a few minutes back, and every schedule's state says that it was running before, as
after a night in which the machine was off. So all are due as soon as a daemon looks, at one moment
that no test has to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType
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
)

from dataplatform.defs.names import Names
from dataplatform.defs.schedules import DATASET_TAG
from dataplatform_tests.scale.parts import LOCATION, Parts
from opendata.wire.ids import parse_dataset_id

SCHEDULE_TAG = "dagster/schedule_name"
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class Storm:
    """The data sets whose schedules are due at `tick`."""

    datasets: Sequence[str]
    tick: datetime
    instance: dg.DagsterInstance
    parts: Parts

    @property
    def schedules(self) -> list[str]:
        """The names of the schedules."""
        return [Names(parse_dataset_id(dataset)).schedule for dataset in self.datasets]

    def make_due(self) -> None:
        """Let every schedule look as if it had been running since before the tick."""
        since = ScheduleInstigatorData(
            cron_at(self.tick), (self.tick - timedelta(minutes=1)).timestamp()
        )
        for name in self.schedules:
            self.instance.add_instigator_state(
                InstigatorState(
                    self._origin(name),
                    InstigatorType.SCHEDULE,
                    InstigatorStatus.DECLARED_IN_CODE,
                    since,
                )
            )

    def ticks(self) -> dict[str, list[str]]:
        """What became of every schedule's ticks."""
        return {name: self._ticks(self._origin(name)) for name in self.schedules}

    def runs(self) -> dict[str, list[str]]:
        """The status of every run that a schedule has asked for."""
        found: dict[str, list[str]] = {name: [] for name in self.schedules}
        for run in self.instance.get_runs():
            found.setdefault(run.tags.get(SCHEDULE_TAG, "none"), []).append(run.status.value)
        return found

    def asked(self) -> int:
        """How many runs there are by now."""
        return self.instance.get_runs_count(dg.RunsFilter(tags={DATASET_TAG: list(self.datasets)}))

    def queued(self) -> int:
        """How many of them wait to be launched."""
        return self.instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))

    def ended(self) -> int:
        """How many of them have ended."""
        return self.instance.get_runs_count(dg.RunsFilter(statuses=ENDED))

    def published(self) -> int:
        """How many schedules have a run that ended well; a launch that was lost is begun again."""
        return sum("SUCCESS" in statuses for statuses in self.runs().values())

    def lose_a_launch(self) -> str:
        """Leave a queued run as a daemon does that is killed on the way from queue to launch.

        Its status says that it is starting, and nobody has been asked to start it.

        Returns:
            The run's schedule.
        """
        queued = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
        run = queued[-1]
        starting = DagsterEvent(DagsterEventType.PIPELINE_STARTING.value, job_name=run.job_name)
        self.instance.report_dagster_event(starting, run_id=run.run_id)
        return run.tags[SCHEDULE_TAG]

    def failed_at_work(self) -> list[str]:
        """The schedules of runs that failed although their process had come up."""
        failed = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        return [
            run.tags[SCHEDULE_TAG] for run in failed if self.instance.get_run_step_stats(run.run_id)
        ]

    def _origin(self, schedule: str) -> RemoteInstigatorOrigin:
        location = GrpcServerCodeLocationOrigin(
            host="127.0.0.1", port=self.parts.port, location_name=LOCATION
        )
        return RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), schedule)

    def _ticks(self, origin: RemoteInstigatorOrigin) -> list[str]:
        ticks = self.instance.get_ticks(origin.get_id(), origin.get_selector().get_id())
        return [tick.status.value for tick in ticks]


def a_moment_ago() -> datetime:
    """A whole minute that has just passed."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)


def cron_at(tick: datetime) -> str:
    """The cron of exactly this minute of a year."""
    return f"{tick.minute} {tick.hour} {tick.day} {tick.month} *"
