"""`od serve` as a process: what a client on the same machine meets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dataplatform_tests.servers.ending import with_parent

STOP_SECONDS = 60.0


@dataclass(frozen=True)
class RunningService:
    """Where it answers, and what it wrote to standard error."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def stop(self) -> int:
        """What `systemctl stop` does first; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def running_service(
    folder: Path, environ: Mapping[str, str], *words: str
) -> Iterator[RunningService]:
    """Serve on a free port of loopback from a folder, until the block ends."""
    log = folder / "serve.log"
    command = [sys.executable, "-c", "from opendata.cli import main; main()", "serve"]
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [*command, "--json", "--port", "0", *words],
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=with_parent(signal.SIGKILL),
        )
    try:
        yield RunningService(_address(process, log), process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """What the service says once it listens: one JSON document."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("}"):
            return str(json.loads(said)["address"])
    raise RuntimeError(f"od serve did not start:\n{log.read_text(encoding='utf-8')}")
