"""The control room in its parts, as on a server: a code server and a daemon, each on its own.

`dagster dev` ends all of its parts as soon as one of them dies; here a test kills one and goes on.
The instance is the project's own, on another storage where a test says so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._grpc.client import DagsterGrpcClient

from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.servers.control_room import eventually
from dataplatform_tests.servers.ending import with_parent
from dataplatform_tests.servers.ports import free_ports

LOCATION = "opendata"
STOP_SECONDS = 30.0
Process = subprocess.Popen[bytes]


@dataclass
class Parts:
    """Code server and daemon of one folder, sharing one instance."""

    folder: Path
    port: int
    environ: dict[str, str] = field(default_factory=dict)

    def instance(self) -> dg.DagsterInstance:
        """The instance that both share, opened in this process."""
        overrides = yaml.safe_load((self.folder / "dagster.yaml").read_text())
        with contextlib.chdir(self.folder):
            return dg.DagsterInstance.from_ref(
                InstanceRef.from_dir(str(self.folder), overrides=overrides)
            )

    @contextlib.contextmanager
    def code_server(self) -> Iterator[Process]:
        """A running code server that has loaded the definitions."""
        command = ["-m", "dagster", "api", "grpc", "-m", "dataplatform.definitions", "-a", "defs"]
        address = ["-h", "127.0.0.1", "-p", str(self.port), "--location-name", LOCATION]
        with self._running("code-server", sys.executable, *command, *address) as process:
            client = DagsterGrpcClient(port=self.port, host="127.0.0.1")
            eventually(lambda: _answers(process, client), "the code server answers")
            yield process

    @contextlib.contextmanager
    def daemon(self) -> Iterator[Process]:
        """A running daemon: schedules, sensors, the queue, the watch over runs."""
        program = Path(sys.executable).with_name("dagster-daemon")
        with self._running("daemon", str(program), "run", "-w", "workspace.yaml") as process:
            yield process

    @contextlib.contextmanager
    def web_server(self) -> Iterator[str]:
        """A running web server; yields its address."""
        [port] = free_ports(1)
        program, address = Path(sys.executable).with_name("dagster-webserver"), "127.0.0.1"
        options = ["-w", "workspace.yaml", "-h", address, "-p", str(port)]
        with self._running("web-server", str(program), *options) as process:
            url = f"http://{address}:{port}"
            eventually(lambda: _serves(process, url), "the web server answers")
            yield url

    def log(self, name: str) -> str:
        """What a part has said so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    @contextlib.contextmanager
    def _running(self, name: str, *command: str) -> Iterator[Process]:
        home = {"DAGSTER_HOME": str(self.folder), "DAGSTER_DISABLE_TELEMETRY": "1"}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **home, **self.environ},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=with_parent(signal.SIGINT),
            )
        try:
            yield process
        finally:
            _stop(process)


def parts_of(
    folder: Path,
    *,
    storage: dict[str, Any] | None = None,
    monitoring: dict[str, int] | None = None,
    **environ: str,
) -> Parts:
    """The parts for this folder, none of them started.

    `storage` replaces that of the project's instance, `monitoring` some of its patience.
    """
    settings = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    if storage is not None:
        settings["storage"] = storage
    settings["run_monitoring"] |= monitoring or {}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    [port] = free_ports(1)
    server = {"host": "127.0.0.1", "port": port, "location_name": LOCATION}
    workspace = {"load_from": [{"grpc_server": server}]}
    (folder / "workspace.yaml").write_text(yaml.safe_dump(workspace))
    return Parts(folder, port, environ)


def kill(process: Process) -> None:
    """End one part as a power cut or the kernel does: without a word, and nothing but it."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def _answers(process: Process, client: DagsterGrpcClient) -> bool:
    assert process.poll() is None, "the code server has ended"
    with contextlib.suppress(Exception):
        client.ping("are you there")
        return True
    return False


def _serves(process: Process, url: str) -> bool:
    assert process.poll() is None, "the web server has ended"
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/server_info") as answer:
        return bool(answer.status == 200)
    return False


def _stop(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # whatever it started and left behind
    process.wait()
