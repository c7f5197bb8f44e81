"""Doing what a plan says: hash again, fetch again, list again; each file on its own.

Whoever is killed in between plans again and finds only what is left. A file is put in place whole
and only with the bytes that are locked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.damage import read_damage
from dataplatform.bundles.watch.hashing import Looked, Wanted, hash_again, settled
from dataplatform.bundles.watch.repair import Action, Cannot, Fetch, Plan
from dataplatform.bundles.watch.scrub import remember
from dataplatform.channels.build import index_channel
from dataplatform.channels.ports import ChannelFiles
from opendata.stores.parallel import in_parallel
from opendata.wire.errors import OpenDataError
from opendata.wire.times import format_instant

FETCHED_AT_ONCE = 4
Told = Callable[[str], object]


@dataclass
class Mended:
    """What was done: `verified` files turned out to be sound, `fetched` ones are in place again,
    `relisted` channels have an index that is new. `failed` is what could not be done, and why;
    `cannot` what the plan could not repair and hashing did not clear."""

    verified: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    relisted: list[str] = field(default_factory=list)
    failed: list[Cannot] = field(default_factory=list)
    cannot: list[Cannot] = field(default_factory=list)
    next_command: str | None = None

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)


def apply_repair(
    ports: BundlePorts, plan: Plan, *, now: datetime, tell: Told = lambda path: None
) -> Mended:
    """Do what a plan says; `tell` hears of each file.

    Raises:
        Denied, Unavailable: as the store answers. What could not be done at a channel's place is no
            error but told in `failed`.
    """
    mended = Mended(cannot=list(plan.cannot))
    for action in plan.actions:
        act = {"rehash": _rehash, "refetch": _refetch, "relist": _relist}[action.kind]
        try:
            act(ports, action, mended, now, tell)
        except OpenDataError as error:
            hint = error.hint or "od bundle status"
            mended.failed.append(Cannot(action.locked.channel, action.kind, error.message, hint))
    if mended.relisted:
        mended.next_command = f"od bundle index {plan.path}"
    return mended


def _rehash(ports: BundlePorts, action: Action, mended: Mended, now: datetime, tell: Told) -> None:
    sound: set[str] = set()
    for looked in _hashed(ports, action, [one.wanted for one in action.files], now):
        tell(looked.wanted.path)
        if looked.state == "sound":
            sound.add(looked.wanted.path)
            mended.verified.append(looked.wanted.path)
        elif looked.state == "unknown":
            mended.failed.append(_cannot(action, looked))
    channel = action.locked.channel
    mended.cannot = [
        one
        for one in mended.cannot
        if not (one.unless_sound and one.channel == channel and one.what in sound)
    ]


def _hashed(
    ports: BundlePorts, action: Action, wanted: Iterable[Wanted], now: datetime
) -> list[Looked]:
    locked = action.locked
    files = ports.channels.open_files(locked.storage_path)
    looked = settled(files, list(hash_again(files, wanted)))
    at = format_instant(now)
    remember(ports, locked.channel, locked.version, looked, at, touched=True)
    return looked


def _cannot(action: Action, looked: Looked) -> Cannot:
    why = looked.reason or looked.state
    return Cannot(action.locked.channel, looked.wanted.path, why, "od bundle repair, once more")


def _refetch(ports: BundlePorts, action: Action, mended: Mended, now: datetime, tell: Told) -> None:
    """Fetch files that are still not sound: hashing may have cleared some of them by now."""
    verified = frozenset(mended.verified)
    wanted = [one for one in action.files if one.wanted.path not in verified]
    target = ports.channels.open_files(action.locked.storage_path)
    opened: dict[str, ChannelFiles] = {
        mirror: ports.channels.open_files(mirror) for one in wanted for mirror in one.mirrors
    }
    got: list[Wanted] = []
    for fetch, problem in in_parallel(
        lambda one: (one, _fetch(target, opened, one)), wanted, FETCHED_AT_ONCE
    ):
        tell(fetch.wanted.path)
        if problem is None:
            got.append(fetch.wanted)
        else:
            hint = "restore it at its place from another copy"
            channel = action.locked.channel
            mended.failed.append(Cannot(channel, fetch.wanted.path, problem, hint))
    for looked in _hashed(ports, action, got, now):
        if looked.state == "sound":
            mended.fetched.append(looked.wanted.path)
        else:
            mended.failed.append(_cannot(action, looked))


def _fetch(target: ChannelFiles, opened: dict[str, ChannelFiles], fetch: Fetch) -> str | None:
    """Put a file in place from the first mirror that has its bytes; why not, if none has."""
    problems: list[str] = []
    digest = fetch.wanted.checksum.removeprefix("sha256:")
    for mirror in fetch.mirrors:
        try:
            target.write(fetch.wanted.path, _pieces(opened[mirror], fetch), sha256=digest)
        except OpenDataError as error:
            problems.append(f"{mirror}: {error.message}")
        else:
            return None
    return "; ".join(problems)


def _pieces(mirror: ChannelFiles, fetch: Fetch) -> Iterator[bytes]:
    yield from mirror.stream(fetch.wanted.path)


def _relist(ports: BundlePorts, action: Action, mended: Mended, now: datetime, tell: Told) -> None:
    """Index the channel anew, unless files are damaged or lost still: then that would say that they
    are as they should be."""
    locked = action.locked
    damage = read_damage(ports.store, locked.channel, locked.version)
    unmended = [one for one in (*mended.failed, *mended.cannot) if one.channel == locked.channel]
    if damage or unmended or action.spec is None:
        why = "files are damaged or lost still, and a new index would take them as they are"
        hint = "mend the files that are named, then run the same command again"
        mended.failed.append(Cannot(locked.channel, "relist", why, hint))
        return
    indexed = index_channel(ports.channels, action.spec)
    tell(locked.channel)
    if indexed.changed:
        mended.relisted.append(locked.channel)
