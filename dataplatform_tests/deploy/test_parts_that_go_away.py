"""A part goes away in the middle of a run: the bucket of logs, or the database for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import boto3
import pytest

from dataplatform_tests.defs.site import Site
from dataplatform_tests.servers.control_room import eventually
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
WAITING = """
import time
from pathlib import Path

def produce(context):
    here = Path(__file__)
    here.with_name("begun").touch()
    while not here.with_name("go").exists():
        time.sleep(0.1)
    return pa.table({"code": ["a"], "value": [1.0]})
"""


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
        for name in ("ns/logs-go", "ns/database-goes"):
            Site(services.producers.parent).write_main(WAITING, name)
        services.start(CODE, WEBSERVER, DAEMON)
        yield services


def assets(dataset: str) -> list[str]:
    return [f"{dataset}/candidate", f"{dataset}/release", dataset]


def begin(services: Services, dataset: str) -> str:
    run = services.room.launch(*assets(dataset))
    eventually((services.producers / dataset / "begun").exists, f"{dataset} has begun")
    return run


def version(services: Services, dataset: str) -> str | None:
    return Site(services.producers.parent, services.variables).current_version(dataset)


def asked_again(ask: Callable[[], str]) -> str:
    """An answer of the control room, whose first ones after a cut may be errors."""

    def answer() -> str | None:
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
    (services.producers / "ns/logs-go" / "go").touch()
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
    (services.producers / "ns/database-goes" / "go").touch()
    services.revive()
    assert asked_again(lambda: services.room.status_at_end(run)) == "SUCCESS"
    assert version(services, "ns/database-goes") == "1.0.0"
    again = asked_again(lambda: services.room.launch(*assets("ns/database-goes")))
    assert asked_again(lambda: services.room.status_at_end(again)) == "SUCCESS"
