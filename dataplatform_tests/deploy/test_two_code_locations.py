"""Two code servers of one installation, as on two machines: each with its own producers.

The workspace is the one that the guide shows. A machine that dies is settled by itself when it is
back; the other one, which can see none of its processes, leaves its runs alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dataplatform_tests.defs.site import Site
from dataplatform_tests.deploy.waiting_runs import await_begun, write_waiting
from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.servers.control_room import eventually
from dataplatform_tests.servers.ports import free_ports
from dataplatform_tests.servers.postgres import PostgresServer
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.servers.services import (
    CODE,
    DAEMON,
    WEBSERVER,
    Services,
    installed_services,
)

pytestmark = [pytest.mark.real, pytest.mark.requirement("M-7")]

RAIN, TRADE = "weather/rain", "economy/trade"
TICKS = """{ sensorOrError(sensorSelector: {repositoryLocationName: "opendata",
    repositoryName: "__repository__", sensorName: "stale_runs"}) {
    ... on Sensor { sensorState { ticks(limit: 5) { status skipReason } } } } }"""


def workspace_of_the_guide(port: str) -> str:
    """The entries that the guide shows, with its example host here."""
    text = (ROOT / "docs" / "guides" / "run-on-several-machines.md").read_text()
    [shown] = re.findall(r"```yaml\n(load_from:.*?)```", text, re.DOTALL)
    return str(shown).replace("weather.internal, port: 4000", f"127.0.0.2, port: {port}")


@pytest.fixture(scope="module")
def machines(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, seaweed: SeaweedServer
) -> Iterator[tuple[Services, Services]]:
    """One machine with everything, and one with another code server; both on loopback."""
    [port] = free_ports(1)
    with (
        installed_services(tmp_path_factory.mktemp("main"), postgres, seaweed, "main") as main,
        installed_services(tmp_path_factory.mktemp("more"), postgres, seaweed, "more") as more,
    ):
        more.variables |= main.variables | {
            "OPENDATA_CODE_LOCATION": "weather",
            "OPENDATA_CODE_HOST": "127.0.0.2",
            "OPENDATA_CODE_BIND": "127.0.0.2",
            "OPENDATA_CODE_PORT": str(port),
        }
        (main.home / "workspace.yaml").write_text(workspace_of_the_guide(str(port)))
        Site(main.producers.parent).write(dataset=TRADE)
        write_waiting(more, RAIN)
        more.start(CODE)
        main.start(CODE, WEBSERVER, DAEMON)
        yield main, more


def ticks_that_saw_runs(services: Services) -> list[Any]:
    """What `stale_runs` said in the first code location, where runs were under way."""
    ticks = services.room.ask(TICKS)["sensorOrError"]["sensorState"]["ticks"]
    return [tick["skipReason"] for tick in ticks if str(tick["skipReason"]).startswith("1 runs")]


def test_both_code_locations_are_in_one_graph(machines: tuple[Services, Services]) -> None:
    main, _ = machines
    assert {TRADE, RAIN} <= set(main.room.assets())
    run = main.room.launch_dataset(TRADE)
    assert main.room.status_at_end(run) == "SUCCESS"


@pytest.mark.requirement("S1-86", "S1-87")
def test_only_the_machine_that_started_a_run_says_that_it_is_lost(
    machines: tuple[Services, Services],
) -> None:
    main, more = machines
    run = main.room.launch_dataset(RAIN, location="weather")
    await_begun(more, RAIN)
    more.pull_the_plug(CODE)
    seen = eventually(lambda: ticks_that_saw_runs(main), "the other machine has looked")
    assert seen[0] == "1 runs under way, 0 of them lost"
    assert main.room.status(run) == "STARTED"
    more.start(CODE)
    assert main.room.status_at_end(run) == "FAILURE"
    site = Site(more.producers.parent, more.variables)
    [outcome] = eventually(lambda: site.outcomes(RAIN), "the outcome is recorded")
    assert (outcome.outcome, outcome.run_id) == ("failed", run)
