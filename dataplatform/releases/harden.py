"""Harden: from a soft freeze to a hard one; there is no way back (requirements S4-53, S4-54, B2).

A release hardens by itself when its observation window is over: the clock alone decides, and the
mark that a schedule writes afterwards only records it. Hardening it earlier is a decision of
somebody, and closes the release's line: what comes next stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from dataplatform.releases.marks import generation_of, put_mark
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.marks import find_mark
from opendata.reading.resolve import Release, read_release, resolve
from opendata.stores.parallel import in_parallel
from opendata.wire import keys
from opendata.wire.errors import Corrupt
from opendata.wire.ids import DatasetId, Reference
from opendata.wire.marks import FreezeState, Mark, freeze_state, new_mark
from opendata.wire.version import Version, is_version, parse_version

HARD: Final = "hard"


@dataclass(frozen=True)
class Hardened:
    """A release before and after it was asked to be hard; `wrote` if a mark was written for it."""

    release: Release
    before: FreezeState
    after: FreezeState
    wrote: bool

    def to_json(self) -> dict[str, Any]:
        """The step by name."""
        return {
            "id": str(self.release.id),
            "release": str(self.release.version),
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "wrote": self.wrote,
        }


def harden(
    ports: ReleasePorts,
    dataset: DatasetId,
    version: Version,
    *,
    by: str,
    reason: str | None = None,
    dry_run: bool = False,
) -> Hardened:
    """Make a release hard now, and record that it is.

    Hardening again changes nothing, and of two at once the first one's mark stands. It holds for
    every publish that begins afterwards.

    Raises:
        NotFound: if there is no such release.
        Corrupt: if it, or its mark, is damaged.
    """
    release = resolve(ports.store, Reference(dataset, version))
    mark = find_mark(ports.store, dataset, version, HARD)
    now = ports.now()
    before = freeze_state(release.manifest.freeze, mark, now)
    if mark is not None:
        return Hardened(release, before, before, wrote=False)
    wanted = _mark(release, before, now, generation_of(ports, dataset), by=by, reason=reason)
    if dry_run:
        return Hardened(release, before, freeze_state(release.manifest.freeze, wanted, now), False)
    wrote = put_mark(ports, HARD, wanted)
    stands = wanted if wrote else find_mark(ports.store, dataset, version, HARD)
    return Hardened(release, before, freeze_state(release.manifest.freeze, stands, now), wrote)


def harden_due(
    ports: ReleasePorts, dataset: DatasetId, *, by: str, dry_run: bool = False
) -> list[Version]:
    """Record every release that is hard by now and has no mark that says so; oldest first.

    Two lists tell which releases have no mark, and only those are read.

    Raises:
        Corrupt: if one of them is damaged; the others are marked before.
    """
    now = ports.now()
    looked = list(in_parallel(partial(_look, ports, dataset), _unmarked(ports, dataset)))
    due = [
        (release, state)
        for release in looked
        if isinstance(release, Release)
        and (state := freeze_state(release.manifest.freeze, None, now)).mode == HARD
    ]
    if due and not dry_run:
        generation = generation_of(ports, dataset)
        marks = [_mark(release, state, now, generation, by=by) for release, state in due]
        list(in_parallel(partial(put_mark, ports, HARD), marks))
    for problem in looked:
        if isinstance(problem, Corrupt):
            raise problem
    return [release.version for release, _ in due]


def _look(ports: ReleasePorts, dataset: DatasetId, version: Version) -> Release | Corrupt:
    try:
        return read_release(ports.store, dataset, version)
    except Corrupt as error:
        return error


def _unmarked(ports: ReleasePorts, dataset: DatasetId) -> list[Version]:
    """The releases without a hard mark."""
    marked = set(_names(ports, keys.mark_prefix(dataset), f".{HARD}.json"))
    frozen = set(_names(ports, keys.release_prefix(dataset), ".json"))
    return sorted(parse_version(name) for name in frozen - marked if is_version(name))


def _names(ports: ReleasePorts, prefix: str, ending: str) -> Iterator[str]:
    for stat in ports.store.list(prefix):
        if stat.key.endswith(ending):
            yield stat.key.removeprefix(prefix).removesuffix(ending)


def _mark(
    release: Release,
    state: FreezeState,
    now: datetime,
    generation: int,
    *,
    by: str,
    reason: str | None = None,
) -> Mark:
    return new_mark(
        (str(release.id), str(release.version), release.stored_sha256),
        "hard",
        at=now,
        by=by,
        generation=generation,
        reason=reason,
        cause=state.cause or "early",
    )
