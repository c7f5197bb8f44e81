"""Missed retries: failed runs that Dagster meant to begin once more, and did not.

A failure is written to the event log first and to the run a moment later. The daemon that begins
runs once more reads the log; where it looks within that moment, it finds a run that has not failed,
and never looks at it again. Here such failures are put before it once more: it begins each of them
once, however often it sees them.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, BACKFILL_ID_TAG, WILL_RETRY_TAG

FAILURES_READ: Final = "EVENT_LOG_CONSUMER_CURSOR-PIPELINE_FAILURE"
_ENOUGH_SECONDS: Final = 30.0  # the daemon looks every 5 s
_NOT_BEFORE: Final = timedelta(days=1)
_AT_ONCE: Final = 100


def missed_retries_sensor() -> dg.SensorDefinition:
    """Lets the daemon look again at failures that it saw before they were written in full."""

    @dg.sensor(
        name="missed_retries",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Sees to it that a run that is to be begun once more is begun once more.",
    )
    def missed_retries(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        missed = [
            record
            for record in _to_be_retried(context.instance)
            if _is_overdue(record) and _is_wanted(context.instance, record.dagster_run)
        ]
        if missed:
            _show_again(context.instance, missed)
        return dg.SkipReason(f"{len(missed)} failed runs to be looked at again")

    return missed_retries


def _to_be_retried(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """Failed runs of the last day that are to be begun once more and have not been."""
    wanted = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags={WILL_RETRY_TAG: "true"},
        updated_after=datetime.now(UTC) - _NOT_BEFORE,
    )
    found = instance.get_run_records(wanted)
    return [each for each in found if AUTO_RETRY_RUN_ID_TAG not in each.dagster_run.tags]


def _is_overdue(record: dg.RunRecord) -> bool:
    return record.end_time is not None and time.time() - record.end_time > _ENOUGH_SECONDS


def _is_wanted(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether Dagster would begin it again: not what a terminal started, nor a back-fill's end.

    Those it passes over every time with a line in the run's log.
    """
    if run.remote_job_origin is None:
        return False
    backfill_id = run.tags.get(BACKFILL_ID_TAG)
    if backfill_id is None:
        return True
    backfill = instance.get_backfill(backfill_id)
    return backfill is not None and backfill.status not in BULK_ACTION_TERMINAL_STATUSES


def _show_again(instance: dg.DagsterInstance, missed: list[dg.RunRecord]) -> None:
    """Set what the daemon has read of the failures back to before the first of these.

    It may write its own place at the same moment, and ours is gone: the next tick comes back.
    """
    failures = dg.RunStatusChangeRecordsFilter(
        event_type=dg.DagsterEventType.RUN_FAILURE,
        after_timestamp=min(each.end_time or 0.0 for each in missed) - 1.0,
    )
    ours = {each.dagster_run.run_id for each in missed}
    read = instance.fetch_run_status_changes(failures, limit=_AT_ONCE, ascending=True).records
    places = [record.storage_id for record in read if record.run_id in ours]
    known = instance.daemon_cursor_storage.get_cursor_values({FAILURES_READ})
    if places and int(known.get(FAILURES_READ, 0)) >= min(places):
        instance.daemon_cursor_storage.set_cursor_values({FAILURES_READ: str(min(places) - 1)})
