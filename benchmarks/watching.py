"""Watching: is a bundle of 150,000 files complete, and are 5,000 files what their index says.

The peers do the least that looks at the same files: a bare recursive scan with a stat of each, and
`sha256sum` over them, as many at once as there are cores.
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.cases import PEAK_BYTES, SECONDS, Action, Case, Goal

FILES = 150_000
HASHED_FILES = 5_000
HASHED_BYTES = 50_000
HOURS = 360
FIRST = datetime(2025, 6, 1, tzinfo=UTC)
NOW = FIRST + timedelta(days=30)


def _prepare_many(folder: Path, scale: float) -> None:
    _deliver(folder, int(FILES * scale), 12)


def _prepare_large(folder: Path, scale: float) -> None:
    _deliver(folder, int(HASHED_FILES * scale), HASHED_BYTES)


def _deliver(folder: Path, count: int, size: int) -> None:
    """Files of so many bytes over fifteen days of hours, and the bundle that locks them."""
    if (folder / "ready").exists():
        return
    per_hour = max(1, count // HOURS)
    for hour in range(HOURS):
        place = folder / "lake" / f"{FIRST + timedelta(hours=hour):%Y/%m/%d/%H}"
        place.mkdir(parents=True, exist_ok=True)
        for number in range(per_hour):
            seed = b"%08d%04d" % (hour, number)
            (place / f"img_{number:05}.jpg").write_bytes((seed * (size // len(seed) + 1))[:size])
    (folder / "per_hour").write_text(str(per_hour))
    _lock(folder, per_hour)
    (folder / "ready").touch()


def _lock(folder: Path, per_hour: int) -> None:
    from dataplatform.channels.build import index_channel
    from dataplatform_tests.reading.file_index.lake import locked, put_bundle
    from opendata.wire.bundle import DataRange

    (folder / "store").mkdir(exist_ok=True)
    ports = _ports(folder)
    index = index_channel(ports.channels, _spec(folder, per_hour)).index
    end = FIRST + timedelta(hours=HOURS) - timedelta(seconds=1)
    held = DataRange(start_time=FIRST.isoformat(), end_time=end.isoformat())
    put_bundle(ports.store, [locked(index, data_range=held)], name="model")


def _ports(folder: Path) -> Any:
    from dataplatform.bundle_wiring import bundle_ports
    from dataplatform.settings import read_settings

    return bundle_ports(read_settings({"OPENDATA_STORAGE": str(folder / "store")}, folder))


def _spec(folder: Path, per_hour: int) -> Any:
    from dataplatform.channels.spec import ChannelSpec

    return ChannelSpec.model_validate(
        {
            "channel": "images",
            "version": "1.2.0",
            "storage_path": f"{folder / 'lake'}/",
            "expected": {"every": "1h", "count": per_hour},
        }
    )


def _measure(folder: Path) -> Action:
    from dataplatform.bundles.watch.completeness import measure_completeness
    from opendata.reading.file_index.bundles import find_bundle

    ports = _ports(folder)
    lock = find_bundle(ports.store, "model").lock
    spec = _spec(folder, int((folder / "per_hour").read_text()))

    def action() -> None:
        found = measure_completeness(ports, lock, now=NOW, specs=lambda channel, version: spec)
        assert found.ratio == 1.0, found

    return action


def _scan(folder: Path) -> Action:
    def walk(path: str) -> int:
        found = 0
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    found += walk(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    found += 1
        return found

    def action() -> None:
        assert walk(str(folder / "lake"))

    return action


def _verify(folder: Path) -> Action:
    from dataplatform.bundles.watch.verify import verify_bundle
    from opendata.reading.file_index.bundles import find_bundle

    ports = _ports(folder)
    lock = find_bundle(ports.store, "model").lock

    def action() -> None:
        assert verify_bundle(ports, lock, now=NOW).passed

    return action


def _sha256sum(folder: Path) -> Action:
    files = sorted(str(path) for path in (folder / "lake").rglob("*.jpg"))
    cores = os.cpu_count() or 1
    shares = [files[at::cores] for at in range(cores)]

    def run(paths: list[str]) -> None:
        subprocess.run(["sha256sum", *paths], stdout=subprocess.DEVNULL, check=True)

    def action() -> None:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(run, shares))

    return action


CASES = (
    Case(
        name="completeness",
        title="Completeness by hour: 150,000 files in a folder against index and cadence",
        prepare=_prepare_many,
        contenders={"completeness": _measure, "scan with stat": _scan},
        goals=(
            Goal("completeness, seconds", SECONDS, "completeness", "scan with stat", at_most=3),
            Goal("completeness, peak memory, bytes", PEAK_BYTES, "completeness", at_most=400e6),
        ),
        versions=("pyarrow", "numpy"),
        notes="The index is read and verified, the folder is listed, and both are counted by hour.",
    ),
    Case(
        name="scrub",
        title="Verify a bundle: 5,000 files of 50 KB hashed again",
        prepare=_prepare_large,
        contenders={"od bundle verify": _verify, "sha256sum, all cores": _sha256sum},
        goals=(
            Goal(
                "scrub, seconds", SECONDS, "od bundle verify", "sha256sum, all cores", at_most=1.25
            ),
            Goal("scrub, peak memory, bytes", PEAK_BYTES, "od bundle verify", at_most=300e6),
        ),
        notes="The files lie in the system's cache. sha256sum compares with nothing.",
    ),
)
