"""Three services as on three machines: their own commands, PostgreSQL, S3, and what a restart does.

A run lives below the code server. Daemon and webserver can go and come; a code server that is asked
to stop waits for its runs; one that is gone leaves runs that are settled after the next start.
"""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import opendata as od
from dataplatform_tests.defs.site import Site
from dataplatform_tests.deploy.waiting_runs import begin, let_go, write_waiting
from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.servers.control_room import eventually
from dataplatform_tests.servers.postgres import PostgresServer
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.servers.services import (
    CODE,
    DAEMON,
    WEBSERVER,
    Services,
    installed_services,
)

pytestmark = [pytest.mark.real, pytest.mark.requirement("M-7", "S1-90")]

WHAT_GOES = ("daemon-goes", "server-goes", "machine-goes", "server-is-away")
TALKING = """
def produce(context):
    print("three rows are on their way")
    return pa.table({"code": ["a", "b", "c"], "value": [1.0, 2.0, 3.0]})
"""
CAPTURED = """
query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
    __typename ... on LogsCapturedEvent { fileKey } } } } }
"""
LOGS = """
query ($key: [String!]!) {
  capturedLogs(logKey: $key) { stdout stderr }
  capturedLogsMetadata(logKey: $key) { stderrDownloadUrl stderrLocation }
}
"""
MESSAGES = """
query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
    ... on MessageEvent { message } } } } }
"""


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, seaweed: SeaweedServer
) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("installation")
    with installed_services(folder, postgres, seaweed, "three-services") as services:
        Site(services.producers.parent).write_main(TALKING, "ns/talking")
        write_waiting(services, *(f"ns/{what}" for what in WHAT_GOES))
        services.start(CODE, WEBSERVER, DAEMON)
        yield services


@pytest.fixture
def reader(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process reads the store that the services publish to."""
    for name in ("OPENDATA_STORAGE", "OPENDATA_S3_ENDPOINT"):
        monkeypatch.setenv(name, services.variables[name])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, services.variables[name])


def values(dataset: str) -> list[float]:
    return list(od.load(dataset, format="arrow")["value"].to_pylist())


def captured_logs(services: Services, run: str) -> dict[str, Any]:
    """What the control room shows of the compute logs of a run."""
    events = services.room.ask(CAPTURED, id=run)["logsForRun"]["events"]
    [file_key] = [e["fileKey"] for e in events if e["__typename"] == "LogsCapturedEvent"]
    return dict(services.room.ask(LOGS, key=[run, "compute_logs", file_key]))


def test_a_run_publishes_to_the_bucket_and_its_logs_are_in_the_other_one(
    services: Services, reader: None
) -> None:
    run = services.room.launch_dataset("ns/talking")
    assert services.room.status_at_end(run) == "SUCCESS", services.log(CODE)
    assert values("ns/talking") == [1.0, 2.0, 3.0]
    shown = captured_logs(services, run)
    assert "three rows are on their way" in shown["capturedLogs"]["stderr"]
    place = shown["capturedLogsMetadata"]
    bucket = services.variables["DAGSTER_LOGS_BUCKET"]
    assert place["stderrLocation"].startswith(f"s3://{bucket}/dagster/storage/{run}/")
    assert "X-Amz-Signature" in place["stderrDownloadUrl"], "R2 knows no older signature"
    with urllib.request.urlopen(place["stderrDownloadUrl"], timeout=30) as answer:
        assert b"three rows are on their way" in answer.read()


def asked_by_compose(services: Services, name: str) -> int:
    """The exit code of a container's health check, on the ports of this installation."""
    file = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())
    [_, program, *words] = file["services"][name.removeprefix("opendata-")]["healthcheck"]["test"]
    ports = {"4000": "OPENDATA_CODE_PORT", "3000": "OPENDATA_WEB_PORT"}
    for written, variable in ports.items():
        words = [word.replace(written, services.variables[variable]) for word in words]
    command = [str(services.installation.programs / program), *words]
    return subprocess.run(command, env=services.environment(name), cwd=ROOT).returncode


def test_every_service_says_whether_it_is_well(services: Services) -> None:
    assert [asked_by_compose(services, name) for name in (CODE, WEBSERVER, DAEMON)] == [0, 0, 0]
    services.stop(WEBSERVER)
    assert asked_by_compose(services, WEBSERVER) != 0
    services.start(WEBSERVER)


def test_a_run_goes_on_while_daemon_and_webserver_restart(services: Services, reader: None) -> None:
    run = begin(services, "ns/daemon-goes")
    services.stop(DAEMON, WEBSERVER)
    let_go(services, "ns/daemon-goes", 7.0)
    services.start(WEBSERVER, DAEMON)
    assert services.room.status_at_end(run) == "SUCCESS"
    assert values("ns/daemon-goes") == [7.0]


def test_a_code_server_that_is_asked_to_stop_waits_for_its_run(
    services: Services, reader: None
) -> None:
    run = begin(services, "ns/server-goes")
    server = services.ask_to_stop(CODE)
    with pytest.raises(subprocess.TimeoutExpired):
        server.wait(10)
    assert services.room.status(run) == "STARTED"
    let_go(services, "ns/server-goes", 8.0)
    assert server.wait(120) == 0
    assert services.room.status(run) == "SUCCESS"
    assert values("ns/server-goes") == [8.0]
    assert not services.is_healthy(CODE)
    services.start(CODE)


@pytest.mark.requirement("S1-86", "S1-87")
def test_a_run_that_died_with_its_machine_is_settled_after_the_next_start(
    services: Services, reader: None
) -> None:
    run = begin(services, "ns/machine-goes")
    services.pull_the_plug(CODE)
    services.start(CODE)
    assert services.room.status_at_end(run) == "FAILURE"
    site = Site(services.producers.parent, services.variables)
    [outcome] = eventually(lambda: site.outcomes("ns/machine-goes"), "the outcome is recorded")
    assert (outcome.outcome, outcome.run_id) == ("failed", run)
    let_go(services, "ns/machine-goes", 9.0)
    again = eventually(
        lambda: services.room.tags(run).get("dagster/auto_retry_run_id"), "it is begun once more"
    )
    assert services.room.status_at_end(again) == "SUCCESS"
    assert values("ns/machine-goes") == [9.0]


def test_a_queued_run_waits_for_a_code_server_that_is_away(
    services: Services, reader: None
) -> None:
    services.stop(DAEMON)
    let_go(services, "ns/server-is-away", 10.0)
    run = services.room.launch_dataset("ns/server-is-away")
    services.stop(CODE)
    services.start(DAEMON)

    def was_tried() -> bool:
        assert services.room.status(run) in ("QUEUED", "STARTING")
        events = services.room.ask(MESSAGES, id=run)["logsForRun"]["events"]
        return any("re-submitting the run into the queue" in e.get("message", "") for e in events)

    eventually(was_tried, "the daemon has asked for the code server")
    services.start(CODE)
    assert services.room.status_at_end(run) == "SUCCESS"
    assert values("ns/server-is-away") == [10.0]


def test_nothing_is_written_where_the_configuration_is(services: Services) -> None:
    """So that the folder can belong to root: the units mount it read-only."""
    found = sorted(path.name for path in services.home.iterdir())
    assert found == ["aws.config", "dagster.yaml", "workspace.yaml"]
