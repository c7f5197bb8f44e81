"""Sweep: remove what two marks apart in time found to be needed by nobody.

Order: the journal, which tells publishers what is about to go (see `condemned`); then the roots
once more, whole; then each object, looked at once more; then the record; then the journal goes.
Killed anywhere, a journal may be left: the next collection writes the record that is missing,
drops it, and finds what is left by the marks as ever. Nothing is undone and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from dataplatform.releases.collecting.condemned import (
    ABANDONED_AFTER,
    REMOVES_FOR,
    is_abandoned,
    read_journal,
)
from dataplatform.releases.collecting.look import EXAMPLES_MAX, Look, Progress, Rules, Tally, look
from dataplatform.releases.collecting.mark import StoredMark, new_id, newest_ripe_mark, write_mark
from dataplatform.releases.collecting.roots import Roots
from dataplatform.releases.collecting.store_clock import modified_at, store_now
from dataplatform.releases.objects import JSON
from dataplatform.releases.ports import ReleasePorts
from opendata.stores.parallel import in_parallel
from opendata.stores.port import AlreadyExists
from opendata.wire import keys
from opendata.wire.collection import CollectionJournal, CollectionRecord, UnnamedObject
from opendata.wire.errors import Conflict, Corrupt, OpenDataError, Rejected
from opendata.wire.times import format_instant
from opendata.wire.words import counted, human_bytes

REMOVALS_AT_ONCE: Final = 8


@dataclass
class Collection:
    """What a collection did. `mark` is the one that it left for the next."""

    look: Look
    compared_with: str | None
    removed: list[UnnamedObject] = field(default_factory=list)
    kept: int = 0
    mark: str = ""
    id: str | None = None

    @property
    def removed_tally(self) -> Tally:
        """How many objects went, and their bytes."""
        return Tally(len(self.removed), sum(one.size_bytes for one in self.removed))

    def to_json(self) -> dict[str, Any]:
        """What went, what was needed after all, and the look that it came from."""
        return {
            "collection": self.id,
            "compared_with": self.compared_with,
            "mark": self.mark,
            "removed": self.removed_tally.to_json()
            | {"keys": [keys.object_key(one.digest) for one in self.removed[:EXAMPLES_MAX]]},
            "kept_after_all": self.kept,
            **self.look.to_json(),
        }


def collect(
    ports: ReleasePorts,
    roots: Roots,
    rules: Rules,
    *,
    force: bool = False,
    advance: Progress = lambda step: None,
) -> Collection:
    """Remove what is due, and leave a mark for the next collection; the first one only marks.

    Args:
        force: Let more go at once than `rules.share_max`, or after frozen manifests were removed
            by hand.

    Raises:
        Conflict: if another collection is at work.
        Rejected: if too much would go, nothing is published, or a listing is not complete.
        Corrupt: naming a root that cannot be read.
    """
    at = store_now(ports)
    _settle_journals(ports, at)
    ripe = newest_ripe_mark(ports, at, rules)
    found = look(ports, roots, at, ripe.marked if ripe else None, rules, advance)
    result = Collection(found, ripe.mark.id if ripe else None)
    if ripe is not None and found.due:
        if not force:
            _refuse_fewer_manifests(found, ripe)
            _refuse_too_much(found, rules)
        _remove(ports, result, ripe, at, rules)
    removed = frozenset(one.digest for one in result.removed)
    result.mark = write_mark(ports, found, ripe, removed)
    return result


def _refuse_fewer_manifests(found: Look, ripe: StoredMark) -> None:
    now = found.roots.manifests
    for dataset, count in ripe.mark.manifests.items():
        if now.get(dataset, 0) < count:
            raise Rejected(
                f"{dataset} has {counted(now.get(dataset, 0), 'frozen manifest')}, and had {count} "
                f"at the mark of {ripe.mark.at}: the listing is not complete, or somebody removed "
                "some by hand",
                code="fewer_manifests",
                hint="if they were removed on purpose: od gc --apply --force",
                details={"dataset": dataset, "listed": now.get(dataset, 0), "marked": count},
            )


def _refuse_too_much(found: Look, rules: Rules) -> None:
    total, due = found.total, Tally(len(found.due), sum(one.size_bytes for one in found.due))
    share = max(due.objects / total.objects, due.size_bytes / max(total.size_bytes, 1))
    if share > rules.share_max:
        raise Rejected(
            f"{counted(due.objects, 'object')} with {human_bytes(due.size_bytes)} would go, of "
            f"{total.objects:,} with {human_bytes(total.size_bytes)}: more than "
            f"{rules.share_max:.0%} at once",
            code="too_much",
            hint="od gc lists them; if that is right: od gc --apply --force",
            details={"due": due.to_json(), "total": total.to_json()},
        )


def _remove(
    ports: ReleasePorts, result: Collection, ripe: StoredMark, at: datetime, rules: Rules
) -> None:
    began = ports.now()
    journal = CollectionJournal(
        id=new_id(at), at=format_instant(at), mark=ripe.mark.id, objects=tuple(result.look.due)
    )
    key = keys.collection_journal_key(journal.id)
    ports.store.put_new(key, journal.to_bytes(), content_type=JSON)
    result.id = journal.id
    # Only now: what was named before the journal could be seen is in these roots.
    try:
        result.look.roots.read()
    except OpenDataError:
        ports.store.delete(key)  # nothing was removed, so nobody has to wait for it
        raise
    named = result.look.roots.hold([one.digest for one in journal.objects])
    going = (one for one, is_named in zip(journal.objects, named, strict=True) if not is_named)
    limit = min(ripe.at, at - rules.grace)

    def in_time() -> Iterator[UnnamedObject]:
        for one in going:
            if not timedelta() <= ports.now() - began <= REMOVES_FOR:
                return  # from here on others may take this collection for dead
            yield one

    gone = in_parallel(partial(_remove_object, ports, limit), in_time(), REMOVALS_AT_ONCE)
    result.removed = [one for one in gone if one is not None]
    result.kept = len(journal.objects) - len(result.removed)
    _close(ports, journal, result.removed)


def _remove_object(
    ports: ReleasePorts, limit: datetime, one: UnnamedObject
) -> UnnamedObject | None:
    """Remove an object unless it was written anew; None if it was, or is gone already."""
    stat = ports.store.stat(keys.object_key(one.digest))
    if stat is None or modified_at(ports, stat) >= limit:
        return None
    ports.store.delete(stat.key)
    return one


def _settle_journals(ports: ReleasePorts, at: datetime) -> None:
    """End what killed collections left.

    Raises:
        Conflict: if one of them is not dead.
    """
    for stat in [*ports.store.list(keys.COLLECTION_JOURNALS)]:
        if not is_abandoned(ports, stat, at):
            since = format_instant(modified_at(ports, stat))
            raise Conflict(
                f"another collection is at work since {since} ({stat.key})",
                code="collecting",
                hint=f"wait for it; one that was killed is ended by od gc --apply "
                f"{ABANDONED_AFTER.seconds // 3600} h after it began",
                details={"journal": stat.key},
            )
        try:
            journal = read_journal(ports, stat.key)
        except Corrupt:
            ports.store.delete(stat.key)  # of what it did nothing can be told
            continue
        if journal is not None:
            _close(ports, journal, _gone(ports, journal))


def _gone(ports: ReleasePorts, journal: CollectionJournal) -> list[UnnamedObject]:
    wanted = (keys.object_key(one.digest) for one in journal.objects)
    stats = in_parallel(ports.store.stat, wanted, REMOVALS_AT_ONCE)
    return [one for one, stat in zip(journal.objects, stats, strict=True) if stat is None]


def _close(ports: ReleasePorts, journal: CollectionJournal, removed: list[UnnamedObject]) -> None:
    record = CollectionRecord(
        id=journal.id,
        at=journal.at,
        mark=journal.mark,
        removed=tuple(removed),
        kept=len(journal.objects) - len(removed),
    )
    key = keys.collection_record_key(journal.id)
    with suppress(AlreadyExists):  # it was killed between the record and what follows
        ports.store.put_new(key, record.to_bytes(), content_type=JSON)
    ports.store.delete(keys.collection_journal_key(journal.id))
