"""The scrub: all files are hashed again, a few at each look, round after round.

It goes through the indexes that bundles pin, in a fixed order, and remembers at which row of which
it is. A look takes as many files as have to be taken for a round to end in time. Here belongs going
round; what one file gives is `hashing`'s, what is remembered of it `damage`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.completeness import open_locked
from dataplatform.bundles.watch.damage import identity, note_damage
from dataplatform.bundles.watch.hashing import Looked, Wanted, hash_again, settled
from dataplatform.bundles.watch.monitoring import StorageSettings
from dataplatform.bundles.watch.watched import Unit, units_of
from dataplatform.channels.columns import array_of, listed_texts
from opendata.stores.port import AlreadyExists, ObjectReader, PreconditionFailed
from opendata.wire import keys
from opendata.wire.bundle import BundleLock
from opendata.wire.codec import Wire, decoder_of, read_wire, replace
from opendata.wire.errors import Corrupt, NotFound, OpenDataError
from opendata.wire.limits import MARK_MAX_BYTES
from opendata.wire.times import format_instant, parse_instant

SCRUB_KEY: Final = keys.watch_state_key("scrub")
LONGEST_ABSENCE: Final = timedelta(days=1)
"""After a longer pause a look takes no more than after this one."""
PAGE_ROWS: Final = 4_096


class ScrubState(Wire):
    """How far the scrub has come: the next row in the range of `unit`, and what the rounds gave.

    `round_files` and `round_bytes` are of the round under way, `last_round_*` of the last complete
    one. Times are ISO 8601 in UTC.
    """

    unit: str = ""
    row: int = 0
    looked_at: str | None = None
    round_started_at: str | None = None
    round_files: int = 0
    round_bytes: int = 0
    last_round_started_at: str | None = None
    last_round_ended_at: str | None = None
    last_round_files: int = 0


decoder_of(ScrubState)


@dataclass(frozen=True)
class Scrubbed:
    """What one look did. `total` is how many files a round has; `skipped` the indexes that could
    not be read, by channel; `raced` if somebody else scrubbed at the same time."""

    files: int
    bytes: int
    total: int
    damaged: tuple[str, ...]
    unknown: int
    skipped: tuple[str, ...]
    state: ScrubState
    raced: bool = False

    def to_json(self) -> dict[str, Any]:
        """What it did, by name."""
        return {**asdict(self), "state": self.state.to_json()}


def read_scrub(reader: ObjectReader) -> ScrubState:
    """How far the scrub has come; at the beginning where it never ran.

    Raises:
        Denied, Unavailable: as the store answers.
    """
    return _read(reader)[0]


def scrub(
    ports: BundlePorts, locks: Iterable[BundleLock], *, settings: StorageSettings, now: datetime
) -> Scrubbed:
    """Hash the next files again, and remember which are damaged and how far it came (S0-74).

    Raises:
        Denied, Unavailable: as the store answers.
    """
    state, token = _read(ports.store)
    units = units_of(locks)
    going = _Going(ports, units, state, now)
    quota = quota_of(going.total, state, settings, now)
    going.run(quota, settings.verify_bytes)
    raced = not _store(ports, going.state, token)
    return Scrubbed(
        files=going.files,
        bytes=going.bytes,
        total=going.total,
        damaged=tuple(going.damaged),
        unknown=going.unknown,
        skipped=tuple(going.skipped),
        state=going.state,
        raced=raced,
    )


def quota_of(total: int, state: ScrubState, settings: StorageSettings, now: datetime) -> int:
    """How many files a look takes, for a round to end within the time that is set; the first look
    and one after the clock went back take an hour's worth."""
    passed = timedelta(hours=1)
    if state.looked_at is not None:
        since = now - parse_instant(state.looked_at)
        passed = min(since, LONGEST_ABSENCE) if since > timedelta() else passed
    share = passed / settings.verify_within if settings.verify_within else 1.0
    return min(math.ceil(total * min(share, 1.0)), settings.verify_files)


