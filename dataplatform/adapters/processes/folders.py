"""Folders that go with the process that made them, even if it was killed.

Here belongs the life of such folders: a lock tells the living from the dead, and whoever makes one
clears away what dead ones left.
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

_LOCK = ".alive"
_SWEEP = ".sweep"


@contextmanager
def living_folder(root: Path, prefix: str) -> Iterator[Path]:
    """A new private folder under `root`, removed with everything in it at the end.

    All folders of this prefix that nobody holds any more are removed first.
    """
    root.mkdir(parents=True, exist_ok=True)
    with _sweeping(root):
        _remove_dead(root, prefix)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
        alive = open(folder / _LOCK, "w")  # noqa: SIM115 - it stays open for as long as the folder
        fcntl.flock(alive, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        with alive, _sweeping(root):  # half removed, it looks dead to whoever sweeps
            remove_tree(folder)


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


@contextmanager
def _sweeping(root: Path) -> Iterator[None]:
    """One at a time makes folders or removes them."""
    with open(root / _SWEEP, "w") as sweep:
        fcntl.flock(sweep, fcntl.LOCK_EX)
        yield


def _remove_dead(root: Path, prefix: str) -> None:
    for folder in root.glob(f"{prefix}*"):
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
