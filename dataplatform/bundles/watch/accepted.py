"""Accepted: files that were found damaged, and that a bundle takes as they are now.

Whoever indexes a channel again may mean it, since a file may have been delivered anew. Or damage
became the truth and nobody knew, so here belongs telling it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.damage import identity, read_damage
from opendata.wire.bundle import LockedChannel
from opendata.wire.words import counted

_SHOWN: Final = 3


def accepted_damage(ports: BundlePorts, channels: Iterable[LockedChannel]) -> tuple[str, ...]:
    """A sentence for each channel with files whose damaged bytes it has now.

    Raises:
        Corrupt, NotFound, Denied, Unavailable: as the store answers.
    """
    return tuple(told for one in channels if (told := _of_channel(ports, one)))


def _of_channel(ports: BundlePorts, locked: LockedChannel) -> str | None:
    damage = read_damage(ports.store, locked.channel, locked.version)
    as_found = {identity(one.path, one.found): one for one in damage.values() if one.found}
    if not as_found:
        return None
    # Seldom needed, and it takes time to load.
    from dataplatform.bundles.watch.completeness import locked_damage, open_locked

    taken = locked_damage(open_locked(ports, locked), locked, as_found).values()
    if not taken:
        return None
    shown = sorted(one.path for one in taken)
    more = " and others" if len(shown) > _SHOWN else ""
    return (
        f"{locked.channel} {locked.version}: {counted(len(shown), 'file')} that "
        f"{'was' if len(shown) == 1 else 'were'} found damaged "
        f"{'is' if len(shown) == 1 else 'are'} locked as now: {', '.join(shown[:_SHOWN])}{more}; "
        "unless delivered anew, restore them and index again"
    )
