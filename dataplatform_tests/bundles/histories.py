"""Random histories of a spec repository: what people push, as steps that shrink well."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from dataplatform_tests.adapters.git.conformance import Hand

PATHS = ("bundles/weekly/a-v1.0.0.yaml", "bundles/weekly/b-v1.0.0.yaml", "bundles/c.yaml")


@dataclass(frozen=True)
class Step:
    """One push: some commits on the branch, perhaps merged from the side or forced.

    `commits` are contents by number of the path; None removes. `back` is how many heads ago the
    branch is set back to first, and 0 for an ordinary push.
    """

    kind: str
    commits: tuple[tuple[tuple[int, str | None], ...], ...]
    back: int = 0


@dataclass(frozen=True)
class Pushed:
    """Where the branch is after a push, and the bundle files that the push touched."""

    head: str
    paths: frozenset[str]


@dataclass
class Author:
    """Does the steps with a hand, and knows what files are there."""

    hand: Hand
    heads: list[str] = field(default_factory=list)
    trees: dict[str, dict[str, str]] = field(default_factory=dict)

    def do(self, step: Step) -> Pushed:
        if not self.heads:
            self._note(self.hand.commit({"README.md": "x"}), {})
        if step.kind == "force":
            self.hand.reset(self.heads[-1 - step.back % len(self.heads)])
        start = self.hand.tip
        assert start is not None
        before = self.trees[start]
        if step.kind == "merge" and len(self.heads) > 1:
            after = self._merge(start, step)
        else:
            after = self._commits(start, step, side=False)[1]
        assert self.hand.tip is not None
        self._note(self.hand.tip, after)
        touched = {p for c in step.commits for p in (PATHS[at] for at, _ in c) if p in after}
        changed = {path for path in after if after[path] != before.get(path)}
        return Pushed(self.hand.tip, frozenset(touched | changed))

    def _commits(self, start: str, step: Step, *, side: bool) -> tuple[str, dict[str, str]]:
        tree, at = dict(self.trees[start]), start
        for changes in step.commits:
            files = {PATHS[number]: content for number, content in changes}
            at = self.hand.commit(files, parents=[at]) if side else self.hand.commit(files)
            for path, content in files.items():
                if content is None:
                    tree.pop(path, None)
                else:
                    tree[path] = content
            self.trees[at] = dict(tree)
        return at, tree

    def _merge(self, start: str, step: Step) -> dict[str, str]:
        """A side branch from an earlier head, merged; each path is resolved as the side has it."""
        fork = self.heads[-1 - step.back % len(self.heads)]
        side, theirs = self._commits(fork, step, side=True)
        if side == fork:
            return self.trees[start]
        ours = self.trees[start]
        touched = {PATHS[number] for changes in step.commits for number, _ in changes}
        merged = {path: (theirs if path in touched else ours).get(path) for path in PATHS}
        self.hand.merge(side, merged)
        return {path: content for path, content in merged.items() if content is not None}

    def _note(self, head: str, tree: dict[str, str]) -> None:
        self.heads.append(head)
        self.trees[head] = tree


def steps() -> st.SearchStrategy[list[Step]]:
    content = st.sampled_from(["1", "2", "3", None])
    change = st.lists(st.tuples(st.integers(0, len(PATHS) - 1), content), min_size=1, max_size=2)
    commits = st.lists(change.map(tuple), min_size=1, max_size=3).map(tuple)
    kind = st.sampled_from(["push", "push", "push", "merge", "merge", "force"])
    step = st.builds(Step, kind, commits, st.integers(0, 3))
    return st.lists(step, min_size=1, max_size=7)
