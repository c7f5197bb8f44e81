"""A part goes away in the middle of a run: the bucket of logs, or the database for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import boto3
import pytest

from dataplatform_tests.defs.site import Site
from dataplatform_tests.deploy.waiting_runs import begin, let_go, write_waiting
from dataplatform_tests.servers.control_room import ENDED, eventually
from dataplatform_tests.servers.postgres import PostgresServer, running_postgres
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.servers.services import (
    CODE,
    DAEMON,
    WEBSERVER,
    Services,
    installed_services,
)

pytestmark = [pytest.mark.real, pytest.mark.requirement("M-7")]

AWAY_SECONDS = 3.0


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    """A server of this module's own, since it will be stopped."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, database: PostgresServer, seaweed: SeaweedServer
) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("installation")
    with installed_services(folder, database, seaweed, "parts-go") as services:
        write_waiting(services, "ns/logs-go", "ns/database-goes")
        services.start(CODE, WEBSERVER, DAEMON)
        yield services


def version(services: Services, dataset: str) -> str | None:
    return Site(services.producers.parent, services.variables).current_version(dataset)


def ended_as(services: Services, run: str) -> str:
    """How a run ended, once it has."""

    def ended() -> str | None:
        status = asked_again(services, lambda: services.room.status(run))
        return status if status in ENDED else None

    return eventually(ended, f"run {run} has ended")


def asked_again(services: Services, ask: Callable[[], str]) -> str:
    """An answer of the control room, whose first ones after a cut may be errors.

    A service that does not survive the cut may notice it late, so what has ended is started again
    before each look.
    """

    def answer() -> str | None:
        services.revive()
        try:
            return ask()
        except OSError:
            return None

    return eventually(answer, "the control room answers")


def test_a_run_does_without_its_logs(services: Services) -> None:
    run = begin(services, "ns/logs-go")
    client = boto3.client(
        "s3",
        endpoint_url=services.variables["OPENDATA_S3_ENDPOINT"],
        aws_access_key_id=services.variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=services.variables["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    bucket = services.variables["DAGSTER_LOGS_BUCKET"]
    for entry in client.list_objects_v2(Bucket=bucket).get("Contents", []):
        client.delete_object(Bucket=bucket, Key=entry["Key"])
    client.delete_bucket(Bucket=bucket)
    let_go(services, "ns/logs-go", 1.0)
    assert services.room.status_at_end(run) == "SUCCESS"
    assert version(services, "ns/logs-go") == "1.0.0"
    client.create_bucket(Bucket=bucket)


def test_a_run_survives_a_restart_of_the_database(
    services: Services, database: PostgresServer
) -> None:
    run = begin(services, "ns/database-goes")
    database.stop()
    time.sleep(AWAY_SECONDS)
    database.start_again()
    let_go(services, "ns/database-goes", 1.0)
    assert ended_as(services, run) == "SUCCESS"
    assert version(services, "ns/database-goes") == "1.0.0"
    again = asked_again(services, lambda: services.room.launch_dataset("ns/database-goes"))
    assert ended_as(services, again) == "SUCCESS"
