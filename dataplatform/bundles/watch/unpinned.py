"""Damage that no bundle is concerned with any more: of files as an index named them that is pinned
no longer.

Once a bundle was locked anew over files that were delivered again, nobody hashes the old bytes, so
nothing would ever clear what was remembered of them. Here belongs forgetting it; what is hashed
clears itself (`scrub`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.completeness import open_locked, rows_of
from dataplatform.bundles.watch.damage import DamagedFile, identity, note_damage, read_damage
from dataplatform.bundles.watch.scrub import wanted_of
from dataplatform.bundles.watch.watched import Unit, units_of
from opendata.wire.bundle import BundleLock
from opendata.wire.errors import Corrupt, NotFound


def forget_unpinned(ports: BundlePorts, locks: Iterable[BundleLock]) -> tuple[str, ...]:
    """Forget damage that none of the locks pins; returns the paths of what was forgotten.

    Reads indexes of such versions of channels alone of which damage is known. Where one of them
    cannot be read, nothing of that version is forgotten.

    Raises:
        Conflict, Denied, Unavailable: as the store answers.
    """
    by_version: dict[tuple[str, str], list[Unit]] = defaultdict(list)
    for unit in units_of(locks):
        by_version[unit.channel, unit.version].append(unit)
    forgotten: list[str] = []
    for name, units in by_version.items():
        known = dict(read_damage(ports.store, *name))
        try:
            stale = _without_pinned(ports, units, known)
        except (Corrupt, NotFound):
            continue
        if stale:
            note_damage(ports.store, *name, sound=stale)
            forgotten += [one.path for one in stale.values()]
    return tuple(forgotten)


def _without_pinned(
    ports: BundlePorts, units: Sequence[Unit], known: dict[str, DamagedFile]
) -> dict[str, DamagedFile]:
    left = dict(known)
    # Whole indexes, since completeness may count the channel as a whole; each of them once.
    indexes = {unit.locked.index: unit.locked for unit in units}
    for locked in indexes.values() if left else ():
        for rows in rows_of(open_locked(ports, locked)):
            for one in wanted_of(rows):
                left.pop(identity(one.path, one.checksum), None)
            if not left:
                break
    return left
