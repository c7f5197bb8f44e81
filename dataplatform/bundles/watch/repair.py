"""The plan that repairs a bundle: what would be done, in which order, and what cannot be.

Here belongs deciding from what was measured; doing it is `mend`'s. Damaged and lost files are
fetched again before a channel is listed again: a listing first would make the damage the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.completeness import measure_channel, open_locked, rows_of
from dataplatform.bundles.watch.damage import identity, read_damage, read_verified
from dataplatform.bundles.watch.expectation import FindSpec, find_specs
from dataplatform.bundles.watch.hashing import Wanted
from dataplatform.bundles.watch.measured import SHOWN_MAX, ChannelCompleteness
from dataplatform.bundles.watch.mirrors import mirrored
from dataplatform.bundles.watch.monitoring import Monitoring
from dataplatform.bundles.watch.places import Place, Places
from dataplatform.bundles.watch.replaced import replaced_since
from dataplatform.bundles.watch.scrub import wanted_of
from dataplatform.bundles.watch.verify import channels_of
from dataplatform.channels.columns import listed_texts
from dataplatform.channels.current import read_current_index
from dataplatform.channels.spec import ChannelSpec
from opendata.wire.bundle import BundleLock, LockedChannel
from opendata.wire.errors import NotFound, OpenDataError
from opendata.wire.version import parse_version
from opendata.wire.words import counted

ActionKind = Literal["rehash", "refetch", "relist"]
_ORDER: Final[tuple[ActionKind, ...]] = ("rehash", "refetch", "relist")


@dataclass(frozen=True)
class Fetch:
    """One file to fetch again, and the places that have one of its size, in the spec's order."""

    wanted: Wanted
    mirrors: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """One thing to do for a channel: hash `files` again, fetch them again, or list it anew."""

    kind: ActionKind
    locked: LockedChannel
    reason: str
    files: tuple[Fetch, ...] = ()
    spec: ChannelSpec | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """By name, with the first files."""
        return {
            "action": self.kind,
            "channel": self.locked.channel,
            "version": self.locked.version,
            "reason": self.reason,
            "files": [
                {**asdict(one.wanted), "mirrors": list(one.mirrors)}
                for one in self.files[:SHOWN_MAX]
            ],
            "file_count": len(self.files),
        }


@dataclass(frozen=True)
class Cannot:
    """Something that is wrong and that no action repairs: why, and what a person can do.

    `unless_sound` is a file that is to be hashed again first, which may find it restored.
    """

    channel: str
    what: str
    why: str
    hint: str
    unless_sound: bool = False


