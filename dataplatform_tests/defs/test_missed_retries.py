"""A failed run that is to be begun once more is shown to Dagster again if it looked too early."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, BACKFILL_ID_TAG, WILL_RETRY_TAG

from dataplatform.defs.missed_retries import FAILURES_READ, missed_retries_sensor
from dataplatform_tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.platform

LONG_AGO = 3600.0
LAUNCHED = RemoteJobOrigin(
    RemoteRepositoryOrigin(GrpcServerCodeLocationOrigin("localhost", 4000), "__repository__"),
    "anything",
)


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """An instance of either storage that begins lost runs once more, as the project's does."""
    overrides: dict[str, Any] = {"run_retries": {"enabled": True, "max_retries": 1}}
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        overrides["storage"] = server.dagster_storage(f"missed_{uuid4().hex}")
    with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as instance:
        yield instance


@dg.job
def anything() -> None: ...


def failed_run(
    instance: dg.DagsterInstance,
    ago: float = LONG_AGO,
    origin: RemoteJobOrigin | None = LAUNCHED,
    **tags: str,
) -> dg.DagsterRun:
    """A run that failed before any of its steps did."""
    run = instance.create_run_for_job(anything, remote_job_origin=origin, tags=tags)
    failure = dg.DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, run.job_name)
    instance.handle_new_event(
        dg.EventLogEntry(
            error_info=None,
            level="error",
            user_message="",
            run_id=run.run_id,
            timestamp=time.time() - ago,
            dagster_event=failure,
        )
    )
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.tags[WILL_RETRY_TAG] == "true"
    return found


def read_to_the_end(instance: dg.DagsterInstance) -> None:
    end = instance.event_log_storage.get_maximum_record_id()
    instance.daemon_cursor_storage.set_cursor_values({FAILURES_READ: str(end)})


def unread(instance: dg.DagsterInstance) -> list[str]:
    """The runs of the failures that Dagster's daemon would read next."""
    place = instance.daemon_cursor_storage.get_cursor_values({FAILURES_READ})[FAILURES_READ]
    read = instance.event_log_storage.get_logs_for_all_runs_by_log_id(
        after_cursor=int(place), dagster_event_type={dg.DagsterEventType.RUN_FAILURE}
    )
    return [entry.run_id for entry in read.values()]


def tick(instance: dg.DagsterInstance) -> str:
    with dg.build_sensor_context(instance=instance) as context:
        [skipped] = [missed_retries_sensor().evaluate_tick(context).skip_message]
    return str(skipped)


@pytest.mark.requirement("S1-86")
def test_what_was_overlooked_is_read_again(instance: dg.DagsterInstance) -> None:
    failed_run(instance, ago=2 * LONG_AGO, **{AUTO_RETRY_RUN_ID_TAG: "begun"})
    overlooked = failed_run(instance)
    read_to_the_end(instance)
    assert unread(instance) == []
    assert tick(instance) == "1 failed runs to be looked at again"
    assert unread(instance) == [overlooked.run_id]


def test_what_has_just_failed_may_still_be_read(instance: dg.DagsterInstance) -> None:
    failed_run(instance, ago=0.0)
    read_to_the_end(instance)
    tick(instance)
    assert unread(instance) == []


def test_a_place_that_lies_before_the_failure_is_left_where_it_is(
    instance: dg.DagsterInstance,
) -> None:
    first, second = failed_run(instance), failed_run(instance)
    instance.daemon_cursor_storage.set_cursor_values({FAILURES_READ: "0"})
    tick(instance)
    assert unread(instance) == [first.run_id, second.run_id]


def test_runs_of_a_backfill_that_is_over_are_let_go(instance: dg.DagsterInstance) -> None:
    failed_run(instance, **{BACKFILL_ID_TAG: "forgotten"})
    read_to_the_end(instance)
    tick(instance)
    assert unread(instance) == []


def test_what_a_terminal_started_is_let_go(instance: dg.DagsterInstance) -> None:
    failed_run(instance, origin=None)
    read_to_the_end(instance)
    tick(instance)
    assert unread(instance) == []
