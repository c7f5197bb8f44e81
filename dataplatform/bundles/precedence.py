"""Precedence: of two commits, the one whose spec counts.

Requests come in any order, again and late, so the history decides and not the arrival. Of two
commits of the branch the later one counts. One that a force-push dropped, or that is on another
branch, counts less than any on the branch that is watched: who asked for it may still be at work
when the history has been rewritten, and nobody would ask for the other one again.
"""

from __future__ import annotations

from dataplatform.ports import SpecRepo
from opendata.wire.errors import Denied, Unavailable


class Precedence:
    """The commits of one repository, as its history is now."""

    def __init__(self, repo: SpecRepo) -> None:
        self._repo = repo

    def is_newer(self, first: str | None, second: str | None) -> bool:
        """Whether the second commit's spec counts, and not the first one's; None is no commit.

        The remote is asked before a request comes to nothing, and where what is known of it does
        not lead to both: the branch may have been set back since it was seen last.

        Raises:
            Unavailable: if the repository cannot be read.
        """
        if first is None or second is None or first == second:
            return False
        known = self._repo.known_head()
        both = self._is_kept(first, known) and self._is_kept(second, known)
        if both and not self._repo.is_ancestor(first, second):
            return False
        head = self._newest(known)
        is_kept = self._is_kept(second, head)
        if self._is_kept(first, head) != is_kept:
            return is_kept
        return self._repo.is_ancestor(first, second)

    def _is_kept(self, commit: str, head: str | None) -> bool:
        return head is not None and self._repo.is_ancestor(commit, head)

    def _newest(self, known: str | None) -> str | None:
        """The branch's newest commit; the one that is known where the remote does not answer."""
        try:
            return self._repo.head()
        except (Unavailable, Denied):
            return known
