"""What the compose file starts to try things out: its own commands, as processes here."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dataplatform_tests.house.tree import ROOT
from dataplatform_tests.servers.ports import free_ports
from dataplatform_tests.servers.seaweed import PORT_OPTIONS
from opendata.stores import open_store
from opendata.wire.errors import Denied

pytestmark = pytest.mark.real

COMPOSE = ROOT / "deploy" / "compose"
START_SECONDS = 180.0
KEYS = {"AWS_ACCESS_KEY_ID": "trial", "AWS_SECRET_ACCESS_KEY": "trial-secret"}
VARIABLES = {
    **KEYS,
    "AWS_CONFIG_FILE": str(ROOT / "deploy" / "aws.config"),
    "AWS_DEFAULT_REGION": "us-east-1",
    "OPENDATA_STORAGE": "s3://opendata/releases",
    "DAGSTER_LOGS_BUCKET": "opendata-logs",
}


@pytest.fixture
def seaweedfs(tmp_path: Path) -> Iterator[str]:
    """The SeaweedFS of the profile `trial`, on loopback and with ports of its own."""
    service = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]["seaweedfs"]
    ports = dict(zip(PORT_OPTIONS, free_ports(len(PORT_OPTIONS)), strict=True))
    words = [word for word in service["command"] if not word.startswith("-s3.port=")]
    words = [w.replace("/data", str(tmp_path)).replace("0.0.0.0", "127.0.0.1") for w in words]
    words += [f"-{name}={port}" for name, port in ports.items()]
    assert set(service["environment"]) == set(KEYS)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("weed"), *words],
            env=os.environ | KEYS,
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    try:
        await_health(process, f"{endpoint}/healthz")
        yield endpoint
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def await_health(process: subprocess.Popen[bytes], address: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


def test_the_trial_server_has_both_buckets_and_lets_in_only_its_key(seaweedfs: str) -> None:
    environ = VARIABLES | {"OPENDATA_S3_ENDPOINT": seaweedfs}
    for _ in range(2):  # a second start finds them there
        script = [sys.executable, str(COMPOSE / "make_buckets.py")]
        made = subprocess.run(script, env=os.environ | environ, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    store = open_store("s3://opendata/releases", environ=environ)
    store.put("hello", b"world")
    assert store.get("hello").data == b"world"
    stranger = environ | {"AWS_SECRET_ACCESS_KEY": "a guess"}
    with pytest.raises(Denied):
        open_store("s3://opendata-logs", environ=stranger).get("anything")
