"""Runs on installed services that stand in their producer until a test lets them go."""

from __future__ import annotations

import os
from pathlib import Path

from dataplatform_tests.defs.site import Site
from dataplatform_tests.servers.control_room import eventually
from dataplatform_tests.servers.services import Services

WAITING = """
import time
from pathlib import Path

def produce(context):
    here = Path(__file__)
    here.with_name("begun").touch()
    while not here.with_name("go").exists():
        time.sleep(0.1)
    return pa.table({"code": ["a"], "value": [float(here.with_name("go").read_text())]})
"""


def write_waiting(services: Services, *datasets: str) -> None:
    """Producers that say that they have begun, and deliver one row once they are let go."""
    for dataset in datasets:
        Site(services.producers.parent).write_main(WAITING, dataset)


def begin(services: Services, dataset: str) -> str:
    """Launch a run and wait until its producer has begun; returns the run's id."""
    run = services.room.launch_dataset(dataset)
    await_begun(services, dataset)
    return run


def await_begun(services: Services, dataset: str) -> None:
    eventually((services.producers / dataset / "begun").exists, f"{dataset} has begun")


def let_go(services: Services, dataset: str, value: float) -> None:
    """Let a producer go on; its row says `value`."""
    path: Path = services.producers / dataset / "go"
    unfinished = path.with_name("going")
    unfinished.write_text(str(value))
    os.replace(unfinished, path)
