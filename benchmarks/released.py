"""The large table as a release in a folder, for the cases that read or republish one.

Here belongs publishing for benchmarks, through the same door that users take; what is measured
belongs in the modules of cases.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.tables import FULL_ROWS, write_plain

REFERENCE = "bench/readings"
_PUSH = f"""
import sys, opendata as od
od.push(
    sys.argv[1], {REFERENCE!r}, title="Readings", description="Synthetic readings of sensors.",
    license="CC0-1.0", repo="https://example.org/bench", topics=["benchmarks"],
    source={{"provider": "synthetic", "homepage": "https://example.org"}},
    time="ts", release={{"shard": "month", "stable_copy": "never"}},
)
"""


def plain_file(folder: Path) -> Path:
    """The table as one Parquet file, as a peer would keep it."""
    return folder / "plain.parquet"


def store_of(folder: Path) -> Path:
    """The folder store that holds the release."""
    return folder / "store"


def publish(folder: Path, scale: float) -> None:
    """The plain file and the release of its rows in 36 monthly shards; kept if they are there."""
    write_plain(plain_file(folder), round(FULL_ROWS * scale))
    store = store_of(folder)
    if (store / "datasets" / REFERENCE / "latest.json").exists():
        return
    store.mkdir(exist_ok=True)
    environ = {
        **os.environ,
        "OPENDATA_STORAGE": str(store),
        "OPENDATA_CACHE": str(folder / "cache"),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-c", _PUSH, str(plain_file(folder))]
    subprocess.run(command, env=environ, cwd=folder, check=True)
