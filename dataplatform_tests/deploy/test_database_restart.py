"""The database goes away for a moment in the middle of a run, as in an upgrade of its server."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dataplatform_tests.defs.site import DATASET, Site
from dataplatform_tests.servers.control_room import eventually
from dataplatform_tests.servers.postgres import running_postgres
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.servers.services import CODE, DAEMON, WEBSERVER, installed_services

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


def asked_again(ask: Callable[[], str]) -> str:
    """An answer of the control room, whose first ones after a cut may be errors."""

    def answer() -> str | None:
        try:
            return ask()
        except OSError:
            return None

    return eventually(answer, "the control room answers")


def test_a_run_survives_a_restart_of_the_database(tmp_path: Path, seaweed: SeaweedServer) -> None:
    with (
        running_postgres() as postgres,
        installed_services(tmp_path, postgres, seaweed, "a-cut") as services,
    ):
        producer = Site(services.producers.parent).write_main(WAITING)
        services.start(CODE, WEBSERVER, DAEMON)
        room, assets = services.room, [f"{DATASET}/candidate", f"{DATASET}/release", DATASET]
        run = room.launch(*assets)
        eventually((producer / "begun").exists, "the producer has begun")
        postgres.stop()
        time.sleep(AWAY_SECONDS)
        postgres.start_again()
        (producer / "go").touch()
        services.revive()
        assert asked_again(lambda: room.status_at_end(run)) == "SUCCESS"
        site = Site(services.producers.parent, services.variables)
        assert site.current_version() == "1.0.0"
        again = asked_again(lambda: room.launch(*assets))
        assert asked_again(lambda: room.status_at_end(again)) == "SUCCESS"
