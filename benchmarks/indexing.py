"""Indexing a channel: the first time, with one file more, unchanged, and of large files.

Programs are timed as wholes, from their start to their end: that is what somebody waits for who
commits a file. The files are in the page cache, and `dvc` has a fresh repository each time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.cases import SECONDS, Action, Case, Goal
from benchmarks.peers import make_peers

FILES = 20_000
FILE_BYTES = 50_000
UNCHANGED_FILES = 50_000
UNCHANGED_BYTES = 200
LARGE_FILES = 4
LARGE_BYTES = 1 << 30
FILES_PER_HOUR = 200
NEW_FILE = "2025/06/01/00/img_new_000001.jpg"


def _lake(folder: Path) -> Path:
    return folder / "lake"


def _write_lake(folder: Path, count: int, size: int) -> None:
    """Files in folders by the hour, no two with the same bytes."""
    lake = _lake(folder)
    if lake.exists():
        return
    noise = os.urandom(size)
    for at in range(count):
        hours, number = divmod(at, FILES_PER_HOUR)
        hour = lake / f"2025/{6 + hours // 672:02d}/{1 + hours // 24 % 28:02d}/{hours % 24:02d}"
        if number == 0:
            hour.mkdir(parents=True)
        (hour / f"img_{number:06d}.jpg").write_bytes(at.to_bytes(8, "big") + noise[8:])


def _prepare(folder: Path, scale: float) -> None:
    make_peers(folder.parent)
    _write_lake(folder, round(FILES * scale), FILE_BYTES)


def _prepare_unchanged(folder: Path, scale: float) -> None:
    _write_lake(folder, round(UNCHANGED_FILES * scale), UNCHANGED_BYTES)
    _index(folder, folder / "store")


def _prepare_large(folder: Path, scale: float) -> None:
    lake = _lake(folder)
    lake.mkdir(exist_ok=True)
    for at in range(LARGE_FILES):
        with open(lake / f"scan_{at}.bin", "wb") as file:
            file.truncate(round(LARGE_BYTES * scale))  # holes are hashed as fast as anything else


def _run(*command: str, cwd: Path | None = None, **environ: str) -> None:
    subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _index(folder: Path, store: Path) -> None:
    _run(
        sys.executable,
        "-m",
        "benchmarks._index_folder",
        str(_lake(folder)),
        OPENDATA_STORAGE=str(store),
    )


def _emptied(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    return path


def _ours(folder: Path) -> Action:
    store = _emptied(folder / "store")
    return lambda: _index(folder, store)


def _ours_one_more(folder: Path) -> Action:
    store = _emptied(folder / "store")
    _without_new_file(folder)
    _index(folder, store)
    (_lake(folder) / NEW_FILE).write_bytes(b"new")
    return lambda: _index(folder, store)


def _sha256sum(folder: Path) -> Action:
    _without_new_file(folder)
    command = f"find '{_lake(folder)}' -type f -print0 | xargs -0 sha256sum"
    return lambda: _run("sh", "-c", command)


def _dvc_repository(folder: Path) -> Callable[[], None]:
    """A fresh repository around the lake; returns what adds it."""
    dvc = str(folder.parent / "peers" / "bin" / "dvc")
    for path in (folder / ".dvc", folder / ".dvc-site", folder / "lake.dvc"):
        _emptied(path) if path.is_dir() else path.unlink(missing_ok=True)
    environ = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / ".dvc-site")}
    _run(dvc, "init", "--no-scm", "--force", cwd=folder, **environ)
    return lambda: _run(dvc, "add", "--quiet", "lake", cwd=folder, **environ)


def _dvc(folder: Path) -> Action:
    _without_new_file(folder)
    return _dvc_repository(folder)


def _dvc_one_more(folder: Path) -> Action:
    _without_new_file(folder)
    add = _dvc_repository(folder)
    add()
    (_lake(folder) / NEW_FILE).write_bytes(b"new")
    return add


def _without_new_file(folder: Path) -> None:
    (_lake(folder) / NEW_FILE).unlink(missing_ok=True)


def _unchanged(folder: Path) -> Action:
    from dataplatform.bundle_wiring import channel_ports
    from dataplatform.channels.build import index_channel
    from dataplatform.channels.spec import ChannelSpec
    from dataplatform.settings import read_settings
    from opendata.stores import open_store

    settings = read_settings({**os.environ, "OPENDATA_STORAGE": str(folder / "store")})
    ports = channel_ports(settings, open_store(settings.store_url, environ=settings.environ))
    spec = ChannelSpec.model_validate(
        {"channel": "images", "version": "1.0.0", "storage_path": str(_lake(folder))}
    )

    def act() -> Mapping[str, float]:
        done = index_channel(ports, spec)
        if done.changed or done.described:
            raise AssertionError("the channel has changed since it was prepared")
        return {"files": done.reused}

    return act


def _bare_scan(folder: Path) -> Action:
    def scan(path: str) -> int:
        count = 0
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    count += scan(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    count += 1
        return count

    return lambda: {"files": scan(str(_lake(folder)))}


def _openssl(folder: Path) -> Action:
    cores = len(os.sched_getaffinity(0))
    command = (
        f"find '{_lake(folder)}' -type f -print0 | xargs -0 -n1 -P{cores} openssl dgst -sha256"
    )
    return lambda: _run("sh", "-c", command)


CASES = (
    Case(
        name="index-files",
        title="Indexing 20,000 files of 50 KB in a folder for the first time, whole programs",
        prepare=_prepare,
        contenders={"opendata": _ours, "sha256sum": _sha256sum, "dvc add": _dvc},
        goals=(
            Goal("≥ 8 × faster than dvc add", SECONDS, "opendata", "dvc add", at_most=1 / 8),
            Goal("≥ 4 × faster than sha256sum", SECONDS, "opendata", "sha256sum", at_most=1 / 4),
        ),
        versions=("pyarrow",),
        notes="Ours writes the Parquet index, its state and its copies; dvc copies the files into "
        "its cache; sha256sum writes nothing. dvc is of requirements/peers.txt.",
    ),
    Case(
        name="index-one-more",
        title="The same folder again with one new file, whole programs",
        prepare=_prepare,
        contenders={"opendata": _ours_one_more, "dvc add": _dvc_one_more},
        goals=(
            Goal("≥ 10 × faster than dvc add", SECONDS, "opendata", "dvc add", at_most=1 / 10),
        ),
        versions=("pyarrow",),
    ),
    Case(
        name="index-unchanged",
        title="50,000 files of which none has changed, in process",
        prepare=_prepare_unchanged,
        contenders={"opendata": _unchanged, "bare scan with stat": _bare_scan},
        goals=(
            Goal("≤ 2 × a bare recursive scan", SECONDS, "opendata", "bare scan with stat", 2),
        ),
    ),
    Case(
        name="index-large",
        title="Indexing 4 files of 1 GiB, whole programs",
        prepare=_prepare_large,
        contenders={"opendata": _ours, "openssl on all cores": _openssl},
        goals=(
            Goal("≤ 1.25 × openssl, start and Parquet included", SECONDS, "opendata",
                 "openssl on all cores", at_most=1.25),
        ),
        notes="The files are holes: they are hashed like any other bytes and read from no disk.",
    ),
)  # fmt: skip
