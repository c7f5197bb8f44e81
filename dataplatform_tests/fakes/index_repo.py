"""An index repository in memory: branches of whole trees, and what was committed to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1

MAIN = "main"


@dataclass
class FakeIndexRepo:
    """As `GitIndexRepo`, with the same answers (`IndexRepoConformance`).

    `messages` are those of the commits that were made, by branch; `declared` is what `version()`
    answers.
    """

    url: str = "memory:DataIndexHub"
    declared: str | None = None
    branches: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: dict[str, list[str]] = field(default_factory=dict)
    _heads: dict[str, str] = field(default_factory=dict)

    def publish(
        self, files: Mapping[str, bytes], *, branches: Sequence[str], message: str
    ) -> Mapping[str, str]:
        for branch in branches:
            if branch not in self.branches and MAIN in self.branches:
                self.branches[branch] = dict(self.branches[MAIN])
                self._heads[branch] = self._heads[MAIN]
            tree = self.branches.setdefault(branch, {})
            if any(tree.get(path) != data for path, data in files.items()):
                tree.update(files)
                self.messages.setdefault(branch, []).append(message)
                made = repr((branch, self._heads.get(branch), sorted(tree.items()), message))
                self._heads[branch] = sha1(made.encode()).hexdigest()
        return {branch: self._heads[branch] for branch in branches}

    def read(self, path: str, branch: str | None = None) -> bytes | None:
        return self.branches.get(branch or MAIN, {}).get(path)

    def version(self) -> str | None:
        tree = self.branches.get(MAIN, {})
        return tree["VERSION"].decode().strip() if "VERSION" in tree else self.declared
