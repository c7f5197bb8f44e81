"""The hand of a person with git: commits, merges and forced pushes in a bare repository.

Plumbing alone, so that a history of any shape is made quickly and no file name is impossible.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

Files = Mapping[str, bytes | str | None]
EPOCH = datetime(2025, 6, 1, tzinfo=UTC)


class GitHand:
    """Writes a bare repository; its branch is `main`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tip: str | None = None
        self.made: list[str] = []
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)

    def git(self, *arguments: str, feed: bytes = b"", **environ: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            input=feed,
            capture_output=True,
            check=True,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **environ},
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(
        self,
        files: Files,
        *,
        parents: Sequence[str] | None = None,
        at: datetime | None = None,
        modes: Mapping[str, str] | None = None,
    ) -> str:
        moves = parents is None
        parents = ([self.tip] if self.tip else []) if parents is None else parents
        index = {"GIT_INDEX_FILE": str(self.folder / "hand.index")}
        if parents:
            self.git("read-tree", parents[0], **index)
        else:
            self.git("read-tree", "--empty", **index)
        self.git("update-index", "-z", "--index-info", feed=self._entries(files, modes), **index)
        tree = self.git("write-tree", **index)
        made = self._commit(tree, parents, at)
        if moves:
            self._move(made)
        return made

    def merge(self, other: str, files: Files | None = None) -> str:
        assert self.tip is not None
        merged = subprocess.run(
            ["git", "-C", str(self.folder), "merge-tree", "--write-tree", self.tip, other],
            capture_output=True,
            check=False,
        )
        tree = merged.stdout.decode().split()[0]
        made = self._commit(self._with(tree, files or {}), [self.tip, other], None)
        self._move(made)
        return made

    def many(self, count: int, files_of: Callable[[int], Files]) -> list[str]:
        """So many commits on the branch in one go."""
        lines = []
        for at in range(count):
            when = int((EPOCH + timedelta(minutes=at)).timestamp())
            who = f"A. Person <person@example.org> {when} +0000"
            lines += [f"commit refs/heads/main\nmark :{at + 1}\ncommitter {who}\ndata 1\nx\n"]
            lines += [f"from {self.tip}\n"] if at == 0 and self.tip else []
            for path, content in files_of(at).items():
                lines += [f"M 100644 inline {path}\ndata {len(str(content))}\n{content}\n"]
        marks = self.folder / "hand.marks"
        self.git("fast-import", "--quiet", f"--export-marks={marks}", feed="".join(lines).encode())
        made = dict(line.split() for line in marks.read_text().splitlines())
        self.tip = made[f":{count}"]
        return [made[f":{at + 1}"] for at in range(count)]

    def reset(self, commit: str) -> None:
        self._move(commit)

    def tag(self, name: str, commit: str) -> None:
        self.git("tag", name, commit)

    def _entries(self, files: Files, modes: Mapping[str, str] | None) -> bytes:
        entries = []
        for path, content in files.items():
            name = path.encode("utf-8", "surrogateescape")
            if content is None:
                entries.append(b"0 " + b"0" * 40 + b"\t" + name)
                continue
            data = content.encode() if isinstance(content, str) else content
            blob = self.git("hash-object", "-w", "--stdin", feed=data)
            mode = (modes or {}).get(path, "100644")
            entries.append(f"{mode} {blob}\t".encode() + name)
        return b"\0".join([*entries, b""]) if entries else b""

    def _with(self, tree: str, files: Files) -> str:
        index = {"GIT_INDEX_FILE": str(self.folder / "hand.index")}
        self.git("read-tree", tree, **index)
        self.git("update-index", "-z", "--index-info", feed=self._entries(files, None), **index)
        return self.git("write-tree", **index)

    def _commit(self, tree: str, parents: Sequence[str], at: datetime | None) -> str:
        when = at or EPOCH + timedelta(minutes=len(self.made))
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", "A. Person"), ("EMAIL", "person@example.org"),
                                   ("DATE", f"{int(when.timestamp())} +0000"))}  # fmt: skip
        options = [part for parent in parents for part in ("-p", parent)]
        text = f"commit {len(self.made)}"
        self.made.append(self.git("commit-tree", tree, *options, "-m", text, **who))
        return self.made[-1]

    def _move(self, commit: str) -> None:
        self.git("update-ref", "refs/heads/main", commit)
        self.tip = commit
