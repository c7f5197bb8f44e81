"""Condemned: objects that a collection is removing right now, as whoever needs them sees it.

There is no conditional delete, so the two sides meet through documents. A collection writes its
journal and only then looks for the last time who needs what; whoever needs objects names them in a
document first (a candidate, a frozen manifest) and only then looks at the journals. Whatever the
order of the four steps, one of the two sees the other: the collection keeps the object, or the
other one waits and finds out whether it is still there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from dataplatform.releases.collecting.roots import RootDocument, digests_in
from dataplatform.releases.collecting.store_clock import StoreAndClock, modified_at, store_now
from opendata.stores.port import ObjectStat
from opendata.wire import keys
from opendata.wire.codec import read_wire
from opendata.wire.collection import CollectionJournal
from opendata.wire.errors import NotFound, Unavailable
from opendata.wire.limits import DOCUMENT_MAX_BYTES

REMOVES_FOR: Final = timedelta(hours=1)
"""So long after it began a collection removes at most; what is left is the next one's."""
ABANDONED_AFTER: Final = timedelta(hours=2)
"""A journal so old, by the store's clock, belongs to a collection that was killed."""


def require_not_condemned(ports: StoreAndClock, document: Callable[[], bytes], what: str) -> None:
    """Refuse to go on with a document that is stored already, while what it needs is removed.

    Costs one listing, of nothing unless a collection is at work; `document` is asked for its bytes
    only then.

    Raises:
        Unavailable: naming the collection; once it has ended, trying again tells what is there.
    """
    needed: set[bytes] = set()
    for stat in [*ports.store.list(keys.COLLECTION_JOURNALS)]:
        if is_abandoned(ports, stat, store_now(ports)):
            continue
        if (journal := read_journal(ports, stat.key)) is None:
            continue
        needed = needed or {*RootDocument(what, digests_in(document())).each_digest()}
        condemned = [one.digest for one in journal.objects if bytes.fromhex(one.digest) in needed]
        if condemned:
            raise Unavailable(
                f"{what} needs {keys.object_key(condemned[0])}, which a collection is removing "
                f"since {journal.at}",
                code="being_collected",
                hint="run the same command again in a few minutes; a collection that was killed "
                "is in the way for two hours at most",
                details={"journal": stat.key, "objects": condemned[:100]},
            )


def is_abandoned(ports: StoreAndClock, journal: ObjectStat, at: datetime) -> bool:
    """Whether a journal's collection was killed; `at` is the store's time."""
    return at - modified_at(ports, journal) >= ABANDONED_AFTER


def read_journal(ports: StoreAndClock, key: str) -> CollectionJournal | None:
    """A journal, or None if its collection has ended meanwhile.

    Raises:
        Corrupt: if it is damaged.
    """
    try:
        data = ports.store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
    except NotFound:
        return None
    return read_wire(CollectionJournal, data, key)
