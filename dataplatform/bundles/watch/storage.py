"""Storage: can the places of files be reached, and what is known of their bytes (S0-73…S0-75).

A place is reached if a file that an index names can be found there and begun to be read; that costs
two requests and no listing. What is known of bytes is what the scrub remembers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.completeness import locked_damage, open_locked
from dataplatform.bundles.watch.damage import DamagedFile, read_damage
from dataplatform.bundles.watch.measured import SHOWN_MAX
from dataplatform.bundles.watch.monitoring import StorageSettings
from dataplatform.bundles.watch.scrub import ScrubState, read_scrub, wanted_of
from dataplatform.bundles.watch.watched import units_of
from opendata.reading.file_index.channels import read_channel_pointer
from opendata.reading.file_index.query import FileQuery
from opendata.stores.parallel import in_parallel
from opendata.wire.bundle import BundleLock, LockedChannel
from opendata.wire.errors import NotFound, OpenDataError
from opendata.wire.times import parse_instant
from opendata.wire.version import parse_version

_TRIED_MAX: Final = 3


@dataclass(frozen=True)
class Access:
    """One place; `problem` says why it cannot be reached, `hint` what to do."""

    storage_path: str
    channels: tuple[str, ...]
    problem: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Damage:
    """The damaged files of one version of a channel, as far as they are known, and the bundles that
    lock it."""

    channel: str
    version: str
    files: tuple[DamagedFile, ...]
    bundles: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """By name, with the first files."""
        return {
            "channel": self.channel,
            "version": self.version,
            "bundles": list(self.bundles),
            "count": len(self.files),
            "files": [one.to_json() for one in self.files[:SHOWN_MAX]],
        }


@dataclass(frozen=True)
class ScrubCoverage:
    """How much of all files the scrub has seen, and how old that is.

    `share` is of the round under way; `oldest_seconds` how long ago, at most, any file was hashed,
    None before the first round has ended.
    """

    total: int
    round_files: int
    share: float
    round_started_at: str | None
    last_round_ended_at: str | None
    oldest_seconds: float | None
    within_seconds: float

    @property
    def passed(self) -> bool:
        """Whether rounds come round in the time that is set, with half of it for good measure; a
        first round that is under way passes."""
        return self.oldest_seconds is None or self.oldest_seconds <= 2.5 * self.within_seconds


@dataclass(frozen=True)
class StorageHealth:
    """Access, damage and coverage together."""

    places: tuple[Access, ...]
    damage: tuple[Damage, ...]
    scrub: ScrubCoverage

    @property
    def passed(self) -> bool:
        """Whether every place can be reached and no file is known to be damaged."""
        return not self.damage and not any(one.problem for one in self.places)

    def to_json(self) -> dict[str, Any]:
        """The health by name."""
        return {
            "passed": self.passed,
            "places": [asdict(one) for one in self.places],
            "damage": [one.to_json() for one in self.damage],
            "scrub": {**asdict(self.scrub), "passed": self.scrub.passed},
        }


def storage_health(
    ports: BundlePorts,
    locks: Iterable[BundleLock],
    *,
    now: datetime,
    settings: StorageSettings | None = None,
) -> StorageHealth:
    """The health of everything that bundles name.

    Raises:
        Denied, Unavailable: as the store answers; a place that does not is among the answers.
    """
    settings, locks = settings or StorageSettings(), tuple(locks)
    by_place: dict[str, list[LockedChannel]] = {}
    for lock in locks:
        for one in lock.channels:
            by_place.setdefault(one.storage_path, []).append(one)
    wanted = sorted(by_place) if settings.check_storage_accessibility else []
    places = in_parallel(lambda path: _access(ports, path, by_place[path]), wanted)
    return StorageHealth(
        places=tuple(places),
        damage=known_damage(ports, locks),
        scrub=coverage(ports, locks, settings, now),
    )


def known_damage(ports: BundlePorts, locks: Iterable[BundleLock]) -> tuple[Damage, ...]:
    """What is remembered of damage to files that are locked. What a correction has left behind is
    nobody's any more."""
    asked: dict[tuple[str, str], list[tuple[str, LockedChannel]]] = {}
    for lock in locks:
        for one in lock.channels:
            asked.setdefault((one.channel, one.version), []).append((str(lock.ref), one))
    names = sorted(asked)
    found = in_parallel(lambda name: read_damage(ports.store, *name), names)
    damage = (
        _of_locked(ports, name, files, asked[name])
        for name, files in zip(names, found, strict=True)
        if files
    )
    return tuple(one for one in damage if one.files)


def _of_locked(
    ports: BundlePorts,
    name: tuple[str, str],
    files: Mapping[str, DamagedFile],
    asked: Iterable[tuple[str, LockedChannel]],
) -> Damage:
    told: dict[str, DamagedFile] = {}
    bundles = []
    for ref, locked in asked:
        try:
            mine = locked_damage(open_locked(ports, locked), locked, files)
        except OpenDataError:
            mine = dict(files)  # an index that cannot be read hides no damage
        if mine:
            told |= mine
            bundles.append(ref)
    return Damage(*name, tuple(told[one] for one in sorted(told)), tuple(bundles))


def coverage(
    ports: BundlePorts, locks: Iterable[BundleLock], settings: StorageSettings, now: datetime
) -> ScrubCoverage:
    """How much the scrub has seen."""
    state = read_scrub(ports.store)
    total = sum(unit.locked.file_count for unit in units_of(locks))
    return ScrubCoverage(
        total=total,
        round_files=state.round_files,
        share=min(1.0, state.round_files / total) if total else 1.0,
        round_started_at=state.round_started_at,
        last_round_ended_at=state.last_round_ended_at,
        oldest_seconds=_oldest(state, now),
        within_seconds=settings.verify_within.total_seconds(),
    )


def _oldest(state: ScrubState, now: datetime) -> float | None:
    if state.last_round_started_at is None:
        return None
    since = now - parse_instant(state.last_round_started_at)
    return max(since, timedelta()).total_seconds()


def _access(ports: BundlePorts, storage_path: str, channels: Iterable[LockedChannel]) -> Access:
    channels = list(channels)
    names = tuple(dict.fromkeys(one.channel for one in channels))
    try:
        _reach(ports, storage_path, channels)
    except OpenDataError as error:
        return Access(storage_path, names, error.message, error.hint)
    return Access(storage_path, names)


def _reach(ports: BundlePorts, storage_path: str, channels: Iterable[LockedChannel]) -> None:
    """Find and begin to read one of a few files of the first index that has any.

    Raises:
        OpenDataError: where the place cannot be reached. A file that is gone is no matter here.
    """
    files = ports.channels.open_files(storage_path)
    for path in _some_paths(ports, channels):
        if files.stat(path) is None:
            continue
        try:
            next(iter(files.stream(path)), b"")
        except NotFound:
            continue
        return
    files.listing()  # none of them is there: is the place?


def _some_paths(ports: BundlePorts, channels: Iterable[LockedChannel]) -> list[str]:
    """A few paths of the place: those that a channel's pointer shows, or the first of an index."""
    channels = list(channels)
    for locked in channels:
        pointer = read_channel_pointer(ports.store, locked.channel, parse_version(locked.version))
        if pointer is not None and pointer.storage_path == locked.storage_path and pointer.samples:
            return [str(one["relative_path"]) for one in pointer.samples[:_TRIED_MAX]]
    for locked in channels:
        rows = open_locked(ports, locked).page(FileQuery(), offset=0, limit=_TRIED_MAX)
        if rows.num_rows:
            return [one.path for one in wanted_of(rows)]
    return []
