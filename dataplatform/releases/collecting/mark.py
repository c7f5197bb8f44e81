"""Marks: what nobody named at one time, written down for a later collection to compare with.

A mark removes nothing. Here belong writing, finding and dropping them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dataplatform.releases.collecting.look import (
    Look,
    Marked,
    Progress,
    Rules,
    look,
)
from dataplatform.releases.collecting.roots import Roots
from dataplatform.releases.collecting.store_clock import modified_at, store_now
from dataplatform.releases.objects import JSON
from dataplatform.releases.ports import ReleasePorts
from opendata.wire import keys
from opendata.wire.codec import read_wire
from opendata.wire.collection import CollectionMark
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.times import format_instant

_NONCE_BYTES: Final = 4


@dataclass(frozen=True)
class StoredMark:
    """A mark and when it was stored, by the store's clock."""

    mark: CollectionMark
    at: datetime

    @property
    def marked(self) -> Marked:
        """What a look compares with."""
        digests = frozenset(one.digest for one in self.mark.objects)
        return Marked(self.mark.id, self.at, digests)


@dataclass(frozen=True)
class MarkMade:
    """A mark that was just written, and the look that it came from."""

    id: str
    look: Look

    def to_json(self) -> dict[str, Any]:
        """The mark's id and the look."""
        return {"mark": self.id, **self.look.to_json()}


def mark_unneeded(
    ports: ReleasePorts,
    roots: Roots,
    rules: Rules,
    advance: Progress = lambda step: None,
) -> MarkMade:
    """Look, and write down what nobody names. Raises as `look`."""
    at = store_now(ports)
    ripe = newest_ripe_mark(ports, at, rules)
    found = look(ports, roots, at, ripe.marked if ripe else None, rules, advance)
    return MarkMade(write_mark(ports, found, ripe, removed=frozenset()), found)


def look_only(
    ports: ReleasePorts,
    roots: Roots,
    rules: Rules,
    advance: Progress = lambda step: None,
) -> Look:
    """What collecting would find now, by this machine's clock: nothing is written. See `look`."""
    at = ports.now()
    ripe = newest_ripe_mark(ports, at, rules)
    return look(ports, roots, at, ripe.marked if ripe else None, rules, advance)


def newest_ripe_mark(ports: ReleasePorts, at: datetime, rules: Rules) -> StoredMark | None:
    """The newest mark that lies far enough back. A damaged one counts for nothing."""
    ripe = [
        (stored_at, key) for stored_at, key in _marks(ports) if at - stored_at >= rules.interval
    ]
    for stored_at, key in sorted(ripe, reverse=True):
        if (mark := _read(ports, key)) is not None:
            return StoredMark(mark, stored_at)
    return None


def newest_mark_at(ports: ReleasePorts) -> datetime | None:
    """When the newest mark was stored; the next collection is due an interval later."""
    return max((stored_at for stored_at, _ in _marks(ports)), default=None)


def write_mark(
    ports: ReleasePorts, found: Look, ripe: StoredMark | None, removed: frozenset[str]
) -> str:
    """Write down what a look found, but for what was removed since; returns the mark's id.

    Marks older than the newest ripe one are dropped: no later collection will ask for them.
    """
    identity = new_id(found.at)
    unnamed = sorted((*found.due, *found.unmarked), key=lambda one: one.digest)
    mark = CollectionMark(
        id=identity,
        at=format_instant(found.at),
        manifests=found.roots.manifests,
        objects=tuple(one for one in unnamed if one.digest not in removed),
        left_out=found.left_out,
    )
    ports.store.put_new(keys.collection_mark_key(identity), mark.to_bytes(), content_type=JSON)
    if ripe is not None:
        for stored_at, key in _marks(ports):
            if stored_at < ripe.at:
                ports.store.delete(key)
    return identity


def new_id(at: datetime) -> str:
    """A name that tells the time and that nobody else has."""
    return f"{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(_NONCE_BYTES)}"


def _marks(ports: ReleasePorts) -> list[tuple[datetime, str]]:
    """When each was stored, and its key."""
    stats = ports.store.list(keys.COLLECTION_MARKS)
    return [(modified_at(ports, stat), stat.key) for stat in stats]


def _read(ports: ReleasePorts, key: str) -> CollectionMark | None:
    try:
        data = ports.store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
        return read_wire(CollectionMark, data, key)
    except (NotFound, Corrupt):
        return None
