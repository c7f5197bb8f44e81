"""A very small file system of one's own, to run out of space on or to write-protect."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def in_a_small_disk(script: str, tmp_path: Path) -> str:
    """Run a script with a one-megabyte file system of its own at `./disk`; returns its output."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=1m none {disk} && exec {sys.executable} -c '{script}'"
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"this machine allows no mount of one's own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout
