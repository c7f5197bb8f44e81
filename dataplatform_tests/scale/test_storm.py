"""A storm of due schedules: none is lost and none comes twice, whatever becomes of the daemon.

Nothing here is in process: a code server and a daemon are started as on a server, on SQLite and on
PostgreSQL, and the daemon is killed in the middle of scheduling and in the middle of the work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dataplatform_tests.defs.site import Site
from dataplatform_tests.scale.parts import Parts, kill, parts_of
from dataplatform_tests.scale.storm import Storm, a_moment_ago, cron_at
from dataplatform_tests.servers.control_room import eventually
from dataplatform_tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.real

LONG = 200
SHORT = LONG // 10
PROVIDERS = 5
SLOTS = 4  # `max_concurrent_runs` in dagster.yaml
SHORT_WAITS = {"start_timeout_seconds": 120, "poll_interval_seconds": 5}
NOTED = """
import time
from pathlib import Path

def produce(context):
    begun = time.time()
    time.sleep(0.1)
    with open(Path(__file__).with_name("times"), "a") as file:
        file.write(f"{begun} {time.time()}\\n")
    return pa.table({"code": ["a"], "value": [1.0]})
"""
TOGETHER = """
import time
from pathlib import Path

def produce(context):
    here = Path(__file__).parent
    (here / "begun").touch()
    until = time.monotonic() + 3600
    while not (here.parent / OTHER / "begun").exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{OTHER} has not begun")
        time.sleep(0.1)
    return pa.table({"code": ["a"], "value": [1.0]})
"""


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any] | None:
    """What `dagster.yaml` says of its storage; nothing else than at the root for SQLite."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.dagster_storage(f"storm_{uuid4().hex}")


def write_storm(site: Site, count: int, cron: str) -> list[str]:
    """`count` producers of a few providers, all due at once; the last two wait for each other."""
    datasets = [f"ns/part-{number}" for number in range(count - 2)]
    for number, dataset in enumerate(datasets):
        provider = {"provider": f"provider {number % PROVIDERS}"}
        site.write_main(NOTED, dataset, schedule=cron, source=provider)
    for name, other in (("one", "other"), ("other", "one")):
        main = TOGETHER.replace("OTHER", repr(other))
        site.write_main(main, f"ns/{name}", schedule=cron, source={"provider": f"of {name}"})
    return [*datasets, "ns/one", "ns/other"]


def drain(parts: Parts, storm: Storm) -> str:
    """Run the daemon until all is done; it is killed twice on the way.

    Where a kill strikes is chance. One place is seldom hit and loses a launch, so it is hit here.

    Returns:
        The schedule whose launch was lost.
    """
    due = len(storm.datasets)
    with parts.code_server():
        with parts.daemon() as daemon:
            progress(storm.asked, due // 3)
            # More than may be launched before the kill.
            eventually(lambda: storm.queued() > SLOTS, f"more than {SLOTS} runs wait")
            kill(daemon)
        unlucky = storm.lose_a_launch()
        with parts.daemon() as daemon:
            progress(storm.published, due // 2)
            kill(daemon)
        with parts.daemon():
            progress(storm.published, due)
    return unlucky


def progress(count: Callable[[], int], enough: int) -> None:
    """Wait for a count, as long as it still grows."""
    known = count()
    while known < enough:
        known = eventually(partial(above, count, known), f"more than {known} of {enough}")


def above(count: Callable[[], int], known: int) -> int | None:
    found = count()
    return found if found > known else None


@pytest.mark.requirement("M-4", "S1-86", "S1-90")
@pytest.mark.parametrize("due", [SHORT, pytest.param(LONG, marks=pytest.mark.long)])
def test_every_due_schedule_is_one_run_that_publishes_although_the_daemon_is_killed(
    tmp_path: Path, storage: dict[str, Any] | None, due: int
) -> None:
    site = Site(tmp_path, {"OPENDATA_STORAGE": str(tmp_path / ".opendata" / "store")})
    tick = a_moment_ago()
    datasets = write_storm(site, due, cron_at(tick))
    parts = parts_of(tmp_path, storage=storage, monitoring=SHORT_WAITS)
    with parts.instance() as instance:
        storm = Storm(datasets, tick, instance, parts)
        storm.make_due()
        unlucky = drain(parts, storm)
        ticks, runs = storm.ticks(), storm.runs()
        assert storm.failed_at_work() == []
    assert ticks == {name: ["SUCCESS"] for name in storm.schedules}
    assert runs.keys() == set(storm.schedules)
    assert all(statuses.count("SUCCESS") == 1 for statuses in runs.values())
    assert runs[unlucky] == ["SUCCESS", "FAILURE"]
    assert {site.current_version(dataset) for dataset in datasets} == {"1.0.0"}
    assert_one_at_a_time(tmp_path / "producers")


def assert_one_at_a_time(producers: Path) -> None:
    """Every producer was started once, and never two of one provider at the same time."""
    times = defaultdict(list)
    for noted in sorted(producers.glob("ns/part-*/times")):
        [line] = noted.read_text().splitlines()
        begun, ended = (float(word) for word in line.split())
        times[int(noted.parent.name.removeprefix("part-")) % PROVIDERS].append((begun, ended))
    assert len(times) == PROVIDERS
    for spans in times.values():
        for (_, ended), (begun, _) in pairwise(sorted(spans)):
            assert ended <= begun
