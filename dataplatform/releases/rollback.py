"""Rollback: readers get an earlier release again, and what came after it is withdrawn (S4-55, B2).

Order: the pointer moves first, for that is what the hurry is about; then the marks, then the
derived copies, then the record of who did it. Whoever is killed in between leaves readers at one
whole release, and `od repair` finishes the rest from the commit records.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dataplatform.releases.derive import derive_copies, show_outcome, shown_generation
from dataplatform.releases.marks import check_reason
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import move_back
from dataplatform.releases.usages import Usages, find_usages
from dataplatform.releases.yank import published_after, settle_yanks
from opendata.reading.resolve import resolve
from opendata.wire.catalogue import RunOutcome
from opendata.wire.errors import OpenDataError
from opendata.wire.ids import DatasetId, Reference
from opendata.wire.pointer import Pointer
from opendata.wire.times import format_instant
from opendata.wire.version import Version, parse_version


@dataclass(frozen=True)
class Moved:
    """Which release readers saw before and which they see now; `moved` is False for the same.

    `yanked` are the releases that the move withdraws, `usages` who is known to have read them.
    """

    id: str
    before: str
    release: str
    generation: int
    moved: bool
    by: str
    reason: str | None
    yanked: tuple[str, ...]
    usages: Usages
    behind: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The move by name."""
        return {
            "id": self.id,
            "before": self.before,
            "release": self.release,
            "generation": self.generation,
            "moved": self.moved,
            "by": self.by,
            "reason": self.reason,
            "yanked": list(self.yanked),
            **self.usages.to_json(),
        }


def roll_back(
    ports: ReleasePorts,
    dataset: DatasetId,
    version: Version,
    *,
    by: str,
    reason: str | None = None,
) -> Moved:
    """Point readers at an earlier release, withdraw what came after it, and tell who used that.

    Where readers are at that release already, what an interrupted rollback left undone is finished.

    Raises:
        NotFound, Rejected: if data set or release do not exist, or its objects are gone.
        Conflict: if somebody published meanwhile.
    """
    check_reason(reason)
    ahead = look_ahead(ports, dataset, version, by=by, reason=reason, usages=False)
    published = move_back(ports, dataset, version)
    marks = settle_yanks(ports, dataset, by=by, reason=reason)
    behind = None
    if published.moved or marks or not _is_shown(ports, dataset, published.pointer):
        behind = _show(ports, dataset, ahead)
    yanked = {*ahead.yanked, *(mark.release for mark in marks if mark.mark == "yank")}
    return dataclasses.replace(
        ahead,
        generation=published.pointer.generation,
        moved=published.moved,
        yanked=_sorted(yanked),
        usages=find_usages(ports, dataset, [parse_version(one) for one in yanked]),
        behind=behind,
    )


def look_ahead(
    ports: ReleasePorts,
    dataset: DatasetId,
    version: Version,
    *,
    by: str,
    reason: str | None = None,
    usages: bool = True,
) -> Moved:
    """What :func:`roll_back` would do; without `usages` nobody is asked who read what.

    Raises:
        NotFound: if data set or release do not exist.
    """
    current = resolve(ports.store, Reference(dataset))
    resolve(ports.store, Reference(dataset, version))
    moves = current.version != version
    yanked = published_after(ports.store, dataset, current, version) if moves else set()
    asked = [parse_version(one) for one in yanked] if usages else []
    return Moved(
        id=str(dataset),
        before=str(current.version),
        release=str(version),
        generation=(current.pointer.generation if current.pointer else 0) + moves,
        moved=moves,
        by=by,
        reason=reason,
        yanked=_sorted(yanked),
        usages=find_usages(ports, dataset, asked),
    )


def _sorted(versions: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(versions, key=parse_version))


def _is_shown(ports: ReleasePorts, dataset: DatasetId, pointer: Pointer) -> bool:
    return shown_generation(ports.store, dataset) == pointer.generation


def _show(ports: ReleasePorts, dataset: DatasetId, moved: Moved) -> str | None:
    """Bring the copies along, also those that an interrupted rollback left behind.

    The pointer has moved by now: that copies cannot be made is told, and no failure.
    """
    try:
        derive_copies(ports, dataset)
        _record(ports, dataset, moved)
    except OpenDataError as error:
        return f"the copies are behind: {error.message}; od repair {dataset} brings them up to date"
    return None


def _record(ports: ReleasePorts, dataset: DatasetId, moved: Moved) -> None:
    message = f"rolled back from {moved.before} to {moved.release}"
    outcome = RunOutcome(
        run_id=uuid.uuid4().hex,
        by=moved.by,
        at=format_instant(ports.now()),
        outcome="published",
        release=moved.release,
        message=f"{message}: {moved.reason}" if moved.reason else message,
    )
    show_outcome(ports, dataset, outcome)
