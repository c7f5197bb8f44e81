"""Which bundles the commits since the last look ask for.

Here belongs what counts as asking: it is decided from two commits and the history between them, so
that a sensor that looks seldom and a webhook for every push name the same requests
(requirement B5). Whether a run is made for one of them is decided by its key, elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataplatform.bundles.requests import BUNDLES_FOLDER, BundleRequest, is_bundle_file, printable
from dataplatform.ports import PathChange, SpecRepo
from opendata.wire.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class Found:
    """What was found up to `head`, in the order of paths.

    `deleted` are bundle files that are no longer there, under their own names when they were
    renamed: told, and no run's business, since what was published stays. `rescanned` says that the
    history was rewritten, and that therefore every bundle file is requested again; keys of runs
    keep what did not change from being done again.
    """

    head: str
    requests: tuple[BundleRequest, ...] = ()
    deleted: tuple[str, ...] = ()
    rescanned: bool = False


def find_requests(repo: SpecRepo, cursor: str | None, head: str | None = None) -> Found:
    """What to ask for after having looked at the commit `cursor`; all there is without one.

    It is looked up to `head`, which is the newest commit if none is given.

    The whole range counts: every file that any commit since then touched is requested at the head's
    state, once. That includes a file that was changed and changed back: what lay between may have
    been indexed by then. A cursor that does not lead to the head (a force-push, a branch that was
    set back, a value that is no commit) leads to a full look.

    Raises:
        Unavailable, Denied, NotFound: as the repository does.
    """
    head = repo.head() if head is None else head
    if cursor == head:
        return Found(head)
    follows = cursor is not None and repo.is_ancestor(cursor, head)
    changes = repo.changes(cursor if follows else None, head, BUNDLES_FOLDER)
    rescanned = cursor is not None and not follows
    deleted = _lost(repo, cursor, head) if cursor is not None and rescanned else _deleted(changes)
    return Found(head, _requests(changes), deleted, rescanned)


def canonical_request(repo: SpecRepo, path: str, commit: str) -> BundleRequest:
    """The request for a bundle file as it is at a commit, under the commit that made it so.

    A push of ten commits, the push after it, and a sensor that looks an hour later name the same
    one.

    Raises:
        InvalidInput: for a path that is no bundle file.
        NotFound: for a commit that the repository does not have, or a file that is not in it.
    """
    if not is_bundle_file(path):
        raise InvalidInput(
            f"{printable(path)!r} is no bundle's spec: those are bundles/**/*.yaml",
            code="no_bundle_file",
        )
    touched = repo.touched(path, commit)
    if touched is None or path not in repo.paths(path, commit):
        raise NotFound(
            f"{repo.name} has no {printable(path)} at commit {commit[:12]}",
            code="no_spec",
            hint=f"git -C {repo.name} ls-tree -r --name-only {commit[:12]} bundles",
        )
    return BundleRequest(path, touched)


def _requests(changes: Sequence[PathChange]) -> tuple[BundleRequest, ...]:
    return tuple(
        BundleRequest(change.path, change.commit)
        for change in changes
        if change.commit is not None and is_bundle_file(change.path)
    )


def _deleted(changes: Sequence[PathChange]) -> tuple[str, ...]:
    gone = {change.path for change in changes if change.kind == "deleted"}
    gone |= {change.old_path for change in changes if change.old_path is not None}
    return tuple(sorted(path for path in gone if is_bundle_file(path)))


def _lost(repo: SpecRepo, cursor: str, head: str) -> tuple[str, ...]:
    """What a rewritten history lost; unknown, and so nothing, where the old one is gone."""
    try:
        before = repo.paths(BUNDLES_FOLDER, cursor)
    except (NotFound, InvalidInput):
        return ()
    lost = set(before) - set(repo.paths(BUNDLES_FOLDER, head))
    return tuple(sorted(path for path in lost if is_bundle_file(path)))
