"""The store's own clock: what time it is where the ages of objects are written down.

Machines' clocks differ, and removing by a clock that is a day ahead removes what is young. So
whoever removes objects asks the store, by writing one and looking when that was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from dataplatform.ports import Clock
from dataplatform.releases.objects import JSON
from opendata.stores.port import ObjectStat, ObjectStore
from opendata.wire import keys
from opendata.wire.digest import canonical_json
from opendata.wire.errors import Unavailable
from opendata.wire.times import format_instant


class StoreAndClock(Protocol):
    """What every feature's ports have: the store and this machine's clock."""

    @property
    def store(self) -> ObjectStore:
        """The store."""
        ...

    @property
    def now(self) -> Clock:
        """The clock."""
        ...


def store_now(ports: StoreAndClock) -> datetime:
    """The time in UTC by the store's clock; costs one small write.

    Raises:
        Unavailable: if the store tells no times.
    """
    key = keys.COLLECTION_CLOCK
    ports.store.put(
        key, canonical_json({"asked_at": format_instant(ports.now())}), content_type=JSON
    )
    stat = ports.store.stat(key)
    if stat is None:
        raise _untold(ports, key)
    return modified_at(ports, stat)


def modified_at(ports: StoreAndClock, stat: ObjectStat) -> datetime:
    """When an object was written, by the store's clock.

    Raises:
        Unavailable: if the store does not say.
    """
    if stat.modified_at is None:
        raise _untold(ports, stat.key)
    return stat.modified_at


def _untold(ports: StoreAndClock, key: str) -> Unavailable:
    return Unavailable(
        f"{ports.store.url} does not say when {key} was written, so nothing can be told to be old",
        code="no_store_clock",
    )
