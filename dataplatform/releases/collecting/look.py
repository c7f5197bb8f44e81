"""Collect: what lies in `objects/` and is needed by nobody, told apart from what is (B2).

Here belong the rules and the look at all objects; what is needed stands in `roots`, what two looks
apart in time lead to in `mark` and `sweep`. Nothing here writes or removes.

An object may go if no root names it, it is older than the grace age, and an earlier mark found the
same. Objects are listed in 256 parts, so that memory holds a part, the digests that are named, and
at most `OBJECTS_MAX` objects that are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from dataplatform.releases.collecting.roots import Roots, RootSource, StoreDocuments
from dataplatform.releases.collecting.store_clock import modified_at
from dataplatform.releases.ports import ReleasePorts
from opendata.stores.parallel import in_parallel
from opendata.stores.port import ObjectStat
from opendata.wire import keys
from opendata.wire.collection import OBJECTS_MAX, UnnamedObject
from opendata.wire.digest import is_digest
from opendata.wire.errors import Rejected
from opendata.wire.times import format_instant

Progress = Callable[[str], None]
STEPS: Final = len(keys.object_prefixes()) + 1
"""How often a look tells its progress."""
EXAMPLES_MAX: Final = 1000


@dataclass(frozen=True)
class Rules:
    """How careful a collection is.

    `grace` is how old an object must be (by the store's clock) before anybody asks who needs it,
    `interval` how far two marks must lie apart, `share_max` which part of all objects or bytes may
    go at once.
    """

    grace: timedelta = timedelta(hours=24)
    interval: timedelta = timedelta(hours=4)
    share_max: float = 0.10
    objects_max: int = OBJECTS_MAX


class Standing(StrEnum):
    """Why an object stays for now, or that it may go."""

    NAMED = "named"
    YOUNG = "young"
    UNMARKED = "unmarked"
    DUE = "due"


@dataclass
class Tally:
    """How many objects, and their bytes."""

    objects: int = 0
    size_bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """One more."""
        self.objects += 1
        self.size_bytes += size_bytes

    def to_json(self) -> dict[str, int]:
        """`{"objects": n, "size_bytes": n}`."""
        return {"objects": self.objects, "size_bytes": self.size_bytes}


@dataclass(frozen=True)
class Marked:
    """What an earlier mark says: which digests, and when by the store's clock."""

    id: str
    at: datetime
    digests: frozenset[str]


@dataclass
class Look:
    """All objects by standing. `due` and `unmarked` are those that nobody names, up to a bound;
    `left_out` counts those beyond it."""

    at: datetime
    roots: Roots
    tallies: dict[Standing, Tally] = field(
        default_factory=lambda: {standing: Tally() for standing in Standing}
    )
    due: list[UnnamedObject] = field(default_factory=list)
    unmarked: list[UnnamedObject] = field(default_factory=list)
    left_out: int = 0

    @property
    def total(self) -> Tally:
        """All objects."""
        tallies = self.tallies.values()
        return Tally(sum(t.objects for t in tallies), sum(t.size_bytes for t in tallies))

    def to_json(self) -> dict[str, Any]:
        """Counts by standing, and the first of those that nobody names."""
        return {
            "at": format_instant(self.at),
            "documents": self.roots.documents,
            "datasets": len(self.roots.manifests),
            "objects": {str(name): tally.to_json() for name, tally in self.tallies.items()},
            "due": [_shown(one) for one in self.due[:EXAMPLES_MAX]],
            "unmarked": [_shown(one) for one in self.unmarked[:EXAMPLES_MAX]],
        }


def roots_of(ports: ReleasePorts, others: Sequence[RootSource] = ()) -> Roots:
    """The roots in a store, and what others know of besides; not read yet."""
    return Roots([StoreDocuments(ports.store), *others])


def look(
    ports: ReleasePorts,
    roots: Roots,
    at: datetime,
    marked: Marked | None,
    rules: Rules,
    advance: Progress = lambda step: None,
) -> Look:
    """Read what is needed and go through all objects; changes nothing.

    Raises:
        Corrupt: naming a root that cannot be read.
        Rejected: if nothing is published while there are objects, or a listing is not complete.
        Unavailable: if the store does not answer, or tells no times.
    """
    roots.read()
    advance("reading what is needed")
    found = Look(at, roots)
    for stats in _listed(ports):
        _judge(ports, found, stats, marked, rules)
        advance("looking at objects")
    if found.total.objects and not roots.has_frozen:
        raise Rejected(
            f"{ports.store.url} has {found.total.objects:,} objects, and no release or bundle was "
            "found that could name them: nothing is removed",
            code="no_roots",
            hint="if releases are there, the listing is broken: od repair; else remove the store",
        )
    return found


def _listed(ports: ReleasePorts) -> Iterator[list[ObjectStat]]:
    return in_parallel(lambda prefix: [*ports.store.list(prefix)], keys.object_prefixes())


def _judge(
    ports: ReleasePorts,
    found: Look,
    stats: list[ObjectStat],
    marked: Marked | None,
    rules: Rules,
) -> None:
    # What lies here under another name was put here by hand, and is nobody's to remove.
    stats = [stat for stat in stats if is_digest(keys.digest_of_object_key(stat.key))]
    named = found.roots.hold([keys.digest_of_object_key(stat.key) for stat in stats])
    for stat, is_named in zip(stats, named, strict=True):
        if is_named:
            standing = Standing.NAMED
        else:
            standing = _standing(stat.key, modified_at(ports, stat), found.at, marked, rules)
        if standing in (Standing.DUE, Standing.UNMARKED):
            standing = _keep_in_mind(ports, found, stat, standing, rules)
        found.tallies[standing].add(stat.size)


def _standing(
    key: str, written_at: datetime, at: datetime, marked: Marked | None, rules: Rules
) -> Standing:
    if at - written_at < rules.grace:
        return Standing.YOUNG
    # Whoever came to need it since the mark has written it anew.
    if marked and written_at < marked.at and keys.digest_of_object_key(key) in marked.digests:
        return Standing.DUE
    return Standing.UNMARKED


def _keep_in_mind(
    ports: ReleasePorts, found: Look, stat: ObjectStat, standing: Standing, rules: Rules
) -> Standing:
    if len(found.due) + len(found.unmarked) >= rules.objects_max:
        found.left_out += 1
        return Standing.UNMARKED
    one = UnnamedObject(
        digest=keys.digest_of_object_key(stat.key),
        size_bytes=stat.size,
        modified_at=format_instant(modified_at(ports, stat)),
    )
    (found.due if standing is Standing.DUE else found.unmarked).append(one)
    return standing


def _shown(one: UnnamedObject) -> dict[str, Any]:
    return {"key": keys.object_key(one.digest), **one.to_json()}
