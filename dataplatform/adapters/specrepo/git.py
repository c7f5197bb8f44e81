"""The spec repository in git, read from a bare mirror.

Here belongs what the port asks, in terms of git's history. Which commit counts as the one that
touched a path is decided along the branch's own line (first parents): what a merge brought counts
as the merge's, so the file at that commit is always the file at the head, and every change of the
branch has a commit that no earlier state of it had.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from dataplatform.adapters.git.address import read_address
from dataplatform.adapters.git.differences import RawEntry, read_raw, read_tree
from dataplatform.adapters.git.mirror import Mirror, is_commit
from dataplatform.adapters.git.program import Failure, Git
from dataplatform.bundles.requests import printable
from dataplatform.ports import ChangeKind, PathChange
from opendata.wire.errors import NotFound

VERSION_FILE: Final = "VERSION"
_HEAD: Final = "refs/opendata/head"
_RAW: Final = ("-z", "--raw", "--no-abbrev")


class GitSpecRepo:
    """A branch of a git repository; its main one unless the address ends with `#branch`.

    Args:
        url: A path (working clone or bare), `file://`, `https://`, `ssh://` or `user@host:path`.
        mirrors_folder: Where mirrors are kept, one for each address.

    Raises:
        InvalidInput: for an address that is none.
    """

    def __init__(self, url: str, mirrors_folder: str) -> None:
        self._address = read_address(url)
        digest = sha256(self._address.url.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._mirror = Mirror(self._address, os.path.join(mirrors_folder, f"{digest}.git"))
        branch = self._address.branch
        self._source = f"refs/heads/{branch}" if branch else "HEAD"
        # Escaped, since `a` and `a/b` cannot both be refs of one mirror.
        self._ref = f"refs/opendata/branches/{quote(branch, safe='')}" if branch else _HEAD

    @property
    def url(self) -> str:
        """Where the repository is, without credentials."""
        branch = self._address.branch
        return f"{self._address.shown}#{branch}" if branch else self._address.shown

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self._address.name

    def head(self) -> str:
        """The newest commit of its branch, asked of the remote now; tags come with it."""
        with self._mirror.locked() as git:
            before = self._mirror.resolve(self._ref)
            self._fetch(git)
            head = self._mirror.resolve(self._ref)
            assert head is not None  # a fetch that went well has made it
            if before not in (None, head) and not self._mirror.is_ancestor(str(before), head):
                # Nothing is ever collected here, and this says so to whoever runs `git gc`.
                git.run("update-ref", f"refs/opendata/dropped/{before}", str(before))
        return head

    def _fetch(self, git: Git) -> None:
        try:
            self._mirror.fetch_locked(
                git, f"+{self._source}:{self._ref}", "+refs/tags/*:refs/tags/*"
            )
        except NotFound as error:
            if "remote ref" not in error.message:
                raise
            what = self._address.branch or "commit"
            raise NotFound(
                f"{self.url} has no {what} yet",
                code="no_commit",
                hint=f"git push {self._address.shown} {self._address.branch or 'main'}",
            ) from error

    def known_head(self) -> str | None:
        """The newest commit as of the last look."""
        return self._mirror.resolve(self._ref)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether one commit leads to the other; False for a commit that is gone."""
        if not (self._mirror.has(older) and is_commit(newer)):
            return False
        return self._mirror.is_ancestor(older, self._mirror.require(newer))

    def changes(self, since: str | None, until: str, prefix: str) -> Sequence[PathChange]:
        """What differs below `prefix`, and what was touched between and is as before.

        A handful of processes, however many commits and files: how the two trees differ, and one
        walk for what was touched between and by which commit.
        """
        self._mirror.require(until)
        if since is None:
            all_of_it: dict[str, ChangeKind] = dict.fromkeys(self.paths(prefix, until), "added")
            return _told(all_of_it, {}, self._walk(all_of_it, until, prefix))
        self._mirror.require(since)
        kinds, old_paths = self._differences(since, until, prefix)
        if self._is_straight(since, until):
            commits = self._walk(None, f"{since}..{until}", prefix)
            touched = set(commits)
        else:
            commits, touched = {}, self._touched_between(since, until, prefix)
        between = touched - kinds.keys() - set(old_paths.values())
        present = set(self.paths(prefix, until)) if between else set()
        kinds |= {path: "modified" if path in present else "deleted" for path in between}
        there = {path for path, kind in kinds.items() if kind != "deleted"}
        commits = commits or self._walk(there, until, prefix)
        return _told(kinds, old_paths, {path: commits[path] for path in there})

    def touched(self, path: str, until: str) -> str | None:
        """The last commit up to `until`, along first parents, that changed a path's bytes."""
        return self._walk({path}, self._mirror.require(until), path).get(path)

    def read(self, path: str, commit: str) -> bytes:
        """A file's bytes at a commit."""
        data = self._mirror.blob(self._mirror.require(commit), path)
        if data is None:
            raise NotFound(
                f"{self.name} has no file {printable(path)} at commit {commit[:12]}",
                code="no_file",
                hint=f"git ls-tree -r --name-only {commit[:12]}",
            )
        return data

    def paths(self, prefix: str, commit: str) -> Sequence[str]:
        """The plain files at or below a path at a commit, in order."""
        self._mirror.require(commit)
        tokens = self._mirror.tokens("ls-tree", "-r", "-z", commit, *_below(prefix))
        with closing(tokens):
            return sorted(path for path, _ in read_tree(tokens))

    def committed_at(self, commit: str) -> datetime:
        """When a commit was made, by its committer's clock."""
        self._mirror.require(commit)
        told = self._mirror.run("show", "--no-patch", "--format=%ct", commit)
        return datetime.fromtimestamp(int(told), UTC)

    def version(self, commit: str) -> str | None:
        """The content of `VERSION` at a commit, else the nearest tag that leads to it."""
        if VERSION_FILE in self.paths(VERSION_FILE, commit):
            lines = self.read(VERSION_FILE, commit).decode("utf-8", "replace").split()
            return lines[0] if lines else None
        try:
            told = self._mirror.git.run("describe", "--tags", "--abbrev=0", commit)
        except Failure:
            return None  # no tag leads here, which describe calls a failure
        return told.decode("utf-8", "replace").strip()

    def _differences(
        self, since: str, until: str, prefix: str
    ) -> tuple[dict[str, ChangeKind], dict[str, str]]:
        kinds: dict[str, ChangeKind] = {}
        old_paths: dict[str, str] = {}
        for entry in self._entries("diff-tree", *_RAW, "-r", "-M", since, until, *_below(prefix)):
            if entry.after == entry.before[0] and (entry.after is None or not entry.old_path):
                continue
            kinds[entry.path] = _kind(entry)
            if kinds[entry.path] == "renamed" and entry.old_path is not None:
                old_paths[entry.path] = entry.old_path
        return kinds, old_paths

    def _is_straight(self, since: str, until: str) -> bool:
        """Whether one commit leads to the other along first parents. It does not where somebody
        merged the main branch into their own and pushed that: then `since` is a second parent."""
        told = self._mirror.run("rev-list", "--first-parent", f"{since}..{until}")
        oldest = told.decode().strip().rpartition("\n")[2]
        return not oldest or self._mirror.resolve(f"{oldest}^1") == since

    def _touched_between(self, since: str, until: str, prefix: str) -> set[str]:
        """What any commit of the range touched, whole side branches included."""
        entries = self._entries(
            "log", *_RAW, "--full-history", "-c", "--no-renames", "--format=%H",
            f"{since}..{until}", *_below(prefix),
        )  # fmt: skip
        return {entry.path for entry in entries if entry.differs}

    def _walk(self, wanted: Collection[str] | None, commits: str, prefix: str) -> dict[str, str]:
        """For each path the last of these commits that changed it. One walk along first parents,
        which ends with the last path that is wanted; None wants all."""
        found: dict[str, str] = {}
        commit, missing = "", None if wanted is None else set(wanted)
        arguments = (*_RAW, "--first-parent", "-m", "--no-renames", "--format=%H")
        tokens = self._mirror.tokens("log", *arguments, commits, *_below(prefix))
        with closing(tokens):
            for told in read_raw(tokens) if missing != set() else ():
                if isinstance(told, str):
                    commit = told
                elif told.differs and (missing is None or told.path in missing):
                    found.setdefault(told.path, commit)
                    if missing is not None:
                        missing.discard(told.path)
                        if not missing:
                            break
        return found

    def _entries(self, command: str, *arguments: str) -> Iterator[RawEntry]:
        with closing(self._mirror.tokens(command, *arguments)) as tokens:
            for told in read_raw(tokens):
                if isinstance(told, RawEntry):
                    yield told


def _told(
    kinds: Mapping[str, ChangeKind], old_paths: Mapping[str, str], commits: Mapping[str, str]
) -> Sequence[PathChange]:
    return [
        PathChange(path, kind, commits.get(path), old_paths.get(path))
        for path, kind in sorted(kinds.items())
    ]


def _below(prefix: str) -> tuple[str, ...]:
    bare = prefix.rstrip("/")
    return ("--", bare) if bare else ()


def _kind(entry: RawEntry) -> ChangeKind:
    if entry.after is None:
        return "deleted"
    if entry.old_path is not None:
        return "renamed"
    return "added" if entry.before[0] is None else "modified"
