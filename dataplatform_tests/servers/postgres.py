"""A real PostgreSQL server for tests: started on loopback, stopped by its process id.

It asks for a password, as a server beside others does. PostgreSQL refuses to run as root, so root
starts it as the user `postgres`, in a folder that this user can reach. A test takes a database of
its own with `create_database`; nothing is shared but the server.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataplatform_tests.servers.ending import with_parent
from dataplatform_tests.servers.ports import free_ports

USER = "postgres"
PASSWORD = "tests-postgres-secret"
START_SECONDS = 180.0
START_ATTEMPTS = 3
STOP_SECONDS = 30.0
FOLDERS_OF_PROGRAMS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/bin")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    # A test's data need not survive a power cut, only the end of a process.
    "fsync": "off",
    "full_page_writes": "off",
}


@dataclass
class PostgresServer:
    """Where the server listens, and whom it lets in."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    host: str = "127.0.0.1"
    user: str = USER
    password: str = PASSWORD

    @property
    def pid(self) -> int:
        """The number of the process that all its others belong to."""
        return self.process.pid

    def url(self, database: str) -> str:
        """The address of one of its databases, with the password."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Make an empty database and return its address."""
        import psycopg2
        from psycopg2 import sql

        with contextlib.closing(psycopg2.connect(self.url("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def dagster_storage(self, database: str) -> dict[str, Any]:
        """What `dagster.yaml` says of a storage in a new database of that name."""
        driver = self.create_database(database).replace("postgresql:", "postgresql+psycopg2:")
        return {"postgres": {"postgres_url": driver}}

    def stop(self) -> None:
        """End it; whoever is connected is cut off."""
        _stop(self.process)

    def start_again(self) -> None:
        """Start it on the same port, with what it had."""
        programs = _programs()
        self.process = _start(programs, self.folder, self.port)
        assert _becomes_ready(programs, self.process, self.port)


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a server with a new cluster in a temporary folder; stop it and remove it on leaving."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        _give_to_server(folder)
        _make_cluster(programs, folder)
        process, port = _start_with_retries(programs, folder)
        server = PostgresServer(folder, port, process)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """The folder of the newest PostgreSQL here."""
    found = [path for pattern in FOLDERS_OF_PROGRAMS for path in Path("/").glob(pattern[1:])]
    on_path = shutil.which("initdb")
    found += [Path(on_path).resolve().parent] if on_path else []
    servers = [path for path in found if (path / "initdb").exists()]
    if not servers:
        raise RuntimeError("these tests need PostgreSQL; on Debian: apt-get install postgresql")
    return max(servers, key=_version)


def _version(programs: Path) -> int:
    told = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return int(told.stdout.split()[2].split(".")[0])


def _as_server() -> dict[str, Any]:
    """How a program is started by the one who runs the server: root steps down for it."""
    if os.geteuid() != 0:
        return {}
    return {"user": USER, "group": USER, "extra_groups": []}


def _give_to_server(folder: Path) -> None:
    if os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwnam(USER)
    except KeyError as error:
        raise RuntimeError(f"root needs a user {USER} to start PostgreSQL as") from error
    os.chown(folder, entry.pw_uid, entry.pw_gid)


def _make_cluster(programs: Path, folder: Path) -> None:
    password = folder / "password"
    password.write_text(PASSWORD)
    command = [programs / "initdb", "-D", folder / "data", "-U", USER, "-E", "UTF8", "--no-sync"]
    options = ["--locale=C", "--auth=scram-sha-256", f"--pwfile={password}"]
    made = subprocess.run(
        [*command, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        **_as_server(),
    )
    password.unlink()
    if made.returncode:
        raise RuntimeError(f"initdb made no cluster in {folder}:\n{made.stdout}{made.stderr}")


def _start_with_retries(programs: Path, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(START_ATTEMPTS):  # a port may be taken between choosing and using it
        [port] = free_ports(1)
        process = _start(programs, folder, port)
        if _becomes_ready(programs, process, port):
            return process, port
        _stop(process)
    log = (folder / "log.txt").read_text(errors="replace")
    raise RuntimeError(f"PostgreSQL did not start; the end of its log:\n{log[-2000:]}")


def _start(programs: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = SETTINGS | {"port": str(port), "unix_socket_directories": str(folder)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with open(folder / "log.txt", "ab") as log:
        return subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **_as_server(),
            # Asked for after the change of user, which would undo it. The signal is the server's
            # own for an immediate end, so that no process and no shared memory is left behind.
            preexec_fn=with_parent(signal.SIGQUIT),
        )


def _becomes_ready(programs: Path, process: subprocess.Popen[bytes], port: int) -> bool:
    question = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", USER]
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if subprocess.run(question).returncode == 0:
            return True
        time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: it waits for no client
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait()
