"""Code server, webserver and daemon as three services, started by the commands of their units.

They share one PostgreSQL database and one bucket of logs, as on several machines. Each is a process
group of its own, as it is a control group under systemd, and is stopped as its unit says: the
signal goes to the server alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dataplatform_tests.deploy.units import UNITS, Installation, Unit, settings_of
from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.servers.control_room import ControlRoom, eventually
from dataplatform_tests.servers.ending import with_parent
from dataplatform_tests.servers.ports import free_ports
from dataplatform_tests.servers.postgres import PostgresServer
from dataplatform_tests.servers.seaweed import SeaweedServer

STOP_SECONDS = 600.0
CODE, WEBSERVER, DAEMON = "opendata-code", "opendata-webserver", "opendata-daemon"


@dataclass
class Services:
    """The three services of one installation."""

    installation: Installation
    variables: dict[str, str]
    """What the environment files say."""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def producers(self) -> Path:
        """Where the installation has its producers."""
        return self.installation.root / "opt" / "producers"

    @property
    def home(self) -> Path:
        """The folder of `dagster.yaml`."""
        return self.installation.root / "opt" / "deploy"

    @property
    def room(self) -> ControlRoom:
        """What the webserver answers."""
        address = f"http://127.0.0.1:{self.variables['OPENDATA_WEB_PORT']}"
        return ControlRoom(self.installation.root, address, self.running[WEBSERVER])

    def environment(self, name: str) -> dict[str, str]:
        """What one service finds in its environment."""
        unit = Unit(name, self.installation)
        kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "HOME") if key in os.environ}
        return kept | unit.environment(**self.variables)

    def start(self, *names: str) -> None:
        """Start services and wait until each of them answers."""
        for name in names:
            unit, environment = Unit(name, self.installation), self.environment(name)
            with (self.installation.root / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    unit.command(environment),
                    cwd=unit.working_folder(),
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=with_parent(signal.SIGTERM),
                )
            eventually(lambda name=name: self._answers(name), f"{name} answers; see {log.name}")

    def revive(self) -> None:
        """Start what has ended by itself, as `Restart=always` does."""
        self.start(*(name for name, one in self.running.items() if one.poll() is not None))

    def is_healthy(self, name: str) -> bool:
        """What the service's own health check says."""
        host, port = (self.variables[f"OPENDATA_CODE_{part}"] for part in ("BIND", "PORT"))
        checks = {
            CODE: ["dagster", "api", "grpc-health-check", "--host", host, "--port", port],
            DAEMON: ["dagster-daemon", "liveness-check"],
        }
        if name == WEBSERVER:
            return self._page_answers()
        program, *words = checks[name]
        command = [str(self.installation.programs / program), *words]
        environment = self.environment(name)
        asked = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True)
        return asked.returncode == 0

    def ask_to_stop(self, name: str) -> subprocess.Popen[bytes]:
        """What `systemctl stop` does first: a signal to the server, not to what it started."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process

    def stop(self, *names: str) -> None:
        """Stop services and wait for their end."""
        for name in names:
            process = self.ask_to_stop(name)
            assert process.wait(STOP_SECONDS) == 0, (name, process.returncode)

    def pull_the_plug(self, name: str) -> None:
        """End a service and all that it started at once, as the end of its machine would."""
        _kill_all(self.running.pop(name))

    def _answers(self, name: str) -> bool:
        process = self.running[name]
        assert process.poll() is None, self.log(name)
        return self.is_healthy(name)

    def _page_answers(self) -> bool:
        import urllib.request

        address = f"http://127.0.0.1:{self.variables['OPENDATA_WEB_PORT']}/server_info"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)
        return False

    def log(self, name: str) -> str:
        """The end of what a service printed."""
        path = self.installation.root / f"{name}.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""


@contextlib.contextmanager
def installed_services(
    folder: Path, postgres: PostgresServer, seaweed: SeaweedServer, name: str
) -> Iterator[Services]:
    """An installation in a folder, with a database and buckets of its own; nothing runs yet."""
    for part in ("opt/deploy", "opt/producers", "state", "cache"):
        (folder / part).mkdir(parents=True)
    for file in ("aws.config", "dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / "deploy" / file, folder / "opt" / "deploy")
    postgres.create_database(name)
    code_port, web_port = free_ports(2)
    examples = [UNITS / "opendata.env.example", UNITS / "code.env.example"]
    said = {key: value for path in examples for key, value in settings_of(path)}
    variables = said | {
        "DAGSTER_POSTGRES_HOST": postgres.host,
        "DAGSTER_POSTGRES_PORT": str(postgres.port),
        "DAGSTER_POSTGRES_DB": name,
        "DAGSTER_POSTGRES_USER": postgres.user,
        "DAGSTER_POSTGRES_PASSWORD": postgres.password,
        "DAGSTER_LOGS_BUCKET": seaweed.create_bucket(f"{name}-logs").removeprefix("s3://"),
        "OPENDATA_STORAGE": f"{seaweed.create_bucket(f'{name}-store')}/releases",
        "OPENDATA_CODE_PORT": str(code_port),
        "OPENDATA_WEB_PORT": str(web_port),
        **seaweed.environ(),
    }
    services = Services(Installation(Path(sys.executable).parent, folder), variables)
    try:
        yield services
    finally:
        for process in services.running.values():
            process.send_signal(signal.SIGTERM)
        time.sleep(1)
        for process in services.running.values():
            _kill_all(process)


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
