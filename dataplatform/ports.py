"""The few ports that features share: what several of them need from the outside world.

Ports that one feature needs alone stand in that feature (`releases.ports`, `channels.ports`,
`bundles.ports`). Values that cross a port stand here beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Clock = Callable[[], datetime]
"""The time, aware and in UTC."""

ChangeKind = Literal["added", "modified", "deleted", "renamed"]


@dataclass(frozen=True, order=True)
class PathChange:
    """A path that differs between two commits; a renamed one stands under its new name.

    `commit` is the last commit up to the later one that touched the path: the same for everyone who
    looks, however many pushes lie between (requirement B5). None for a deleted path.
    """

    path: str
    kind: ChangeKind
    commit: str | None = None
    old_path: str | None = None


class SpecRepo(Protocol):
    """The spec repository (DataSpecHub), read at exact commits. Nothing is ever checked out.

    All calls raise Unavailable where the remote cannot be reached, NotFound for a commit, branch or
    path that does not exist, Denied where the remote refuses.
    """

    @property
    def url(self) -> str:
        """Where the repository is, without credentials."""
        ...

    @property
    def name(self) -> str:
        """What a document calls it: the last part of its address, such as `DataSpecHub`."""
        ...

    def head(self) -> str:
        """The newest commit of its branch, asked of the remote now."""
        ...

    def known_head(self) -> str | None:
        """The newest commit as of the last time that the remote was asked; asks nobody."""
        ...

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether one commit leads to the other; False for a commit that is gone."""
        ...

    def changes(self, since: str | None, until: str, prefix: str) -> Sequence[PathChange]:
        """What differs below `prefix` between two commits, in the order of paths; all there is if
        `since` is None. Merges count as what they brought."""
        ...

    def touched(self, path: str, until: str) -> str | None:
        """The last commit up to `until` that touched a path; None if none ever did."""
        ...

    def read(self, path: str, commit: str) -> bytes:
        """A file's bytes at a commit."""
        ...

    def paths(self, prefix: str, commit: str) -> Sequence[str]:
        """The files below a prefix at a commit, in order."""
        ...

    def committed_at(self, commit: str) -> datetime:
        """When a commit was made, by its committer's clock."""
        ...

    def version(self, commit: str) -> str | None:
        """The repository's own version at a commit: its `VERSION` file, else the nearest tag."""
        ...


class IndexRepo(Protocol):
    """The index repository (DataIndexHub): small YAML files, pushed to branches.

    Raises as `SpecRepo` does; Conflict where a push lost against others again and again.
    """

    @property
    def url(self) -> str:
        """Where the repository is, without credentials."""
        ...

    def publish(
        self, files: Mapping[str, bytes], *, branches: Sequence[str], message: str
    ) -> Mapping[str, str]:
        """Commit files to each branch and push it; returns the commit that each branch has.

        A branch that does not exist begins at the main branch. A branch that has these bytes
        already gets no commit. A push that lost the race is made again on the new head; what others
        committed stays.
        """
        ...

    def read(self, path: str, branch: str | None = None) -> bytes | None:
        """A file's bytes on a branch (None: the main one), or None where there is none."""
        ...

    def version(self) -> str | None:
        """The repository's own version: its `VERSION` file, else the nearest tag."""
        ...
