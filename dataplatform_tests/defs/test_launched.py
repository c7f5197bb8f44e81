"""Runs that the daemon launches, each in a process of its own, as schedules and the UI start them.

Great Expectations beside Spark once ended such a process without a word, where every run inside a
test was green; and sensors, queue and automation only meet here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataplatform.adapters.processes.local import is_running
from dataplatform_tests.defs.site import DATASET, Site
from dataplatform_tests.servers.control_room import (
    ControlRoom,
    eventually,
    running_control_room,
)

pytestmark = pytest.mark.real

MEAN_IN_RANGE = {
    "expectation": "expect_column_mean_to_be_between",
    "column": "value",
    "min_value": 0,
    "max_value": 10,
}
DERIVED = "ns/derived"
WAITING = """
import os, time
from pathlib import Path

def produce(context):
    Path(__file__).with_name("pid").write_text(str(os.getpid()))
    time.sleep(600)
"""
SLOW = """
import time
from pathlib import Path

def produce(context):
    begun = time.time()
    time.sleep(3)
    Path(__file__).with_name("times").write_text(f"{begun} {time.time()}")
    return pa.table({"code": ["a"], "value": [1.0]})
"""
CLOCKS = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
    schedules { name scheduleState { status } }
    sensors { name sensorState { status } } } } } }"""
COPY = "def produce(context):\n    return context.inputs['ns/prices'].table()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def site(folder: Path) -> Site:
    """What `dagster dev` in that folder works on without any setting."""
    site = Site(folder, {"OPENDATA_STORAGE": str(folder / ".opendata" / "store")})
    site.write(quality=[MEAN_IN_RANGE])
    site.write('code=["a"], value=[99.0]', "ns/blocked", quality=[MEAN_IN_RANGE])
    site.write_main(COPY, DERIVED, inputs=[DATASET], frequency="adhoc")
    site.write(dataset="ns/by-hand")
    site.write_main(WAITING, "ns/waiting")
    for name in ("ns/slow-a", "ns/slow-b"):
        site.write_main(SLOW, name, source={"provider": "a slow source"})
    return site


@pytest.fixture(scope="module")
def room(site: Site) -> Iterator[ControlRoom]:
    with running_control_room(site.root) as room:
        yield room


@pytest.mark.requirement("M-4", "M-6", "M-8", "B44")
def test_a_launched_run_records_every_check_and_publishes(site: Site, room: ControlRoom) -> None:
    run = room.launch_dataset(DATASET)
    assert room.status_at_end(run) == "SUCCESS"
    recorded = room.checks(f"{DATASET}/candidate") | room.checks(f"{DATASET}/release")
    recorded |= room.checks(DATASET)
    assert {name: (c["status"], c["runId"]) for name, c in recorded.items()} == dict.fromkeys(
        ("contract", "quality", "warnings", "freeze", "published"), ("SUCCEEDED", run)
    )
    assert site.current_version() == "1.0.0"
    assert [outcome.run_id for outcome in site.outcomes()] == [run]


@pytest.mark.requirement("M-10", "B44", "B46")
def test_an_expectation_that_fails_in_a_launched_run_is_recorded_and_blocks(
    site: Site, room: ControlRoom
) -> None:
    run = room.launch_dataset("ns/blocked")
    assert room.status_at_end(run) == "FAILURE"
    quality = room.checks("ns/blocked/candidate")["quality"]
    assert (quality["status"], quality["runId"]) == ("FAILED", run)
    assert quality["evaluation"]["success"] is False
    assert quality["evaluation"]["description"] == "quality: 1 of 1 rules fail over 1 row"
    assert site.current("ns/blocked") is None


@pytest.mark.requirement("M-4")
def test_a_derived_data_set_follows_by_itself(site: Site, room: ControlRoom) -> None:
    eventually(lambda: site.current_version(DERIVED), f"{DERIVED} is published")
    [event] = eventually(lambda: room.materializations(DERIVED), f"{DERIVED} is shown")
    assert event["release"] == "1.0.0"


@pytest.mark.requirement("M-7")
def test_what_is_published_by_hand_appears_by_itself(site: Site, room: ControlRoom) -> None:
    site.released_elsewhere("ns/by-hand")
    [event] = eventually(lambda: room.materializations("ns/by-hand"), "ns/by-hand is shown")
    assert (event["run_id"], event["generation"]) == ("", 1)
    # The sensor tells of the check after the release: another moment may pass in between.
    published = eventually(lambda: room.checks("ns/by-hand").get("published"), "its check is too")
    assert published["status"] == "SUCCEEDED"


@pytest.mark.requirement("S1-86")
def test_a_run_that_is_canceled_ends_its_producer_and_is_recorded(
    site: Site, room: ControlRoom
) -> None:
    run = room.launch_dataset("ns/waiting")
    noted = site.root / "producers" / "ns/waiting" / "pid"
    pid = int(eventually(lambda: noted.read_text() if noted.exists() else "", "main.py runs"))
    room.cancel(run)
    assert room.status_at_end(run) == "CANCELED"
    eventually(lambda: not is_running(pid, datetime.now(UTC)), "main.py has ended")
    [outcome] = eventually(lambda: site.outcomes("ns/waiting"), "the outcome is recorded")
    assert (outcome.outcome, outcome.run_id) == ("failed", run)
    assert outcome.message == "the run was canceled"


def test_two_data_sets_of_one_provider_ask_it_one_after_the_other(
    site: Site, room: ControlRoom
) -> None:
    names = ("ns/slow-a", "ns/slow-b")
    runs = [room.launch_dataset(name) for name in names]
    assert [room.status_at_end(run) for run in runs] == ["SUCCESS", "SUCCESS"]
    noted = [(site.root / "producers" / name / "times").read_text().split() for name in names]
    first, second = sorted([float(begun), float(ended)] for begun, ended in noted)
    assert first[1] <= second[0]


@pytest.mark.requirement("M-4", "S1-13")
def test_a_folder_that_is_added_appears_on_reload_and_a_broken_one_at_its_place(
    site: Site, room: ControlRoom
) -> None:
    site.write(dataset="later/added")
    broken = site.write(dataset="later/broken")
    (broken / "opendata.yaml").write_text("id: later/broken\ntitel: Prices\n")
    assert "later/added" not in room.assets()
    room.reload()
    found = eventually(lambda: room.assets() if "later/added" in room.assets() else None, "both")
    assert {"later/added/candidate", "later/added/release", "later/broken", DATASET} <= set(found)
    assert found["later/broken"]["groupName"] == "later"
    at = "producers/later/broken/opendata.yaml:2:1: unknown key `titel`"
    assert at in found["later/broken"]["description"]


@pytest.mark.requirement("M-4", "S1-90")
def test_schedules_and_sensors_are_on_without_anybody_starting_them(room: ControlRoom) -> None:
    [repository] = room.ask(CLOCKS)["repositoriesOrError"]["nodes"]
    states = {s["name"]: s["scheduleState"]["status"] for s in repository["schedules"]}
    states |= {s["name"]: s["sensorState"]["status"] for s in repository["sensors"]}
    by_the_platform = {
        "repair_schedule", "harden_schedule", "retention_schedule", "collect_schedule",
        "derived_datasets", "published_elsewhere", "stale_runs", "missed_retries", "failed_runs",
        "canceled_runs", "spec_bundle_sensor",
    }  # fmt: skip
    assert by_the_platform | {"ns__prices__schedule", "ns__by_hand__schedule"} <= set(states)
    assert set(states.values()) == {"RUNNING"}
