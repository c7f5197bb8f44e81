"""Yank: withdraw a release without deleting anything, and take that back (requirement S4-55).

A rollback withdraws every release that was published after the one it goes back to, and lifts the
withdrawal of the one that it makes current. Which those are follows from the commit records alone,
so whoever is killed after the pointer has moved leaves nothing undone that `od repair` could not
finish. A person may withdraw any other release, too, or take it back.

Every mark notes the pointer's generation. A move of the pointer is settled for a release once its
last mark is not older than that move: what people decided since then stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from dataplatform.releases.marks import put_mark
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.history import publishing_commit, walk_history
from opendata.reading.marks import next_yank_name, standing_yank, yank_marks
from opendata.reading.resolve import Release, read_route, resolve
from opendata.stores.parallel import in_parallel
from opendata.stores.port import ObjectReader
from opendata.wire.errors import Conflict, Rejected
from opendata.wire.ids import DatasetId, Reference
from opendata.wire.marks import Mark, new_mark
from opendata.wire.pointer import Pointer
from opendata.wire.version import Version, parse_version

SETTLE_TRIES = 8
_MARK_TRIES = 100
YankKind = Literal["yank", "unyank"]


@dataclass(frozen=True)
class Wanted:
    """What a rollback means for one release: to be withdrawn, or not to be any more."""

    version: Version
    manifest_sha256: str
    kind: YankKind
    rollback: Pointer


def yank(
    ports: ReleasePorts,
    dataset: DatasetId,
    version: Version,
    *,
    by: str,
    reason: str | None = None,
    lift: bool = False,
    dry_run: bool = False,
) -> bool:
    """Withdraw a release that is not current, or `lift` its withdrawal; False if it is so already.

    Raises:
        NotFound: if data set or release do not exist.
        Rejected: if it is current (a rollback moves readers away first), or was never published.
    """
    current = resolve(ports.store, Reference(dataset))
    release = resolve(ports.store, Reference(dataset, version))
    if current.version == version and not lift:
        raise Rejected(
            f"{release.reference} is what readers get, so it cannot be withdrawn",
            code="is_current",
            hint=f"od rollback {dataset} --to VERSION moves them away and withdraws it",
        )
    if current.pointer is None or not publishing_commit(ports.store, release, current.pointer):
        raise Rejected(
            f"{release.reference} was frozen and never published: nobody was told to read it",
            code="never_published",
            hint=f"od releases {dataset}",
        )
    kind: YankKind = "unyank" if lift else "yank"
    if dry_run:
        return _standing(ports.store, dataset, version) != kind
    mark = new_mark(
        (str(dataset), str(version), release.stored_sha256),
        kind,
        at=ports.now(),
        by=by,
        generation=current.pointer.generation,
        reason=reason,
    )
    return _put_next(ports, dataset, mark)


def settle_yanks(
    ports: ReleasePorts,
    dataset: DatasetId,
    *,
    by: str,
    reason: str | None = None,
    every: bool = False,
) -> list[Mark]:
    """Write the marks that the last rollback is still missing; returns those that were written.

    With `every` those of all rollbacks, however long ago. If the pointer moves meanwhile, what it
    says then is settled as well.
    """
    written: list[Mark] = []
    for _ in range(SETTLE_TRIES):
        route = read_route(ports.store, dataset)
        if route is None:
            break
        history = walk_history(ports.store, dataset, route.pointer)
        commits = list(history) if every else _back_to_target(history)
        for want in missing_yanks(ports.store, dataset, commits):
            mark = _mark_of(ports, dataset, want, by=by, reason=reason)
            if _put_next(ports, dataset, mark, settled_at=mark.generation):
                written.append(mark)
        again = read_route(ports.store, dataset)
        if again is not None and again.pointer == route.pointer:
            break
    return written


def published_after(
    reader: ObjectReader, dataset: DatasetId, current: Release, target: Version
) -> set[str]:
    """The releases that going back to `target` withdraws: all that were published after it."""
    found: set[str] = set()
    for commit in walk_history(reader, dataset, current.pointer):
        if commit.kind == "rollback":
            continue
        if commit.release == str(target):
            break
        found.add(commit.release)
    return found


def missing_yanks(
    reader: ObjectReader, dataset: DatasetId, commits: Sequence[Pointer]
) -> list[Wanted]:
    """What rollbacks among these commits (newest first) mean and no mark says yet."""
    wanted = list(wanted_yanks(reversed(commits)))
    settled = in_parallel(partial(_is_settled, reader, dataset), wanted)
    return [want for want, done in zip(wanted, settled, strict=True) if not done]


def wanted_yanks(commits: Iterable[Pointer]) -> Iterator[Wanted]:
    """What rollbacks mean for each release, by commits from the oldest to the newest. Pure.

    Each withdraws all that was published after its target; the last one that touches a release
    counts. What was published before the first of these commits is no matter of theirs.
    """
    published: dict[str, Pointer] = {}
    last: dict[str, Wanted] = {}
    for commit in commits:
        if commit.kind != "rollback":
            published[commit.release] = commit
            continue
        target = published.get(commit.release)
        base = target.generation if target else 0
        for release, first in published.items():
            if first.generation > base:
                last[release] = _wanted(first, "yank", commit)
        last[commit.release] = _wanted(commit, "unyank", commit)
    yield from last.values()


def _wanted(published: Pointer, kind: YankKind, rollback: Pointer) -> Wanted:
    version = parse_version(published.release)
    return Wanted(version, published.manifest_sha256, kind, rollback)


def _back_to_target(history: Iterator[Pointer]) -> list[Pointer]:
    """The commits back to where the newest rollback's target was published, newest first."""
    commits: list[Pointer] = []
    target: str | None = None
    for commit in history:
        commits.append(commit)
        if target is None and commit.kind == "rollback":
            target = commit.release
        elif commit.release == target and commit.kind != "rollback":
            return commits
    return commits


def _is_settled(reader: ObjectReader, dataset: DatasetId, want: Wanted) -> bool:
    marks = yank_marks(reader, dataset, want.version)
    if marks and marks[-1].generation >= want.rollback.generation:
        return True
    return (standing_yank(marks) is not None) == (want.kind == "yank")


def _standing(reader: ObjectReader, dataset: DatasetId, version: Version) -> YankKind:
    return "yank" if standing_yank(yank_marks(reader, dataset, version)) else "unyank"


def _mark_of(
    ports: ReleasePorts, dataset: DatasetId, want: Wanted, *, by: str, reason: str | None
) -> Mark:
    return new_mark(
        (str(dataset), str(want.version), want.manifest_sha256),
        want.kind,
        at=ports.now(),
        by=by,
        generation=want.rollback.generation,
        reason=reason,
        moved_to=want.rollback.release if want.kind == "yank" else None,
    )


def _put_next(
    ports: ReleasePorts, dataset: DatasetId, mark: Mark, settled_at: int | None = None
) -> bool:
    """Write a mark after those that are there; False if they say the same already, or something
    else that was said after the pointer's generation `settled_at`."""
    version = parse_version(mark.release)
    for _ in range(_MARK_TRIES):
        marks = yank_marks(ports.store, dataset, version)
        if (standing_yank(marks) is not None) == (mark.mark == "yank"):
            return False
        if settled_at is not None and marks and marks[-1].generation >= settled_at:
            return False
        if put_mark(ports, next_yank_name(marks), mark):
            return True
    raise Conflict(
        f"{_MARK_TRIES} others said something else of {dataset}@{version} meanwhile",
        code="contended_mark",
        hint=f"od releases {dataset} shows what holds now",
    )
