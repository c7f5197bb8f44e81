"""A spec repository as it stands in a folder: a working tree, with what nobody committed yet.

Here belongs reading files where `git` reads commits, so that a spec can be tried before it is
committed. There is one state, called `WORKING_TREE`, and no history.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dataplatform.ports import PathChange
from opendata.wire.errors import Denied, NotFound

WORKING_TREE: Final = "working-tree"
VERSION_FILE: Final = "VERSION"
_STATUS: Final = ("-c", "core.fsmonitor=false", "status", "--porcelain", "--untracked-files=all")
_STATUS_SECONDS: Final = 60


def is_committed(root: Path, paths: Sequence[str]) -> bool:
    """Whether these files and folders of a working tree are as its newest commit has them.

    False where there is no repository, no commit, or no git.
    """
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    present = [path for path in paths if (root / path).exists()]
    asked = (
        ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"],
        ["git", "-C", str(root), *_STATUS, "--", *present],
    )
    try:
        head, status = (
            subprocess.run(
                one, env=environ, capture_output=True, timeout=_STATUS_SECONDS, check=False
            )
            for one in asked
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return head.returncode == status.returncode == 0 and not status.stdout


class FolderSpecRepo:
    """A folder with `bundles/` and `channels/` in it, as a `SpecRepo` without commits."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    @property
    def url(self) -> str:
        """The folder."""
        return str(self._root)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self._root.name

    def head(self) -> str:
        """The one state there is."""
        return WORKING_TREE

    def known_head(self) -> str | None:
        """The same."""
        return WORKING_TREE

    def is_ancestor(self, older: str, newer: str) -> bool:
        """A state leads to itself."""
        return older == newer == WORKING_TREE

    def changes(self, since: str | None, until: str, prefix: str) -> Sequence[PathChange]:
        """All there is, as new; nothing since the state itself."""
        if since == WORKING_TREE:
            return []
        return [PathChange(path, "added") for path in self.paths(prefix, until)]

    def touched(self, path: str, until: str) -> str | None:
        """No commit did."""
        return None

    def read(self, path: str, commit: str) -> bytes:
        """A file as it is now. What leads out of the folder is no file of it."""
        target = self._root / path
        try:
            if not target.resolve().is_relative_to(self._root):
                raise _no_file(self, path)
            return target.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError) as error:
            raise _no_file(self, path) from error
        except OSError as error:
            raise Denied(
                f"{target} cannot be read: {error.strerror}", code="unreadable_file"
            ) from error

    def paths(self, prefix: str, commit: str) -> Sequence[str]:
        """The files below a prefix, in order; hidden ones and links are left out."""
        bare = prefix.rstrip("/")
        start = self._root / bare
        if start.is_file():
            return [bare]
        found = []
        for folder, folders, files in os.walk(start):
            folders[:] = [name for name in folders if not name.startswith(".")]
            here = Path(folder)
            found += [
                (here / name).relative_to(self._root).as_posix()
                for name in files
                if not name.startswith(".") and not (here / name).is_symlink()
            ]
        return sorted(found)

    def committed_at(self, commit: str) -> datetime:
        """When a file below the folder was last changed."""
        changed = [(self._root / path).stat().st_mtime for path in self.paths("", commit)]
        return datetime.fromtimestamp(max(changed, default=0), UTC)

    def version(self, commit: str) -> str | None:
        """What the `VERSION` file says."""
        try:
            words = self.read(VERSION_FILE, commit).decode(errors="replace").split()
        except NotFound:
            return None
        return words[0] if words else None


def _no_file(repo: FolderSpecRepo, path: str) -> NotFound:
    return NotFound(f"{repo.url} has no file {path}", code="no_file")
