"""A bare mirror of a repository: fetched into, read from, pushed out of; nothing is checked out.

Here belong the folder, its lock, fetching, and the walk that finds which commit touched a path.
A mirror forgets nothing: commits that a force-push dropped stay readable, because what was made
from them still names them.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dataplatform.adapters.git.address import Address
from dataplatform.adapters.git.blobs import BlobReader
from dataplatform.adapters.git.program import Failure, Git
from opendata.wire.errors import InvalidInput, NotFound, Unavailable

LOCK_SECONDS: Final = 900
LEFT_LOCK_SECONDS: Final = 30
LEFT_PACK_SECONDS: Final = 86_400
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_PAUSE: Final = 0.05
_SHALLOW: Final = b"shallow roots are not allowed"


class Mirror:
    """One remote repository in a folder of ours. Any number of processes may share the folder."""

    def __init__(self, address: Address, folder: str) -> None:
        self.address = address
        self.folder = folder
        self.git = Git(folder, address.url)
        self._known: set[str] = set()
        self._blobs = BlobReader(self.git)

    @contextmanager
    def locked(self) -> Iterator[Git]:
        """Git for changing the mirror: one process at a time.

        Raises:
            Unavailable: if another process does not let go of it for `LOCK_SECONDS`.
        """
        parent = Path(self.folder).parent
        parent.mkdir(parents=True, exist_ok=True)
        with open(f"{self.folder}.lock", "ab") as lock:
            _wait_for(lock.fileno(), self.folder)
            if not self.exists:
                self._make()
            _clear_away(Path(self.folder))
            yield self.git

    def fetch(self, *refspecs: str) -> None:
        """Take what refs of the remote name.

        Raises:
            NotFound, Denied, Unavailable: as the remote says.
        """
        with self.locked() as git:
            self.fetch_locked(git, *refspecs)

    def fetch_locked(self, git: Git, *refspecs: str) -> None:
        """As `fetch`, by whoever holds the lock."""
        try:
            said = git.run(
                "fetch", "--no-tags", "--no-write-fetch-head", "--no-progress",
                "--end-of-options", "origin", *refspecs, remote=True, hears=True,
            )  # fmt: skip
            if _SHALLOW in said:  # which git takes for a success that brought nothing
                raise Failure("fetch", 0, said.decode("utf-8", "replace"))
        except Failure as failure:
            raise failure.translated(self.address.shown) from failure

    def run(self, command: str, *arguments: str) -> bytes:
        """What a command says of what is here.

        Raises:
            Unavailable: if git cannot read its own mirror, saying how to have a new one.
        """
        try:
            return self.git.run(command, *arguments)
        except Failure as failure:
            raise self._broken(failure) from failure

    def blob(self, commit: str, path: str) -> bytes | None:
        """A file's bytes at a commit that is here, or None where there is no such file.

        Raises:
            Unavailable: if git cannot read its own mirror, saying how to have a new one.
        """
        try:
            return self._blobs.read(commit, path)
        except Failure as failure:
            raise self._broken(failure) from failure

    def tokens(self, command: str, *arguments: str) -> Generator[bytes, None, None]:
        """The same piece by piece; whoever has read enough closes it."""
        try:
            yield from self.git.tokens(command, *arguments)
        except Failure as failure:
            raise self._broken(failure) from failure

    def _broken(self, failure: Failure) -> Unavailable:
        return Unavailable(
            f"the mirror of {self.address.shown} cannot be read: {failure}",
            code="mirror_broken",
            hint=f"rm -rf {self.folder}    # it is fetched again",
            details={"mirror": self.folder},
        )

    def resolve(self, ref: str) -> str | None:
        """The commit that a ref of the mirror names, or None."""
        if not self.exists:
            return None
        try:
            found = self.git.run(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
            )
        except Failure:
            return None
        return found.decode().strip()

    @property
    def exists(self) -> bool:
        """Whether anything was fetched yet."""
        return os.path.isfile(os.path.join(self.folder, "HEAD"))

    def has(self, commit: str) -> bool:
        """Whether the mirror has a commit."""
        if commit not in self._known and is_commit(commit) and self.resolve(commit) is not None:
            self._known.add(commit)  # nothing is ever removed
        return commit in self._known

    def require(self, commit: str) -> str:
        """The commit, fetched if it is not here yet; a dropped one may still be had by its name.

        Raises:
            InvalidInput: if it is not the full name of a commit.
            NotFound: if the remote does not have it.
        """
        if not is_commit(commit):
            raise InvalidInput(
                f"{commit[:80]!r} is not the full name of a commit", code="no_commit"
            )
        if not self.has(commit):
            try:
                self.fetch(commit)
            except NotFound as error:
                raise NotFound(
                    f"{self.address.shown} has no commit {commit}",
                    code="no_commit",
                    hint=f"git ls-remote {self.address.shown}",
                ) from error
        return commit

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether one commit leads to the other; both are here."""
        try:
            self.git.run("merge-base", "--is-ancestor", older, newer)
        except Failure as failure:
            if failure.code == 1:
                return False
            raise self._broken(failure) from failure
        return True

    def _make(self) -> None:
        # Made beside its place and renamed, so that a killed process leaves no half of one.
        fresh = f"{self.folder}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        Git(fresh).run("init", "--quiet", "--bare", "--template=", fresh)
        os.replace(fresh, self.folder)


def is_commit(text: str) -> bool:
    """Whether a text can be the full name of a commit."""
    return _COMMIT.fullmatch(text) is not None


def _wait_for(descriptor: int, folder: str) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise Unavailable(
                    f"another process has held {folder}.lock for {LOCK_SECONDS} s",
                    code="mirror_locked",
                    hint=f"fuser {folder}.lock",
                ) from error
            time.sleep(_PAUSE)


def _clear_away(folder: Path) -> None:
    """Remove what killed processes left.

    Git holds the lock of a ref for moments. A fresh one may belong to a process whose parent was
    killed while it worked; an old one belongs to nobody, and git would refuse to work for ever.
    """
    until = time.monotonic() + LEFT_LOCK_SECONDS
    while left := [*folder.glob("*.lock"), *folder.glob("refs/**/*.lock")]:
        for path in left:
            if time.monotonic() > until or _age(path) > LEFT_LOCK_SECONDS:
                path.unlink(missing_ok=True)
        time.sleep(_PAUSE)
    for path in folder.glob("objects/pack/tmp_*"):
        if _age(path) > LEFT_PACK_SECONDS:
            path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
