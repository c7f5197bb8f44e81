"""The index repository in git, written to by plumbing: no working tree, no checkout.

Here belongs making commits on the heads that the remote has now, pushing them, and doing it again
where somebody was faster. What the files say is the business of whoever publishes them.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from dataplatform.adapters.git.address import may_name_a_branch, read_address
from dataplatform.adapters.git.differences import as_bytes
from dataplatform.adapters.git.mirror import Mirror
from dataplatform.adapters.git.program import Failure, Git
from dataplatform.adapters.indexrepo.push import PushOutcome, read_push
from opendata.wire.errors import Conflict, Denied, InvalidInput, Unavailable

MAIN: Final = "main"
ATTEMPTS: Final = 12
PAUSE_SECONDS: Final = 0.2
PAUSE_MAX_SECONDS: Final = 10.0
VERSION_FILE: Final = "VERSION"
_NO_PART: Final = frozenset({"", ".", "..", ".git"})
_BRANCHES: Final = "refs/opendata/remote/"


@dataclass(frozen=True)
class Identity:
    """Under whose name commits are made."""

    name: str = "OpenData"
    email: str = "opendata@localhost"


@dataclass(frozen=True)
class _Heads:
    """What the remote has: the name of its main branch, and the commits of those asked for."""

    main: str
    commits: Mapping[str, str]

    def base(self, branch: str) -> str | None:
        """Where a branch goes on from: its head, the main branch's, or nothing at all."""
        return self.commits.get(branch) or self.commits.get(self.main)


