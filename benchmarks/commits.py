"""From a commit to the run that it asks for: told by a webhook, and found by the sensor.

All of it is real: a bare remote, the API's process, Dagster's web server, code server and daemon.
What is timed begins when `git push` has returned and ends when the run is in Dagster's storage.
There is no peer to stand beside; the goals are the requirement's own figures.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.cases import Action, Case, Goal

INTERVAL_SECONDS: Final = 30
LOOP_SECONDS: Final = 5
"""Dagster's daemon looks for due sensors so often."""
BY_WEBHOOK: Final = 20
BY_SENSOR: Final = 4
START_SECONDS: Final = 300.0
SECRET: Final = "of a benchmark, and of nobody else"
MEDIAN: Final = "median_requested_seconds"
SLOWEST: Final = "slowest_requested_seconds"
CHANNEL_SPEC: Final = "channel: images\nversion: 1.0.0\nstorage_path: {place}\n"
BUNDLE_SPEC: Final = (
    "meta: {{bundle_name: model_{n}, bundle_version: v1.0.0, bundle_type: weekly}}\n"
    'channels: [{{channel: images, version: "*"}}]\n'
)
Look = Callable[[], object]


def prepare(folder: Path, scale: float) -> None:
    """What the control room reads; each contender has a site of its own beside it."""
    del scale  # a push is a push
    root = Path(__file__).resolve().parents[1]
    for name in ("dagster.yaml", "workspace.yaml"):
        (folder / name).write_text((root / name).read_text())


def by_webhook(folder: Path) -> Action:
    """Tell the API of each push, one after the other."""

    def action() -> dict[str, float]:
        site = _Site(folder, "webhook")
        with contextlib.ExitStack() as running:
            port, api_port = _free_port(), _free_port()
            site.environ["OPENDATA_DAGSTER"] = f"http://127.0.0.1:{port}"
            running.enter_context(site.running("dagster-webserver", "-p", str(port)))
            _await(lambda: _get(f"http://127.0.0.1:{port}/server_info"))
            od = ["-c", "from opendata.cli import main; main()", "serve", "--port", str(api_port)]
            running.enter_context(site.running(sys.executable, *od))
            _await(lambda: _get(f"http://127.0.0.1:{api_port}/healthz"))
            site.tell(api_port, 0)  # the first one opens connections and makes the mirror
            return _figures([site.tell(api_port, n) for n in range(1, BY_WEBHOOK + 1)])

    return action


def by_sensor(folder: Path) -> Action:
    """Wait for the sensor to find each push, which comes at another moment of its interval."""

    def action() -> dict[str, float]:
        site = _Site(folder, "sensor")
        with site.running("dagster-daemon", "run"):
            site.push(0)
            site.await_run(0)
            taken = []
            for number in range(1, BY_SENSOR + 1):
                time.sleep(INTERVAL_SECONDS * number / (BY_SENSOR + 1))
                began = site.push(number)
                site.await_run(number)
                taken.append(time.perf_counter() - began)
            return _figures(taken)

    return action


