"""Leftovers of bundles and channels that nobody comes back for: old claims, abandoned segments.

Here belongs which they are. A claim goes with its partition, once it is as old as partitions get;
then an event that is told again asks for a run that finds its work done. What an interrupted
indexing put aside goes after a week: whoever meant to go on would have, and files are read again
otherwise. Locks, indexes and documents are no leftovers, however old.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dataplatform.bundles.claims import Claim
from dataplatform.bundles.requests import BundleRequest
from dataplatform.bundles.retention import PartitionRules
from opendata.stores.port import ObjectReader, ObjectStat, ObjectStore
from opendata.wire import keys
from opendata.wire.codec import read_wire
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.limits import MARK_MAX_BYTES
from opendata.wire.times import parse_instant

SEGMENTS_FOR: Final = timedelta(days=7)
_PROGRESS: Final = "/progress/"


@dataclass(frozen=True)
class Leftovers:
    """The keys of what may go, in order; `size_bytes` of the segments."""

    claims: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    size_bytes: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.claims, *self.segments)


def find_leftovers(
    reader: ObjectStore,
    now: datetime,
    partitions: Collection[str] | None = None,
    rules: PartitionRules | None = None,
) -> Leftovers:
    """What may go, as of `now`.

    Costs a listing of channels and one of claims, and a request for each claim that is old.

    Args:
        partitions: Those that the control room has; without them no claim goes.

    Raises:
        NotFound: if there is no store.
        Denied, Unavailable: as the store answers.
    """
    segments = [one for one in reader.list(keys.CHANNELS) if _PROGRESS in one.key]
    old = [one for one in segments if _is_older(one, now, SEGMENTS_FOR)]
    claims = () if partitions is None else _claims(reader, now, partitions, rules)
    return Leftovers(tuple(claims), tuple(one.key for one in old), sum(one.size for one in old))


def drop_leftovers(store: ObjectStore, found: Leftovers) -> None:
    """Remove them; what is gone already is no matter.

    Raises:
        Denied, Unavailable: as the store answers; doing it again goes on.
    """
    for key in found.keys:
        store.delete(key)


def _claims(
    reader: ObjectStore,
    now: datetime,
    partitions: Collection[str],
    rules: PartitionRules | None,
) -> Iterator[str]:
    age = (rules or PartitionRules()).younger_than
    known = frozenset(partitions)
    for stat in reader.list(f"{keys.EVENTS}bundles/"):
        if not _is_older(stat, now, age):
            continue  # it was written since: to read it would tell nothing else
        claim = _claim(reader, stat.key)
        if claim is None or now - parse_instant(claim.claimed_at) < age:
            continue
        if BundleRequest(claim.path, claim.commit).partition not in known:
            yield stat.key


def _is_older(stat: ObjectStat, now: datetime, age: timedelta) -> bool:
    return stat.modified_at is not None and now - stat.modified_at >= age


def _claim(reader: ObjectReader, key: str) -> Claim | None:
    try:
        return read_wire(Claim, reader.get(key, max_bytes=MARK_MAX_BYTES).data, key)
    except (NotFound, Corrupt):
        return None  # what cannot be read tells no age: it stays
