"""Which bundles are watched, and which versions of channels lie below them.

Here belongs going from the bundles' pointers to locks, and from locks to what each pins, named once
however many bundles pin it. The catalogue is not asked: it may be behind, or damaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dataplatform.bundles.ports import BundlePorts
from opendata.reading.file_index.bundles import read_bundle
from opendata.reading.file_index.query import FileQuery
from opendata.stores.parallel import in_parallel
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, BundleRef, LockedChannel, parse_bundle_ref
from opendata.wire.errors import Corrupt, InvalidInput, NotFound


@dataclass(frozen=True)
class Unreadable:
    """A bundle whose lock cannot be read, and why."""

    bundle: str
    problem: str


@dataclass(frozen=True)
class Watched:
    """The current locks, in the order of their names, and the bundles that have none to read."""

    locks: tuple[BundleLock, ...]
    unreadable: tuple[Unreadable, ...] = ()


def watched_bundles(ports: BundlePorts) -> Watched:
    """Every published bundle's current lock.

    Raises:
        NotFound: if there is no store.
        Denied, Unavailable: as the store answers.
    """
    found = list(in_parallel(lambda ref: _lock(ports, ref), list(_published(ports))))
    locks = tuple(one for one in found if isinstance(one, BundleLock))
    return Watched(locks, tuple(one for one in found if isinstance(one, Unreadable)))


def _published(ports: BundlePorts) -> Iterator[BundleRef]:
    ending = "/latest.json"
    for stat in ports.store.list(keys.BUNDLES):
        if stat.key.endswith(ending):
            try:
                yield parse_bundle_ref(stat.key.removesuffix(ending))
            except InvalidInput:
                continue  # nobody's bundle: what else lies here is not read by anybody


def _lock(ports: BundlePorts, ref: BundleRef) -> BundleLock | Unreadable:
    try:
        return read_bundle(ports.store, ref).lock
    except (Corrupt, NotFound) as error:
        return Unreadable(str(ref), error.message)


@dataclass(frozen=True)
class Unit:
    """A range of an index, with the place of its files: what a scrub goes through."""

    locked: LockedChannel

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self.locked.channel

    @property
    def version(self) -> str:
        """The channel's version."""
        return self.locked.version

    @property
    def query(self) -> FileQuery:
        """The files of the range."""
        return FileQuery().within(self.locked.data_range)

    @property
    def name(self) -> str:
        """What it is called where a scrub remembers how far it is."""
        held = self.locked.data_range
        what = f"{self.channel}/v{self.version}/{self.locked.checksum}"
        return f"{what}/{held.start_time or ''}..{held.end_time or ''}"


def units_of(locks: Iterable[BundleLock]) -> Sequence[Unit]:
    """The ranges of indexes that locks pin, each once, in a fixed order."""
    units = {unit.name: unit for lock in locks for unit in map(Unit, lock.channels)}
    return [units[name] for name in sorted(units)]
