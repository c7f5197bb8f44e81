"""Two whole installations, each with its own daemon, database and code server, on one store.

Nothing but the store joins them, so nothing but the store's protocol keeps them from harm: a run
that comes second fails with the winner's name, or finds nothing new, and is simply started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

import opendata as od
from dataplatform_tests.defs.site import DATASET, Site
from dataplatform_tests.releases.waiting import looking_meanwhile
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
from opendata.reading.history import walk_history
from opendata.reading.verify import verify_dataset
from opendata.stores import open_store
from opendata.wire.ids import parse_dataset_id, parse_reference

pytestmark = [pytest.mark.real, pytest.mark.requirement("B1", "S4-8", "S1-63")]

ROWS = 40
TRIES = 10
COUNTING = f"""
from pathlib import Path

def produce(context):
    value = float(Path(__file__).with_name("value").read_text())
    return pa.table({{"code": [f"c{{i:02}}" for i in range({ROWS})], "value": [value] * {ROWS}}})
"""
WHY = """
query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
    ... on ExecutionStepFailureEvent { error { message } } } } } }
"""


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, seaweed: SeaweedServer
) -> Iterator[list[Services]]:
    store = f"{seaweed.create_bucket('one-store')}/releases"
    with ExitStack() as stack:
        found = []
        for name in ("here", "there"):
            folder = tmp_path_factory.mktemp(name)
            services = stack.enter_context(installed_services(folder, postgres, seaweed, name))
            services.variables["OPENDATA_STORAGE"] = store
            Site(services.producers.parent).write_main(COUNTING)
            services.start(CODE, WEBSERVER, DAEMON)
            found.append(services)
        yield found


@pytest.fixture
def reader(both: list[Services], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """This process reads the store that both publish to."""
    names = ("OPENDATA_STORAGE", "OPENDATA_S3_ENDPOINT", "AWS_ACCESS_KEY_ID")
    environ = {name: both[0].variables[name] for name in (*names, "AWS_SECRET_ACCESS_KEY")}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


def set_value(services: Services, value: int) -> None:
    (services.producers / DATASET / "value").write_text(str(value))


def run_until_through(services: Services) -> list[str]:
    """What was said by the runs that failed before one succeeded."""
    said: list[str] = []
    while True:
        assert len(said) < TRIES, said
        run = services.room.launch_dataset(DATASET)
        if services.room.status_at_end(run) == "SUCCESS":
            return said
        events = services.room.ask(WHY, id=run)["logsForRun"]["events"]
        said.append(str([event["error"] for event in events if event]))


def value_now() -> float:
    table = od.load(DATASET, format="arrow")
    values = set(table["value"].to_pylist())
    assert (table.num_rows, len(values)) == (ROWS, 1), f"a torn release: {values}"
    return float(values.pop())


def history_of(environ: dict[str, str]) -> list[Any]:
    store = open_store(environ["OPENDATA_STORAGE"], environ=environ)
    assert verify_dataset(store, parse_reference(DATASET), None).damaged == ()
    return list(walk_history(store, parse_dataset_id(DATASET)))


def test_two_installations_on_one_store_make_one_history(
    both: list[Services], reader: dict[str, str]
) -> None:
    for services in both:
        set_value(services, 0)
    run_until_through(both[0])
    with looking_meanwhile(value_now, pause_seconds=0.2) as seen, ThreadPoolExecutor(2) as pool:
        for number, found in enumerate(([1, 1], [2, 3], [4, 5]), 1):
            for services, value in zip(both, found, strict=True):
                set_value(services, value)
            failed = [said for ends in pool.map(run_until_through, both) for said in ends]
            assert all("but the current release is" in said for said in failed), failed
            assert value_now() in found, number
    assert seen, "nobody read while they published"
    history = history_of(reader)
    assert [commit.generation for commit in history] == list(range(len(history), 0, -1))
    assert len(history) == len({0, 1, 2, 3, 4, 5})


def test_each_shows_what_the_other_published(both: list[Services], reader: dict[str, str]) -> None:
    newest = history_of(reader)[0].generation
    for services in both:
        eventually(
            lambda room=services.room: [
                event for event in room.materializations(DATASET) if event["generation"] == newest
            ],
            "the newest release is shown",
        )