@dataclass(frozen=True)
class Plan:
    """What repairs a bundle, in the order in which it is done, and what does not."""

    bundle: str
    path: str
    actions: tuple[Action, ...]
    cannot: tuple[Cannot, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is wrong."""
        return not self.actions and not self.cannot

    def to_json(self) -> dict[str, Any]:
        """The plan by name."""
        return {
            "bundle": self.bundle,
            "actions": [one.to_json() for one in self.actions],
            "cannot": [asdict(one) for one in self.cannot],
        }


def plan_repair(
    ports: BundlePorts,
    lock: BundleLock,
    *,
    now: datetime,
    channel: str | None = None,
    monitoring: Monitoring | None = None,
    specs: FindSpec | None = None,
) -> Plan:
    """What would repair a bundle; changes nothing.

    Raises:
        InvalidInput: for a channel that it has not.
        Denied, Unavailable: as the store answers; a place that does not is among what cannot be
            repaired.
    """
    specs, places = specs or find_specs(ports), Places(ports.channels)
    actions: list[Action] = []
    cannot: list[Cannot] = []
    for locked in channels_of(lock, channel):
        measured = measure_channel(
            ports,
            locked,
            now=now,
            monitoring=monitoring or Monitoring(),
            specs=specs,
            places=places,
        )
        planning = _Planning(ports, lock.spec.file, locked, measured, specs, places)
        planning.run()
        actions += planning.actions
        cannot += planning.cannot
    actions.sort(key=lambda one: _ORDER.index(one.kind))
    return Plan(str(lock.ref), lock.spec.file, tuple(actions), tuple(cannot))


class _Planning:
    """The plan of one channel."""

    def __init__(
        self,
        ports: BundlePorts,
        path: str,
        locked: LockedChannel,
        measured: ChannelCompleteness,
        specs: FindSpec,
        places: Places,
    ) -> None:
        self._ports, self._path, self._locked = ports, path, locked
        self._measured, self._specs, self._places = measured, specs, places
        self._no_spec: OpenDataError | None = None
        self.actions: list[Action] = []
        self.cannot: list[Cannot] = []

    def run(self) -> None:
        measured = self._measured
        if measured.problem is not None:
            self._give_up("the channel", measured.problem, "od bundle status, once it is mended")
            return
        spec = self._spec()
        broken = self._broken()
        if self._locked.release is not None:
            for one in broken:
                hint = "od verify names what is damaged; restore it from a copy of the store"
                self._give_up(one.path, "it is an object of a release", hint)
            return
        self._refetch(self._ours(broken), spec, self._rehash(spec))
        self._relist(spec)

    def _spec(self) -> ChannelSpec | None:
        try:
            return self._specs(self._locked.channel, self._locked.version)
        except OpenDataError as error:
            self._no_spec = error  # then there are no mirrors to ask, which is said of each file
            return None

    def _broken(self) -> list[Wanted]:
        """The files that are lost or damaged, as the index says that they should be."""
        paths = {one.path for one in self._measured.lost} | set(self._measured.damaged)
        return list(self._rows(paths)) if paths else []

    def _ours(self, broken: Sequence[Wanted]) -> list[Wanted]:
        """Those in whose place nothing newer lies."""
        replaced = replaced_since(self._ports, self._locked, broken)
        hint = "give the bundle a new version: it is locked with what the channel has now"
        for path in sorted(replaced):
            self._give_up(path, "the channel has newer bytes under this name", hint)
        return [one for one in broken if one.path not in replaced]

    def _rows(self, paths: set[str]) -> Iterator[Wanted]:
        for rows in rows_of(open_locked(self._ports, self._locked)):
            yield from (one for one in wanted_of(rows) if one.path in paths)

    def _rehash(self, spec: ChannelSpec | None) -> frozenset[str]:
        """Files that changed since they were indexed, or were found damaged a while ago; returns
        their paths."""
        lost = {one.path for one in self._measured.lost}
        touched = self._touched() - lost
        damage = read_damage(self._ports.store, self._locked.channel, self._locked.version)
        files = [
            one
            for one in self._rows(touched | set(self._measured.damaged))
            if one.path in touched or identity(one.path, one.checksum) in damage
        ]
        if files:
            reason = f"{counted(len(files), 'file')} changed since, or were found damaged"
            fetches = tuple(Fetch(one, ()) for one in files)
            self.actions.append(Action("rehash", self._locked, reason, fetches, spec))
        return frozenset(one.path for one in files)

    def _touched(self) -> set[str]:
        """Files whose version is not the one that was hashed, where the channel's state knows."""
        locked = self._locked
        current = read_current_index(
            self._ports.store, locked.channel, parse_version(locked.version)
        )
        if current is None or current.index.index != locked.index or not current.index.state:
            return set()
        key = current.index.state
        try:
            data = self._ports.store.get(key).data
        except NotFound:
            return set()
        state = self._ports.channels.writer.read_state(data, key)
        place = self._places.listed(locked.storage_path)
        known = zip(
            listed_texts(state["relative_path"]), listed_texts(state["version"]), strict=True
        )
        sound = read_verified(self._ports.store, locked.channel, locked.version)
        return {
            path
            for path, version in known
            if (file := place.files.get(path)) is not None
            and file.version not in (version, sound.get(path))
        }

    def _refetch(
        self, broken: Sequence[Wanted], spec: ChannelSpec | None, rehashed: frozenset[str]
    ) -> None:
        mirrors = spec.mirrors if spec is not None else ()
        found = dict(mirrored(self._ports, broken, mirrors))
        fetches = tuple(Fetch(one, found[one]) for one in broken if found[one])
        if fetches:
            reason = f"{counted(len(fetches), 'file')} lost or damaged"
            self.actions.append(Action("refetch", self._locked, reason, fetches, spec))
        why, hint = self._why_no_mirror(mirrors)
        for one in broken:
            if not found[one]:
                self._give_up(one.path, why, hint, unless_sound=one.path in rehashed)

    def _why_no_mirror(self, mirrors: Sequence[str]) -> tuple[str, str]:
        where = f"channels/{self._locked.channel}/spec-{self._locked.version}.yaml"
        if self._no_spec is not None:
            why = f"its mirrors are not known: {self._no_spec.message}"
            return why, self._no_spec.hint or f"restore it at its place, or mend {where}"
        why = "no mirror has a file of its size" if mirrors else "the channel has no mirrors"
        return why, f"restore it at its place, or add a mirror to {where}"

    def _relist(self, spec: ChannelSpec | None) -> None:
        measured, locked = self._measured, self._locked
        if measured.never_indexed <= 0:
            return
        what = counted(measured.never_indexed, "expected file")
        current = read_current_index(
            self._ports.store, locked.channel, parse_version(locked.version)
        )
        if current is not None and current.index.index != locked.index:
            why = "the bundle pins an index that is older than the channel's"
            self._give_up(what, why, f"od bundle index {self._path}")
            return
        place = self._places.listed(locked.storage_path)
        unknown = len(place.files) - self._indexed_there(place)
        if self._no_spec is not None:
            why = f"the channel's spec is not known: {self._no_spec.message}"
            self._give_up(what, why, self._no_spec.hint or f"od bundle index {self._path}")
            return
        if unknown <= 0:
            hint = "ask whoever delivers the channel; od bundle status names the hours"
            self._give_up(what, f"they never arrived at {locked.storage_path}", hint)
            return
        reason = (
            f"{what} not indexed, and {counted(unknown, 'file')} at its place that no index has"
        )
        self.actions.append(Action("relist", locked, reason, (), spec))

    def _indexed_there(self, place: Place) -> int:
        parts = rows_of(open_locked(self._ports, self._locked))
        paths = (path for rows in parts for path in listed_texts(rows["relative_path"]))
        return sum(path in place.files for path in paths)

    def _give_up(self, what: str, why: str, hint: str, *, unless_sound: bool = False) -> None:
        self.cannot.append(Cannot(self._locked.channel, what, why, hint, unless_sound))