class GitIndexRepo:
    """A git repository that is pushed to.

    `main` means the branch that the remote calls its main one, whatever it is named.

    Args:
        url: As `GitSpecRepo`'s.
        folder: Where the mirror is kept.
        identity: Author and committer of what is published.

    Raises:
        InvalidInput: for an address that is none.
    """

    def __init__(self, url: str, folder: str, identity: Identity | None = None) -> None:
        self._address = read_address(url)
        self._mirror = Mirror(self._address, folder)
        self._identity = identity or Identity()

    @property
    def url(self) -> str:
        """Where the repository is, without credentials."""
        return self._address.shown

    def publish(
        self, files: Mapping[str, bytes], *, branches: Sequence[str], message: str
    ) -> Mapping[str, str]:
        """Commit files to each branch and push it; what was pushed when this is killed stays, and
        the next call does the rest.

        Raises:
            Conflict: if others were faster `ATTEMPTS` times.
            InvalidInput: for a path that git does not take.
            Denied, NotFound, Unavailable: as the remote says.
        """
        if bad := [branch for branch in branches if not may_name_a_branch(branch)]:
            raise InvalidInput(f"{bad[0]!r} is no name of a branch", code="invalid_branch")
        published: dict[str, str] = {}
        left = list(dict.fromkeys(branches))
        for attempt in range(ATTEMPTS):
            time.sleep(_pause(attempt))
            try:
                with self._mirror.locked() as git:
                    heads = self._heads(git, left)
                    made = self._commits(git, files, heads, left, message)
                    new = {one: to for one, to in made.items() if heads.commits.get(one) != to}
                    left = self._push(git, new, heads) if new else []
            except Failure as failure:
                raise failure.translated(self.url) from failure
            published |= made
            if not left:
                return {branch: published[branch] for branch in branches}
        raise Conflict(
            f"others pushed to {', '.join(left)} of {self.url} before us {ATTEMPTS} times",
            code="push_lost",
            hint="run the same command again: it goes on from what is there",
        )

    def read(self, path: str, branch: str | None = None) -> bytes | None:
        """A file's bytes on a branch as it is on the remote now."""
        with self._mirror.locked() as git:
            heads = self._heads(git, [branch or MAIN])
        commit = heads.commits.get(branch or MAIN)
        return None if commit is None else self._read(path, commit)

    def version(self) -> str | None:
        """The content of `VERSION` on the main branch, else the nearest tag that leads to it."""
        with self._mirror.locked() as git:
            commit = self._heads(git, [MAIN], "+refs/tags/*:refs/tags/*").commits.get(MAIN)
        if commit is None:
            return None
        told = self._read(VERSION_FILE, commit)
        if told is not None:
            return next(iter(told.decode("utf-8", "replace").split()), None)
        try:
            tag = self._mirror.git.run("describe", "--tags", "--abbrev=0", commit)
        except Failure:
            return None  # no tag leads here, which describe calls a failure
        return tag.decode("utf-8", "replace").strip()

    def _read(self, path: str, commit: str) -> bytes | None:
        try:
            return self._mirror.git.run("cat-file", "blob", f"{commit}:{path}")
        except Failure:
            return None  # the commit is here; what fails is the path

    def _heads(self, git: Git, branches: Sequence[str], *also: str) -> _Heads:
        """Ask the remote, and have what it names here."""
        try:
            told = git.run(
                "ls-remote", "--symref", "origin", "HEAD", f"refs/heads/{MAIN}",
                *(f"refs/heads/{one}" for one in branches), remote=True,
            )  # fmt: skip
        except Failure as failure:
            raise failure.translated(self.url) from failure
        main, commits = MAIN, {}
        for line in told.decode("utf-8", "surrogateescape").splitlines():
            fact, _, ref = line.partition("\t")
            if fact.startswith("ref: refs/heads/"):
                main = fact.removeprefix("ref: refs/heads/")
            elif ref == "HEAD":
                commits["HEAD"] = fact
            else:
                commits[ref.removeprefix("refs/heads/")] = fact
        if "HEAD" in commits:  # the branch that the remote calls its main one
            commits[MAIN] = commits[main] = commits.pop("HEAD")
        else:
            main = MAIN
        if also or not all(self._mirror.has(commit) for commit in commits.values()):
            names = {main if one == MAIN else one for one in commits}
            refs = (f"+refs/heads/{one}:{_BRANCHES}{one}" for one in sorted(names))
            self._mirror.fetch_locked(git, *refs, *also)
        return _Heads(main, commits)

    def _commits(
        self, git: Git, files: Mapping[str, bytes], heads: _Heads, branches: Sequence[str],
        message: str,
    ) -> dict[str, str]:  # fmt: skip
        """The commit that each branch is to have; branches that begin at the same commit get the
        same one."""
        entries = b"".join(_entry(path, self._blob(git, data)) for path, data in files.items())
        bases = {branch: heads.base(branch) for branch in branches}
        made = {
            base: self._commit(git, entries, base, message)
            for base in dict.fromkeys(bases.values())
        }
        return {branch: made[base] for branch, base in bases.items()}

    def _commit(self, git: Git, entries: bytes, base: str | None, message: str) -> str:
        """A commit with these files on a base, or the base if nothing differs."""
        with _scratch_index() as index:
            if base is not None:
                git.run("read-tree", base, environ=index)
            git.run("update-index", "-z", "--index-info", feed=entries, environ=index)
            tree = git.run("write-tree", environ=index).decode().strip()
        if base is not None and tree == self._tree_of(git, base):
            return base
        parents = () if base is None else ("-p", base)
        made = git.run(
            "commit-tree", tree, *parents, feed=message.encode(), environ=self._signature()
        )
        return made.decode().strip()

    def _blob(self, git: Git, data: bytes) -> str:
        return git.run("hash-object", "-w", "--stdin", feed=data).decode().strip()

    def _tree_of(self, git: Git, commit: str) -> str:
        told = git.run("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")
        return told.decode().strip()

    def _signature(self) -> dict[str, str]:
        return {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", self._identity.name), ("EMAIL", self._identity.email))
        }

    def _push(self, git: Git, commits: Mapping[str, str], heads: _Heads) -> list[str]:
        """Push commits; returns the branches on which somebody was faster."""
        targets = {heads.main if one == MAIN else one: one for one in commits}
        specs = [f"{commits[one]}:refs/heads/{target}" for target, one in targets.items()]
        arguments = ("--porcelain", "--no-verify", "--end-of-options", "origin", *specs)
        outcomes = read_push(git.run("push", *arguments, remote=True, telling=True))
        lost = []
        for target, branch in targets.items():
            outcome = outcomes.get(f"refs/heads/{target}")
            if outcome is None or outcome.kind == "broken":
                raise Unavailable(
                    f"{self.url} did not take {target}: {outcome.reason if outcome else 'no word'}",
                    code="git_failed",
                )
            self._check(outcome, target)
            if outcome.kind == "lost":
                lost.append(branch)
        return lost

    def _check(self, outcome: PushOutcome, target: str) -> None:
        if outcome.kind == "refused":
            raise Denied(
                f"{self.url} refuses commits on {target}: {outcome.reason}",
                code="push_refused",
                hint="let the account that pushes write to this branch, or unprotect it",
            )


@contextmanager
def _scratch_index() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="opendata-index-") as folder:
        yield {"GIT_INDEX_FILE": os.path.join(folder, "index")}


def _entry(path: str, blob: str) -> bytes:
    # Git leaves out what it does not take and says so in passing only.
    parts = path.split("/")
    if "\0" in path or any(part.lower() in _NO_PART for part in parts):
        raise InvalidInput(f"{path!r} is no path in a repository", code="invalid_path")
    return f"100644 {blob}\t".encode() + as_bytes(path) + b"\0"


def _pause(attempt: int) -> float:
    longest = min(PAUSE_MAX_SECONDS, PAUSE_SECONDS * 2**attempt)
    return random.uniform(0, longest) if attempt else 0.0
