"""A spec repository in memory: a graph of commits with whole trees, and a head that moves.

It is a `SpecRepo` and the hand that writes it: `commit`, `merge`, `reset` and `tag` are what people
do with git. What the remote has is known to readers from the next `head()` on, as with the real
one; commits are readable at once, since a webhook may name one that no sensor has seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha1

from dataplatform.ports import ChangeKind, PathChange
from opendata.wire.errors import InvalidInput, NotFound

Files = Mapping[str, bytes | str | None]
"""What a commit changes; None removes."""
EPOCH = datetime(2025, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Commit:
    """One commit: its parents, first the one of its own line, and all its files."""

    id: str
    parents: tuple[str, ...]
    tree: Mapping[str, bytes]
    at: datetime


class FakeSpecRepo:
    """As `GitSpecRepo`, with the same answers (`SpecRepoConformance`)."""

    def __init__(self, name: str = "DataSpecHub") -> None:
        self.name = name
        self.url = f"memory:{name}"
        self._commits: dict[str, Commit] = {}
        self._tags: dict[str, str] = {}
        self.tip: str | None = None
        self._seen: str | None = None

    # --- writing ---------------------------------------------------------------------

    def commit(
        self, files: Files, *, parents: Sequence[str] | None = None, at: datetime | None = None
    ) -> str:
        """Commit on the branch, or on other parents, which leaves the branch where it is."""
        moves = parents is None
        parents = ([self.tip] if self.tip else []) if parents is None else parents
        tree = dict(self._commits[parents[0]].tree) if parents else {}
        for path, content in files.items():
            if content is None:
                tree.pop(path, None)
            else:
                tree[path] = content.encode() if isinstance(content, str) else content
        made = self._add(tuple(parents), tree, at)
        if moves:
            self.tip = made
        return made

    def merge(self, other: str, files: Files | None = None) -> str:
        """Merge a commit into the branch; `files` is how conflicts were resolved."""
        assert self.tip is not None
        base = next(one for one in reversed(list(self._ancestors(other))) if self._on_tip(one))
        theirs, before = self._commits[other].tree, self._commits[base].tree
        brought = {p: theirs.get(p) for p in theirs | before if theirs.get(p) != before.get(p)}
        self.tip = self.commit({**brought, **(files or {})}, parents=[self.tip, other])
        return self.tip

    def reset(self, commit: str) -> None:
        """Force the branch to a commit."""
        self.tip = commit

    def tag(self, name: str, commit: str) -> None:
        """Tag a commit."""
        self._tags[commit] = name

    # --- the port ----------------------------------------------------------------------

    def head(self) -> str:
        if self.tip is None:
            raise NotFound(f"{self.url} has no commit yet", code="no_commit")
        self._seen = self.tip
        return self.tip

    def known_head(self) -> str | None:
        return self._seen

    def is_ancestor(self, older: str, newer: str) -> bool:
        both = older in self._commits and newer in self._commits
        return both and older in set(self._ancestors(newer))

    def changes(self, since: str | None, until: str, prefix: str) -> Sequence[PathChange]:
        after = self._require(until).tree
        before = self._require(since).tree if since else {}
        touched = self._touched_between(since, until) if since else set()
        kinds = {p: _kind(before.get(p), after.get(p)) for p in {*before, *after}}
        kinds = {p: kind for p, kind in kinds.items() if before.get(p) != after.get(p)}
        for path in touched - kinds.keys():
            kinds[path] = "modified" if path in after else "deleted"
        kinds = {path: kind for path, kind in kinds.items() if _below(path, prefix)}
        old_paths = _renames(kinds, before, after)
        return [
            PathChange(
                path,
                "renamed" if path in old_paths else kind,
                None if kind == "deleted" else self.touched(path, until),
                old_paths.get(path),
            )
            for path, kind in sorted(kinds.items())
            if path not in old_paths.values()
        ]

    def touched(self, path: str, until: str) -> str | None:
        at: str | None = self._require(until).id
        while at is not None:
            parent = next(iter(self._commits[at].parents), None)
            before = self._commits[parent].tree.get(path) if parent else None
            if self._commits[at].tree.get(path) != before:
                return at
            at = parent
        return None

    def read(self, path: str, commit: str) -> bytes:
        tree = self._require(commit).tree
        if path not in tree:
            raise NotFound(f"{self.name} has no file {path} at commit {commit}", code="no_file")
        return tree[path]

    def paths(self, prefix: str, commit: str) -> Sequence[str]:
        return sorted(path for path in self._require(commit).tree if _below(path, prefix))

    def committed_at(self, commit: str) -> datetime:
        return self._require(commit).at

    def version(self, commit: str) -> str | None:
        tree = self._require(commit).tree
        if "VERSION" in tree:
            return next(iter(tree["VERSION"].decode().split()), None)
        nearest = (
            self._tags[one] for one in reversed(list(self._ancestors(commit))) if one in self._tags
        )
        return next(nearest, None)

    # --- the graph -----------------------------------------------------------------------

    def _add(self, parents: tuple[str, ...], tree: dict[str, bytes], at: datetime | None) -> str:
        number = len(self._commits)
        name = sha1(repr((number, parents, sorted(tree.items()))).encode()).hexdigest()
        at = at or EPOCH + timedelta(minutes=number)
        self._commits[name] = Commit(name, parents, tree, at)
        return name

    def _require(self, commit: str) -> Commit:
        if len(commit) != 40 or set(commit) - set("0123456789abcdef"):
            raise InvalidInput(f"{commit!r} is no commit's full name", code="no_commit")
        if commit not in self._commits:
            raise NotFound(f"{self.url} has no commit {commit}", code="no_commit")
        return self._commits[commit]

    def _ancestors(self, commit: str) -> Iterator[str]:
        """A commit and all that lead to it, in the order in which they were made."""
        seen, todo = set(), [self._require(commit).id]
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo += self._commits[one].parents
        return (one for one in self._commits if one in seen)

    def _on_tip(self, commit: str) -> bool:
        assert self.tip is not None
        return commit in set(self._ancestors(self.tip))

    def _touched_between(self, since: str, until: str) -> set[str]:
        line = self._line(until)
        if since in line:  # else the main branch was merged into somebody's own
            commits = [(one, self._commits[one].parents[:1]) for one in line[: line.index(since)]]
        else:
            between = set(self._ancestors(until)) - set(self._ancestors(since))
            commits = [(one, self._commits[one].parents) for one in between]
        touched = set()
        for one, parents in commits:
            tree = self._commits[one].tree
            before = [self._commits[parent].tree for parent in parents] or [{}]
            paths = {*tree, *(path for each in before for path in each)}
            touched |= {p for p in paths if all(each.get(p) != tree.get(p) for each in before)}
        return touched

    def _line(self, commit: str) -> list[str]:
        """A commit and its first parents, newest first."""
        line = [commit]
        while parents := self._commits[line[-1]].parents:
            line.append(parents[0])
        return line


def _below(path: str, prefix: str) -> bool:
    bare = prefix.rstrip("/")
    return not bare or path == bare or path.startswith(f"{bare}/")


def _kind(before: bytes | None, after: bytes | None) -> ChangeKind:
    if after is None:
        return "deleted"
    return "added" if before is None else "modified"


def _renames(
    kinds: Mapping[str, ChangeKind], before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> dict[str, str]:
    """Files with the same bytes under another name; git also pairs those that are merely alike."""
    gone = [path for path, kind in sorted(kinds.items()) if kind == "deleted" and path in before]
    renames: dict[str, str] = {}
    for path, kind in sorted(kinds.items()):
        old = next((one for one in gone if before[one] == after.get(path)), None)
        if kind == "added" and old is not None:
            renames[path] = old
            gone.remove(old)
    return renames