class _Site:
    """A folder with a spec repository, a lake, and processes that work on them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        shutil.rmtree(self.folder, ignore_errors=True)
        lake = self.folder / "lake/2025/06/01/12"
        lake.mkdir(parents=True)
        (lake / "img_001.jpg").write_bytes(b"an image")
        for each in ("dagster.yaml", "workspace.yaml"):
            shutil.copy(folder / each, self.folder)
        self.clone, remote = self.folder / "clone", self.folder / "specs.git"
        self._git("init", "-q", "--bare", "-b", "main", str(remote), folder=self.folder)
        self._git("init", "-q", "-b", "main", str(self.clone), folder=self.folder)
        self._git("config", "user.name", "A Steward")
        self._git("config", "user.email", "steward@example.org")
        self._git("remote", "add", "origin", str(remote))
        self._write("channels/images/spec-1.0.0.yaml", CHANNEL_SPEC.format(place=lake.parents[3]))
        self.environ = {
            "DAGSTER_HOME": str(self.folder),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "OPENDATA_STORAGE": str(self.folder / ".opendata/store"),
            "OPENDATA_SPEC_REPO": str(remote),
            "OPENDATA_SPEC_SECONDS": str(INTERVAL_SECONDS),
            "OPENDATA_HOOK_SECRET": "env:BENCHMARK_SECRET",
            "BENCHMARK_SECRET": SECRET,
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        }
        (self.folder / ".opendata/store").mkdir(parents=True)
        self._instance: Any = None

    @contextlib.contextmanager
    def running(self, program: str, *words: str) -> Iterator[None]:
        """A process and all that it starts, until the block ends."""
        if not os.path.isabs(program):
            program = str(Path(sys.executable).with_name(program))
        with (self.folder / f"{Path(program).name}.log").open("ab") as log:
            process = subprocess.Popen(
                [program, *words],
                cwd=self.folder,
                env={**os.environ, **self.environ},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def push(self, number: int) -> float:
        """Push a bundle of its own; the moment at which that was done."""
        self._write(_path(number), BUNDLE_SPEC.format(n=number))
        self._git("push", "-q", "origin", "HEAD:main")
        return time.perf_counter()

    def tell(self, port: int, number: int) -> float:
        """Push and tell the API; the seconds until the run was there."""
        began = self.push(number)
        told = {"bundle_file": _path(number), "spec_repo_commit": self.head}
        body = json.dumps(told).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/hooks/bundle",
            body,
            {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            [answer] = json.loads(response.read())["files"]
        taken = time.perf_counter() - began
        if answer["outcome"] != "launched" or not self.runs(number):
            raise RuntimeError(f"the run was not requested: {answer}")
        return taken

    def await_run(self, number: int) -> None:
        """Wait until a push has its run."""
        _await(lambda: self.runs(number), pause=0.05)

    def runs(self, number: int) -> int:
        """How many runs a push has in the instance's storage."""
        import dagster as dg
        from dagster._core.instance.ref import InstanceRef

        if not (self.folder / ".opendata/dagster/history/runs.db").exists():
            return 0
        if self._instance is None:
            with contextlib.chdir(self.folder):
                overrides = yaml.safe_load((self.folder / "dagster.yaml").read_text())
                reference = InstanceRef.from_dir(str(self.folder), overrides=overrides)
                self._instance = dg.DagsterInstance.from_ref(reference)
        wanted = dg.RunsFilter(tags={"opendata/path": _path(number)})
        return int(self._instance.get_runs_count(wanted))

    @property
    def head(self) -> str:
        """The newest commit of the clone."""
        return self._git("rev-parse", "HEAD").strip()

    def _write(self, path: str, text: str) -> None:
        place = self.clone / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        self._git("add", "-A")
        self._git("commit", "-q", "-m", path)

    def _git(self, *words: str, folder: Path | None = None) -> str:
        return subprocess.run(
            ["git", *words], cwd=folder or self.clone, check=True, capture_output=True, text=True
        ).stdout


def _path(number: int) -> str:
    return f"bundles/weekly/model_{number}-v1.0.0.yaml"


def _figures(taken: list[float]) -> dict[str, float]:
    return {MEDIAN: statistics.median(taken), SLOWEST: max(taken)}


def _await(look: Look, pause: float = 0.2) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if look():
                return
        time.sleep(pause)
    raise TimeoutError(f"waited {START_SECONDS:.0f} s in vain")


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.status == 200


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


CASES = (
    Case(
        name="commits",
        title="From a push to the run that it asks for",
        prepare=prepare,
        contenders={"webhook": by_webhook, "sensor": by_sensor},
        goals=(
            Goal("by webhook, slowest, s", SLOWEST, "webhook", at_most=1.0),
            Goal(
                "by the sensor, slowest, s",
                SLOWEST,
                "sensor",
                at_most=INTERVAL_SECONDS + LOOP_SECONDS,
            ),
        ),
        versions=("dagster", "dagster-webserver"),
        notes=f"{BY_WEBHOOK} pushes told one after the other; {BY_SENSOR} found by a sensor that "
        f"looks every {INTERVAL_SECONDS} s, at moments spread over its interval.",
    ),
)
