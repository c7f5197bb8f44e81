"""A run whose process is killed loses no tick: it is begun once more, and that one publishes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dataplatform.releases.health import read_recorded_health
from dataplatform_tests.defs.site import DATASET, Site
from dataplatform_tests.scale.parts import parts_of
from dataplatform_tests.scale.storm import Storm, a_moment_ago, cron_at
from dataplatform_tests.servers.control_room import eventually
from opendata.wire.ids import parse_dataset_id

pytestmark = pytest.mark.real

# The first time it waits for its end; the second time it answers.
KILLED_ONCE = """
import os, time
from pathlib import Path

def produce(context):
    begun = Path(__file__).with_name("begun")
    if not begun.exists():
        begun.touch()
        time.sleep(600)
    return pa.table({"code": ["a"], "value": [1.0]})
"""
FAILING = """
from pathlib import Path

def produce(context):
    with open(Path(__file__).with_name("begun"), "a") as file:
        file.write("x")
    raise ValueError("the source has changed")
"""


@pytest.mark.requirement("S1-86")
def test_a_run_whose_process_was_killed_is_begun_once_more_and_publishes(tmp_path: Path) -> None:
    site = Site(tmp_path, {"OPENDATA_STORAGE": str(tmp_path / ".opendata" / "store")})
    tick = a_moment_ago()
    begun = site.write_main(KILLED_ONCE, schedule=cron_at(tick)) / "begun"
    parts = parts_of(tmp_path, monitoring={"poll_interval_seconds": 5})
    with parts.instance() as instance, parts.code_server() as server, parts.daemon():
        storm = Storm([DATASET], tick, instance, parts)
        storm.make_due()
        eventually(begun.exists, "main.py has begun")
        for pid in children_of(server.pid):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: storm.ended() == 2, "the second run has ended")
        [statuses] = storm.runs().values()
        assert sorted(statuses) == ["FAILURE", "SUCCESS"]
    assert site.current_version() == "1.0.0"


@pytest.mark.requirement("S1-86")
def test_a_run_that_said_why_it_failed_is_not_begun_again(tmp_path: Path) -> None:
    site = Site(tmp_path, {"OPENDATA_STORAGE": str(tmp_path / ".opendata" / "store")})
    tick = a_moment_ago()
    begun = site.write_main(FAILING, schedule=cron_at(tick)) / "begun"
    parts = parts_of(tmp_path)
    with parts.instance() as instance, parts.code_server(), parts.daemon():
        storm = Storm([DATASET], tick, instance, parts)
        storm.make_due()
        eventually(storm.ended, "the run has ended")
        said = "Not retrying run since it failed due to an asset or op failure"
        [run] = instance.get_runs()
        eventually(
            lambda: any(said in entry.message for entry in instance.all_logs(run.run_id)),
            "the daemon has looked at it",
        )
    assert begun.read_text() == "x"
    [outcome] = read_recorded_health(site.platform.ports.store, parse_dataset_id(DATASET)).runs
    assert "the source has changed" in outcome.message


def children_of(pid: int) -> list[int]:
    """The processes that a process has started: here, the run's."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text().split()]