class _Going:
    """One look: goes on from where the state says, and is never at the same file twice."""

    def __init__(
        self, ports: BundlePorts, units: Sequence[Unit], state: ScrubState, now: datetime
    ) -> None:
        self._ports, self._units, self._now = ports, units, now
        self._at = format_instant(now)
        self.state = replace(state, looked_at=self._at)
        self.files = self.bytes = self.unknown = self.quota = 0
        self.damaged: list[str] = []
        self.skipped: list[str] = []
        self._rows = [unit.locked.file_count for unit in units]
        self.total = sum(self._rows)

    def run(self, quota: int, bytes_max: int) -> None:
        self.quota = min(quota, self.total)
        at, row = self._begin()
        while self.files < self.quota and self.bytes < bytes_max:
            if row >= self._rows[at]:
                at, row = self._next(at)
                continue
            room = min(PAGE_ROWS, self.quota - self.files)
            row = self._page(at, row, room, bytes_max)
        if self.total and row >= self._rows[at]:
            at, row = self._next(at)
        if self._units:
            self.state = replace(self.state, unit=self._units[at].name, row=row)

    def _begin(self) -> tuple[int, int]:
        """The unit to go on with: the one that is remembered, or the next in order."""
        if self.state.round_started_at is None:
            self.state = replace(self.state, round_started_at=self._at)
        for at, unit in enumerate(self._units):
            if unit.name == self.state.unit:
                return at, self.state.row
            if unit.name > self.state.unit:
                return at, 0
        return (len(self._units), 0) if not self._units else self._next(len(self._units) - 1)

    def _next(self, at: int) -> tuple[int, int]:
        if at + 1 < len(self._units):
            return at + 1, 0
        if self.state.round_files:
            self.state = replace(
                self.state,
                last_round_started_at=self.state.round_started_at,
                last_round_ended_at=self._at,
                last_round_files=self.state.round_files,
            )
        self.state = replace(self.state, round_started_at=self._at, round_files=0, round_bytes=0)
        return 0, 0

    def _page(self, at: int, row: int, room: int, bytes_max: int) -> int:
        """Hash some rows of an index's range; returns the next row. One that cannot be read is at
        its end: the round goes on with the next, and comes back."""
        unit = self._units[at]
        try:
            index = open_locked(self._ports, unit.locked)
            table = index.page(unit.query, offset=row, limit=room)
            files = self._ports.channels.open_files(unit.locked.storage_path)
        except OpenDataError as error:
            self.skipped.append(f"{unit.channel} {unit.version}: {error.message}")
            return self._skip(at, row)
        wanted = list(_within(wanted_of(table), bytes_max - self.bytes))
        if not wanted:
            return self._skip(at, row)
        taken = self._note(unit, settled(files, list(hash_again(files, wanted))))
        size = sum(one.size for one in wanted)
        self.files, self.bytes = self.files + taken, self.bytes + size
        self.state = replace(
            self.state,
            round_files=self.state.round_files + taken,
            round_bytes=self.state.round_bytes + size,
        )
        return row + taken

    def _skip(self, at: int, row: int) -> int:
        """Leave the rest of an index's range out of this look, and out of what it has to take."""
        rest = self._rows[at] - row
        self._rows[at] = row
        self.quota -= rest
        return row

    def _note(self, unit: Unit, looked: Sequence[Looked]) -> int:
        remember(self._ports, unit.channel, unit.version, looked, self._at)
        self.damaged += [
            f"{unit.channel}/v{unit.version}/{one.wanted.path}"
            for one in looked
            if one.state != "gone" and one.damage(self._at) is not None
        ]
        self.unknown += sum(one.state == "unknown" for one in looked)
        return len(looked)


def remember(
    ports: BundlePorts,
    channel: str,
    version: str,
    looked: Iterable[Looked],
    at: str,
    *,
    touched: bool = False,
) -> None:
    """Remember what files gave that were hashed: damage, and that others verified.

    A file that is gone has no bytes to be damaged; completeness names it. `touched` are files that
    are known to have changed since they were indexed: the sound ones need no look again.
    """
    looked = list(looked)
    note_damage(
        ports.store,
        channel,
        version,
        found=[
            damage
            for one in looked
            if one.state != "gone" and (damage := one.damage(at)) is not None
        ],
        sound=[
            identity(one.wanted.path, one.wanted.checksum)
            for one in looked
            if one.state in ("sound", "gone")
        ],
        verified={
            one.wanted.path: one.version
            for one in looked
            if touched and one.state == "sound" and one.version is not None
        },
    )


def wanted_of(rows: pa.Table) -> list[Wanted]:
    """The files of an index's rows, as the index says that they are."""
    paths, checksums = listed_texts(rows["relative_path"]), listed_texts(rows["checksum"])
    sizes = array_of(rows["size_bytes"]).tolist()
    return [Wanted(*one) for one in zip(paths, checksums, sizes, strict=True)]


def _within(wanted: Iterable[Wanted], bytes_max: int) -> Iterator[Wanted]:
    """Files until they have so many bytes together; one at least, however large it is."""
    taken = 0
    for at, one in enumerate(wanted):
        if at and taken + one.size > bytes_max:
            return
        taken += one.size
        yield one


def _read(reader: ObjectReader) -> tuple[ScrubState, str | None]:
    try:
        blob = reader.get(SCRUB_KEY, max_bytes=MARK_MAX_BYTES)
    except NotFound:
        return ScrubState(), None
    try:
        return read_wire(ScrubState, blob.data, SCRUB_KEY), blob.token
    except Corrupt:
        return ScrubState(), blob.token  # a round begins anew; nothing else depends on it


def _store(ports: BundlePorts, state: ScrubState, token: str | None) -> bool:
    """Remember how far it came; False where somebody else did meanwhile: then that holds."""
    data = state.to_bytes()
    try:
        if token is None:
            ports.store.put_new(SCRUB_KEY, data, content_type="application/json")
        else:
            ports.store.put_if_match(SCRUB_KEY, data, token, content_type="application/json")
    except (AlreadyExists, PreconditionFailed):
        return False
    return True
