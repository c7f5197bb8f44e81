"""The real control room for tests: `dagster dev` in a folder of its own, asked through GraphQL.

Its daemon launches runs in processes of their own, which is where some things happen that no run
inside a test can show. It is stopped as a terminal would: by an interrupt.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.servers.ending import with_parent
from dataplatform_tests.servers.ports import free_ports

START_SECONDS = 600.0
RUN_SECONDS = 600.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.5
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
BACKFILL_ENDED = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}
Answer = TypeVar("Answer")

LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
BACKFILL_STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status runs(limit: 100) { runId status
      assetSelection { path } tags { key value } } }
  }
}
"""
TERMINATE = """
mutation ($id: String!) { terminateRun(runId: $id) { __typename } }
"""
RELOAD = """
mutation { reloadRepositoryLocation(repositoryLocationName: "opendata") { __typename } }
"""
ASSETS = "{ assetNodes { assetKey { path } groupName description } }"
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
TAGS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { tags { key value } } } }"
CHECKS = """
query ($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      assetChecksOrError {
        ... on AssetChecks {
          checks { name executionForLatestMaterialization {
            status runId evaluation { success description metadataEntries { label } } } }
        }
      }
    }
  }
}
"""
MATERIALIZED = """
query ($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) {
    ... on Asset { assetMaterializations(limit: 10) { runId metadataEntries {
      label ... on TextMetadataEntry { text } ... on IntMetadataEntry { intValue } } } }
  }
}
"""


@dataclass(frozen=True)
class ControlRoom:
    """A running `dagster dev`."""

    folder: Path
    address: str
    process: subprocess.Popen[bytes]

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of one GraphQL query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.address}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            answer = json.loads(response.read())
        assert not answer.get("errors"), answer["errors"]
        return answer["data"]

    def pull_the_plug(self) -> None:
        """End everything at once, as a power cut does."""
        _kill_all(self.process)

    def launch(self, *assets: str, job: str = "datasets", location: str = "opendata") -> str:
        """Queue a run of these assets and their checks; returns its id."""
        selector = {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
            "jobName": job,
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
        }
        answer = self.ask(LAUNCH, params={"selector": selector, "runConfigData": {}})["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def launch_dataset(self, dataset: str, *, location: str = "opendata") -> str:
        """Queue a run of a data set's candidate, release and publication; returns its id."""
        assets = (f"{dataset}/candidate", f"{dataset}/release", dataset)
        return self.launch(*assets, location=location)

    def backfill(self, *assets: str, partitions: Sequence[str]) -> str:
        """Ask for these partitions, as the UI does; returns the id of the back-fill."""
        params = {
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
            "partitionNames": list(partitions),
        }
        answer = self.ask(BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def backfill_at_end(self, backfill: str) -> dict[str, Any]:
        """A back-fill's status and runs, once it has ended."""

        def ended() -> dict[str, Any] | None:
            found = self.ask(BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]
            return dict(found) if found["status"] in BACKFILL_ENDED else None

        return eventually(ended, f"back-fill {backfill} has ended")

    def reload(self) -> None:
        """Load the definitions anew, as the button in the UI does."""
        answer = self.ask(RELOAD)["reloadRepositoryLocation"]
        assert answer["__typename"] == "WorkspaceLocationEntry", answer

    def assets(self) -> dict[str, dict[str, str]]:
        """Group and description of every asset in the graph."""
        return {"/".join(node["assetKey"]["path"]): node for node in self.ask(ASSETS)["assetNodes"]}

    def cancel(self, run_id: str) -> None:
        """Stop a run as the button in the UI does."""
        answer = self.ask(TERMINATE, id=run_id)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def status_at_end(self, run_id: str) -> str:
        """How a run ended, once it has."""

        def ended() -> str | None:
            status = self.status(run_id)
            return status if status in ENDED else None

        return eventually(ended, f"run {run_id} has ended")

    def status(self, run_id: str) -> str:
        """How a run stands now."""
        return str(self.ask(STATUS, id=run_id)["runOrError"]["status"])

    def tags(self, run_id: str) -> dict[str, str]:
        """What a run is marked with."""
        found = self.ask(TAGS, id=run_id)["runOrError"]["tags"]
        return {tag["key"]: tag["value"] for tag in found}

    def checks(self, asset: str) -> dict[str, dict[str, Any]]:
        """The checks of an asset that looked at its latest materialization."""
        node = self.ask(CHECKS, key={"path": asset.split("/")})["assetNodeOrError"]
        found = node["assetChecksOrError"]["checks"]
        latest = {check["name"]: check["executionForLatestMaterialization"] for check in found}
        return {name: execution for name, execution in latest.items() if execution}

    def materializations(self, asset: str) -> list[dict[str, Any]]:
        """The last materializations of an asset, newest first, with their plain metadata."""
        answer = self.ask(MATERIALIZED, key={"path": asset.split("/")})["assetOrError"]
        return [
            {"run_id": event["runId"]}
            | {e["label"]: e.get("text", e.get("intValue")) for e in event["metadataEntries"]}
            for event in answer.get("assetMaterializations", [])
        ]


def eventually(look: Callable[[], Answer | None], what: str) -> Answer:
    """What `look` finds, as soon as it finds something."""
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"waited {RUN_SECONDS:.0f} s and still not: {what}")


@contextlib.contextmanager
def running_control_room(folder: Path, **environment: str) -> Iterator[ControlRoom]:
    """Start `dagster dev` on the project's own workspace and instance, in another folder."""
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, folder)
    [port] = free_ports(1)
    log_path = folder / "dagster-dev.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)],
            cwd=folder,
            env={**os.environ, "DAGSTER_DISABLE_TELEMETRY": "1", **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=with_parent(signal.SIGINT),
        )
        room = ControlRoom(folder, f"http://127.0.0.1:{port}", process)
        try:
            _await_start(room, log_path)
            yield room
        finally:
            _stop(process)


def _await_start(room: ControlRoom, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if room.process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            room.ask("{ version }")
            return
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"dagster dev did not start:\n{log.read_text()[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    _kill_all(process)


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """Whatever is left of its process group: services, code servers and runs."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
