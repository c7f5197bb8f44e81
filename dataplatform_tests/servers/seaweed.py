"""A real S3 server (SeaweedFS) for tests: started on loopback, stopped by its process id.

It checks signatures and honours conditional writes, which lighter doubles do not. Three
identities exist: one that may do everything, one that may only read, and one without any right.
Buckets are never created by a typo: `create_bucket` is the only way to get one.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataplatform_tests.servers.ending import with_parent
from dataplatform_tests.servers.ports import free_ports

START_SECONDS = 180.0
START_ATTEMPTS = 3
STOP_SECONDS = 10.0
PORT_OPTIONS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
QUIET_OPTIONS = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.autoCreateBucket=false",
    "-webdav=false",
    "-admin.ui=false",
    "-master.telemetry=false",
)


@dataclass(frozen=True)
class SeaweedServer:
    """Where the server listens and who may do what there."""

    endpoint: str
    pid: int
    access_key: str = "tests-admin"
    secret_key: str = "tests-admin-secret"
    ro_access_key: str = "tests-reader"
    ro_secret_key: str = "tests-reader-secret"
    nobody_access_key: str = "tests-nobody"
    nobody_secret_key: str = "tests-nobody-secret"

    def environ(self, *, access_key: str = "", secret_key: str = "") -> dict[str, str]:
        """The settings a person would export to use this server (as the admin by default)."""
        return {
            "OPENDATA_S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": access_key or self.access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key or self.secret_key,
        }

    def create_bucket(self, name: str) -> str:
        """Make a bucket and return its `s3://` address."""
        import boto3

        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=name)
        return f"s3://{name}"


@contextlib.contextmanager
def running_seaweed(folder: Path) -> Iterator[SeaweedServer]:
    """Start a server that keeps its data under `folder`, and stop it on leaving."""
    folder.mkdir(parents=True, exist_ok=True)
    identities = folder / "identities.json"
    identities.write_text(json.dumps(_identities()))
    process, port = _start_with_retries(folder, identities)
    try:
        yield SeaweedServer(endpoint=f"http://127.0.0.1:{port}", pid=process.pid)
    finally:
        _stop(process)


def _identities() -> dict[str, object]:
    server = SeaweedServer(endpoint="", pid=0)

    def identity(access_key: str, secret_key: str, actions: list[str]) -> dict[str, object]:
        credentials = [{"accessKey": access_key, "secretKey": secret_key}]
        return {"name": access_key, "credentials": credentials, "actions": actions}

    everything = ["Admin", "Read", "Write", "List", "Tagging"]
    elsewhere = ["Read:another-bucket"]
    return {
        "identities": [
            identity(server.access_key, server.secret_key, everything),
            identity(server.ro_access_key, server.ro_secret_key, ["Read", "List"]),
            identity(server.nobody_access_key, server.nobody_secret_key, elsewhere),
        ]
    }


def _start_with_retries(folder: Path, identities: Path) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(START_ATTEMPTS):  # a port may be taken between choosing and using it
        ports = free_ports(len(PORT_OPTIONS))
        process = _start(folder, identities, ports)
        if _becomes_ready(process, f"http://127.0.0.1:{ports[0]}/healthz"):
            return process, ports[0]
        _stop(process)
    log = (folder / "log.txt").read_text(errors="replace")
    raise RuntimeError(f"SeaweedFS did not start; the end of its log:\n{log[-2000:]}")


def _start(folder: Path, identities: Path, ports: list[int]) -> subprocess.Popen[bytes]:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    port_options = [f"-{name}={port}" for name, port in zip(PORT_OPTIONS, ports, strict=True)]
    command = [_weed(), "mini", f"-dir={data}", f"-s3.config={identities}", *port_options]
    with open(folder / "log.txt", "wb") as log:
        return subprocess.Popen(
            [*command, *QUIET_OPTIONS],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=with_parent(signal.SIGKILL),
        )


def _weed() -> str:
    beside_python = Path(sys.executable).with_name("weed")
    found = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if not found:
        raise RuntimeError("the S3 tests need SeaweedFS: it comes with `make setup`")
    return found


def _becomes_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + START_SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), direct.open(url, timeout=5) as answer:
            if answer.status == 200:
                return True
        time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
