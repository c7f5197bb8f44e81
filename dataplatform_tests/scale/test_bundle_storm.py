"""A storm of pushes, told over and over while the daemon dies: one run each, and none missing.

Nothing is in process: code server, web server and daemon are started as on a server, runs are
launched into processes of their own, and the repository is a bare remote of real git.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest
import yaml

from dataplatform.adapters.dagster_web.graphql import DagsterWeb
from dataplatform.bundles.ingress import accept
from dataplatform.bundles.requests import BundleRequest
from dataplatform_tests.bundles.asking import SeenRun, check_run_requests
from dataplatform_tests.defs.bundle_site import CHANNEL, BundleSite
from dataplatform_tests.scale.parts import Parts, kill, parts_of
from dataplatform_tests.servers.control_room import eventually

pytestmark = pytest.mark.real

LONG = 60
SHORT = 6
DELIVERIES = 200
RUN_KEY = "dagster/run_key"
WAITS = {"start_timeout_seconds": 60, "poll_interval_seconds": 5}
CHECKS = {"storage", "completeness", "sync_delay", "signature"}


@dataclass
class Storm:
    """Pushes of bundles, and what has become of each."""

    site: BundleSite
    parts: Parts
    instance: dg.DagsterInstance
    events: list[tuple[str, str]] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def push(self, numbers: Sequence[int], comment: str) -> str:
        """Add or change bundles in one push."""
        paths = [f"bundles/weekly/model_{number}-v1.0.0.yaml" for number in numbers]
        specs = {path: yaml.safe_dump(self.site.bundle_spec(path=path)) for path in paths}
        commit = self.site.specs.push({path: f"# {comment}\n{specs[path]}" for path in paths})
        self.events += [(commit, path) for path in paths]
        return commit

    def deliver(self, url: str, commit: str, path: str) -> str:
        """One message, as the API takes it."""
        payload = {"bundle_file": path, "spec_repo_commit": commit}
        [told] = accept(self.site.site.platform.bundles, DagsterWeb(url), payload).files
        return told.outcome

    def wanted(self) -> set[str]:
        """The keys of the runs that there have to be."""
        repo = self.site.site.platform.bundles.open_spec_repo()
        head = repo.head()
        return {
            BundleRequest(str(change.path), str(change.commit)).run_key
            for change in repo.changes(None, head, "bundles")
        }

    def possible(self) -> set[str]:
        """The keys that some push has asked for."""
        return {BundleRequest(path, commit).run_key for commit, path in self.events}

    def begun(self) -> Counter[str]:
        """How often each key was begun, lost launches that were begun once more apart."""
        runs = self.instance.get_runs()
        first = [run for run in runs if run.parent_run_id is None]
        return Counter(run.tags[RUN_KEY] for run in first if RUN_KEY in run.tags)

    def succeeded(self) -> set[str]:
        """The keys of runs that ended well."""
        good = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
        return {run.tags[RUN_KEY] for run in good if RUN_KEY in run.tags}


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Storm]:
    site = BundleSite(tmp_path, environ={"OPENDATA_STORAGE": str(tmp_path / ".opendata" / "store")})
    site.fill()
    site.specs.push({f"channels/{CHANNEL}/spec-1.2.0.yaml": site.channel_spec()})
    environ = {"OPENDATA_SPEC_REPO": str(site.specs.remote), "OPENDATA_SPEC_SECONDS": "5"}
    parts = parts_of(tmp_path, monitoring=WAITS, **environ)
    with parts.instance() as instance:
        yield Storm(site, parts, instance)


@pytest.mark.requirement("M-5", "M-9", "S0-1", "B5")
@pytest.mark.parametrize("bundles", [SHORT, pytest.param(LONG, marks=pytest.mark.long)])
def test_every_push_is_one_run_whatever_repeats_and_dies(storm: Storm, bundles: int) -> None:
    with ExitStack() as parts:
        parts.enter_context(storm.parts.code_server())
        url = parts.enter_context(storm.parts.web_server())
        _check_the_hook(storm, url)
        outcomes = _rage(storm, url, bundles)
    assert outcomes <= {"launched", "known", "left_to_sensor"}
    begun = storm.begun()
    assert set(begun.values()) == {1}
    assert storm.wanted() <= begun.keys() <= storm.possible()
    assert storm.site.lock("model_0").total_files == 3
    _check_what_a_launched_run_recorded(storm)


def _check_the_hook(storm: Storm, url: str) -> None:
    """The real control room keeps what `RunRequests` promises, with no daemon there at all."""
    commit = storm.push([0], "the first")
    path = storm.events[0][1]
    assert storm.deliver(url, commit, path) == "launched"
    assert storm.deliver(url, commit, path) == "known"
    assert storm.instance.get_runs_count() == 1
    beside = BundleRequest("bundles/weekly/beside-v1.0.0.yaml", commit)  # there is no such file
    check_run_requests(
        DagsterWeb(url),
        beside,
        CHANNEL,
        lambda: [_seen(run) for run in storm.instance.get_runs()],
        lambda: storm.instance.get_dynamic_partitions("bundles"),
    )
    [made] = storm.instance.get_runs(dg.RunsFilter(tags={RUN_KEY: beside.run_key}))
    storm.instance.delete_run(made.run_id)


def _seen(run: dg.DagsterRun) -> SeenRun:
    keys = {key.path[1] for key in run.asset_selection or () if key.path[0] == "channel_index"}
    queued = run.status is dg.DagsterRunStatus.QUEUED
    return SeenRun(run.run_id, run.tags[RUN_KEY], frozenset(keys), under_way=queued)


def _rage(storm: Storm, url: str, bundles: int) -> set[str]:
    """Deliver each message many times, in any order, while the daemon is killed twice."""
    with ThreadPoolExecutor(4) as pool:
        with storm.parts.daemon() as daemon:
            storm.push(range(1, bundles // 2), "the second")
            told = _send(storm, url, pool, DELIVERIES // 2)
            eventually(lambda: sum(storm.begun().values()) > bundles // 4, "runs are begun")
            kill(daemon)
        with storm.parts.daemon() as daemon:
            storm.push(range(bundles // 2, bundles), "the third")
            # These are the sensor's alone to find.
            eventually(lambda: len(storm.begun()) > bundles // 2, "more runs are begun")
            kill(daemon)
        storm.push([bundles - 1, bundles], "the fourth")
        told += _send(storm, url, pool, DELIVERIES // 2)
        with storm.parts.daemon():
            wanted = storm.wanted()
            eventually(lambda: wanted <= storm.succeeded(), "all have ended")
        return {each.result() for each in told}


def _check_what_a_launched_run_recorded(storm: Storm) -> None:
    commit, path = storm.events[0]
    key = BundleRequest(path, commit).run_key
    [run] = storm.instance.get_runs(dg.RunsFilter(tags={RUN_KEY: key}))
    records = storm.instance.all_logs(
        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    )
    found = [each.get_dagster_event().asset_check_evaluation_data for each in records]
    assert {(one.check_name, one.passed, one.partition) for one in found} == {
        (name, True, "weekly/model_0-v1.0.0") for name in CHECKS
    }
    shown = storm.instance.get_latest_materialization_event(dg.AssetKey("bundle_index"))
    assert shown is not None


def _send(storm: Storm, url: str, pool: ThreadPoolExecutor, count: int) -> list[Future[str]]:
    """Messages about pushes so far, each several times, in any order."""
    drawn = [storm.dice.choice(storm.events) for _ in range(count)]
    return [pool.submit(storm.deliver, url, commit, path) for commit, path in drawn]
