"""A folder per run, gone when the run is, even if the platform itself was killed.

Here belongs the life of such folders: a lock tells the living from the dead, and every run clears
away what dead ones left.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "run-"
_LOCK = ".alive"


@contextmanager
def run_folder(root: Path) -> Iterator[Path]:
    """A new private folder under `root`, removed with everything in it at the end."""
    root.mkdir(parents=True, exist_ok=True)
    with open(root / ".sweep", "w") as sweep:
        fcntl.flock(sweep, fcntl.LOCK_EX)
        _remove_dead(root)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        alive = open(folder / _LOCK, "w")  # noqa: SIM115 - it stays open for as long as the run
        fcntl.flock(alive, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        remove_tree(folder)
        alive.close()


def remove_tree(folder: Path) -> None:
    """Remove a folder, and what a producer has write-protected inside it."""
    try:
        shutil.rmtree(folder)
    except PermissionError:
        for parent, folders, _ in os.walk(folder):
            for path in (os.path.join(parent, name) for name in folders):
                if not os.path.islink(path):
                    os.chmod(path, stat.S_IRWXU)
        shutil.rmtree(folder)


def _remove_dead(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        if _is_dead(folder):
            remove_tree(folder)


def _is_dead(folder: Path) -> bool:
    try:
        with open(folder / _LOCK) as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True  # killed between the folder and its lock; the sweep's own lock makes it certain
    return True
