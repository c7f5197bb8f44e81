"""Completeness: of the files that there have to be, how many are there and intact.

Three things are held side by side, by channel and hour: what the spec declares, what the locked
index has, and what lies in the storage now. A file counts if it is all three: indexed, present with
its size, and not known to be damaged. What nobody declared is unknown, and is not 100 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.damage import DamagedFile, identity, read_damage
from dataplatform.bundles.watch.expectation import (
    Expectation,
    FindSpec,
    expectation_of,
    find_specs,
)
from dataplatform.bundles.watch.expected import Grid, Numbers, hours_of
from dataplatform.bundles.watch.measured import ChannelCompleteness, Completeness, Lost, Spans
from dataplatform.bundles.watch.monitoring import Monitoring
from dataplatform.bundles.watch.places import Place, Places
from dataplatform.channels.columns import array_of, listed_texts
from dataplatform.channels.ports import StoredFile
from opendata.reading.file_index.index import FileIndex, open_index
from opendata.reading.file_index.query import FileQuery
from opendata.wire.bundle import BundleLock, LockedChannel
from opendata.wire.errors import Corrupt, NotFound, OpenDataError

BATCH_ROWS: Final = 1 << 16


def measure_completeness(
    ports: BundlePorts,
    lock: BundleLock,
    *,
    now: datetime,
    monitoring: Monitoring | None = None,
    specs: FindSpec | None = None,
    places: Places | None = None,
) -> Completeness:
    """How complete a bundle is now (S0-67…S0-69).

    Costs one listing of each place and one reading of each locked index.

    Args:
        monitoring: The thresholds; the document's without.
        specs, places: To share among bundles what each of them would read again.
    """
    monitoring = monitoring or Monitoring()
    specs, places = specs or find_specs(ports), places or Places(ports.channels)
    measured = [
        measure_channel(ports, one, now=now, monitoring=monitoring, specs=specs, places=places)
        for one in sorted(lock.channels, key=lambda one: one.storage_path)
    ]
    order = {one.channel: at for at, one in enumerate(lock.channels)}
    measured.sort(key=lambda one: order[one.channel])
    return Completeness(str(lock.ref), tuple(measured))


def measure_channel(
    ports: BundlePorts,
    locked: LockedChannel,
    *,
    now: datetime,
    monitoring: Monitoring,
    specs: FindSpec,
    places: Places,
) -> ChannelCompleteness:
    """The same of one channel. A place or an index that cannot be read makes it unmeasured."""
    threshold = monitoring.completeness.threshold_of(locked.channel)
    expectation = expectation_of(ports, locked, specs, now)
    try:
        index = open_locked(ports, locked)
        place = _place(index, locked, places)
        if place.problem is not None:
            return _unmeasured(locked, threshold, place.problem)
        damage = read_damage(ports.store, locked.channel, locked.version)
        tally = _count(index, locked, expectation, place, damage)
    except OpenDataError as error:
        return _unmeasured(locked, threshold, error.message)
    return _measured(locked, threshold, expectation, tally)


def open_locked(ports: BundlePorts, locked: LockedChannel) -> FileIndex:
    """The index that a bundle pins: by its digest from the cache, if it lies in the store still.

    Raises:
        Corrupt: if its bytes are not the ones that were locked.
        NotFound, Denied, Unavailable: as the store answers.
    """
    digest = locked.checksum.removeprefix("sha256:")
    if ports.cache is not None:
        _require_stored(ports, locked)
    return open_index(ports.store, ports.cache, locked.index, digest, locked.index_bytes)


def _require_stored(ports: BundlePorts, locked: LockedChannel) -> None:
    """A kept copy must not hide from whoever watches that readers have none."""
    stat = ports.store.stat(locked.index)
    if stat is None:
        raise NotFound(
            f"the index {locked.index} is gone from the store",
            code="lost_index",
            hint="restore it from a copy of the store; its name is its sha256",
        )
    if stat.size != locked.index_bytes:
        raise Corrupt(
            f"{locked.index} is corrupt: it has {stat.size} bytes, expected {locked.index_bytes}",
            code="size_mismatch",
            hint="od bundle verify names every damaged object of a bundle",
            details={"object": locked.index},
        )


def _place(index: FileIndex, locked: LockedChannel, places: Places) -> Place:
    """Where the files lie. The shards of a release lie in the store, among everything else."""
    if locked.release is None:
        return places.listed(locked.storage_path)
    paths = [path for rows in rows_of(index) for path in listed_texts(rows["relative_path"])]
    return places.looked_up(locked.storage_path, paths)


def rows_of(index: FileIndex, query: FileQuery | None = None) -> Iterator[pa.Table]:
    """The rows that a query finds, all without one, some at a time."""
    for batch in index.batches(query or FileQuery(), BATCH_ROWS):
        yield pa.Table.from_batches([batch])


def locked_damage(
    index: FileIndex, locked: LockedChannel, damage: Mapping[str, DamagedFile]
) -> dict[str, DamagedFile]:
    """The known damage, by identity, to files that a locked channel has in its range."""
    paths, found = frozenset(one.path for one in damage.values()), set[str]()
    for rows in rows_of(index, FileQuery().within(locked.data_range)):
        pairs = zip(
            listed_texts(rows["relative_path"]), listed_texts(rows["checksum"]), strict=True
        )
        found.update(identity(*pair) for pair in pairs if pair[0] in paths)
    return {name: one for name, one in damage.items() if name in found}


@dataclass
class _Tally:
    """What was counted so far, by span, of a grid."""

    grid: Grid
    indexed: Numbers
    present: Numbers
    intact: Numbers
    files: int = 0
    there: int = 0
    sound: int = 0
    undated: int = 0
    lost: list[Lost] = field(default_factory=list)
    damaged: list[DamagedFile] = field(default_factory=list)

    @classmethod
    def over(cls, grid: Grid) -> _Tally:
        indexed, present, intact = (np.zeros(grid.count, np.int64) for _ in range(3))
        return cls(grid, indexed, present, intact)

    def add(self, times: Numbers, dated: np.ndarray, there: np.ndarray, sound: np.ndarray) -> None:
        self.files += len(times)
        self.there += int(there.sum())
        self.sound += int(sound.sum())
        self.undated += len(times) - int(dated.sum())
        for counts, mask in ((self.indexed, dated), (self.present, there), (self.intact, sound)):
            spans = self.grid.place(times[mask & dated])
            counts += np.bincount(spans, minlength=self.grid.count)


def _count(
    index: FileIndex,
    locked: LockedChannel,
    expectation: Expectation,
    place: Place,
    damage: Mapping[str, DamagedFile],
) -> _Tally:
    in_range = expectation.count is None  # a count in all is about the channel as a whole
    query = FileQuery().within(locked.data_range) if in_range else FileQuery()
    tally = _Tally.over(expectation.grid or _hours(index, query))
    damaged_paths = frozenset(one.path for one in damage.values())
    for rows in rows_of(index, query):
        _count_batch(rows, place.files, damage, damaged_paths, tally)
    return tally


def _count_batch(
    rows: pa.Table,
    files: Mapping[str, StoredFile],
    damage: Mapping[str, DamagedFile],
    damaged_paths: frozenset[str],
    tally: _Tally,
) -> None:
    paths = listed_texts(rows["relative_path"])
    sizes = array_of(rows["size_bytes"])
    found = list(map(files.get, paths))
    listed = np.fromiter((-1 if one is None else one.size for one in found), np.int64, len(paths))
    there = listed == sizes
    sound = there.copy()
    for at in np.flatnonzero(~there).tolist():
        now = None if found[at] is None else int(listed[at])
        tally.lost.append(Lost(paths[at], int(sizes[at]), now))
    if damaged_paths:
        checksums = listed_texts(rows["checksum"])
        for at, path in enumerate(paths):
            known = damage.get(identity(path, checksums[at])) if path in damaged_paths else None
            if known is not None and there[at]:
                sound[at] = False
                tally.damaged.append(known)
    column = rows["timestamp"]
    tally.add(array_of(column), _dated(column), there, sound)


def _dated(column: pa.ChunkedArray) -> np.ndarray:
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    (chunk,) = column.chunks  # made of one batch
    bits = np.unpackbits(np.frombuffer(chunk.buffers()[0], np.uint8), bitorder="little")
    return bits[chunk.offset : chunk.offset + len(chunk)].astype(np.bool_)


def _hours(index: FileIndex, query: FileQuery) -> Grid:
    """Hours over the times that a query finds, from the first to the last row that has one."""
    ends = [time for part in _edges(index, query) for time in array_of(part["timestamp"]).tolist()]
    return hours_of(min(ends), max(ends)) if ends else Grid(0, 1, 0)


def _edges(index: FileIndex, query: FileQuery) -> Iterator[pa.Table]:
    start, stop = index.span(query)
    stop = min(stop, index.footer.dated_rows)
    for row in {start, stop - 1} if stop > start else ():
        yield index.part(FileQuery(), row=row, limit=1).table


def _unmeasured(locked: LockedChannel, threshold: float, problem: str) -> ChannelCompleteness:
    return ChannelCompleteness(
        channel=locked.channel, version=locked.version, threshold=threshold, problem=problem
    )


def _measured(
    locked: LockedChannel, threshold: float, expectation: Expectation, tally: _Tally
) -> ChannelCompleteness:
    expected: int | None = None
    complete = tally.sound
    if expectation.grid is not None and expectation.grid.expected is not None:
        expected = int(expectation.grid.expected.sum())
        complete = int(np.minimum(tally.intact, expectation.grid.expected).sum())
    elif expectation.count is not None:
        expected = expectation.count
        complete = min(tally.sound, expected)
    grid = tally.grid
    return ChannelCompleteness(
        channel=locked.channel,
        version=locked.version,
        threshold=threshold,
        basis="cadence" if expectation.grid else "count" if expected is not None else "unknown",
        reason=expectation.reason,
        expected=expected,
        complete=complete if expected is not None else None,
        indexed=tally.files,
        present=tally.there,
        intact=tally.sound,
        undated=tally.undated,
        lost=tuple(tally.lost),
        damaged=tuple(one.path for one in tally.damaged),
        spans=Spans(grid, tally.indexed, tally.present, tally.intact),
    )
