"""Verifying a bundle on demand: all of its files, or a sample, are hashed again now.

Unlike the scrub it goes through one bundle's range and does not stop in between. What it finds is
remembered like what the scrub finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.completeness import open_locked
from dataplatform.bundles.watch.damage import DamagedFile
from dataplatform.bundles.watch.hashing import Looked, Wanted, hash_again, settled
from dataplatform.bundles.watch.scrub import remember, wanted_of
from opendata.reading.file_index.query import FileQuery
from opendata.wire.bundle import BundleLock, LockedChannel
from opendata.wire.errors import InvalidInput
from opendata.wire.times import format_instant

BATCH_ROWS: Final = 4_096
Progress = Callable[[int, int], None]
"""Told of files and bytes that were hashed."""


@dataclass(frozen=True)
class ChannelVerification:
    """What hashing gave of one channel: `files` and `bytes` hashed, which are `damaged`, and the
    paths of those that could not be had (`unknown`)."""

    channel: str
    version: str
    files: int
    bytes: int
    damaged: tuple[DamagedFile, ...]
    unknown: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BundleVerification:
    """What hashing gave of a bundle."""

    bundle: str
    revision: int
    sample: float
    channels: tuple[ChannelVerification, ...]

    @property
    def passed(self) -> bool:
        """Whether every file that was to be hashed was, and is what its index says."""
        return not any(one.damaged or one.unknown for one in self.channels)

    @property
    def files(self) -> int:
        """How many files were hashed."""
        return sum(one.files for one in self.channels)

    @property
    def bytes(self) -> int:
        """How many bytes they have."""
        return sum(one.bytes for one in self.channels)

    def to_json(self) -> dict[str, Any]:
        """The outcome by name."""
        return {
            "bundle": self.bundle,
            "revision": self.revision,
            "sample": self.sample,
            "passed": self.passed,
            "files": self.files,
            "bytes": self.bytes,
            "channels": [
                {
                    **asdict(one),
                    "damaged": [damage.to_json() for damage in one.damaged],
                    "unknown": [{"path": path, "reason": why} for path, why in one.unknown],
                }
                for one in self.channels
            ],
        }


def verify_bundle(
    ports: BundlePorts,
    lock: BundleLock,
    *,
    now: datetime,
    channel: str | None = None,
    sample: float = 1.0,
    progress: Progress = lambda files, size: None,
) -> BundleVerification:
    """Hash a bundle's files again and name each that is not what its index says (S0-85).

    Args:
        channel: Only this one.
        sample: Which share of the files, more than 0 and at most 1; which ones changes from day to
            day, so that samples add up.

    Raises:
        InvalidInput: for a channel that the bundle has not, or a share that is none.
        Corrupt: if an index is not the one that was locked.
        NotFound, Denied, Unavailable: as store and storage answer.
    """
    if not 0 < sample <= 1:
        raise InvalidInput(f"a sample of {sample:.4g} is none: it is more than 0 % and at most 100")
    return BundleVerification(
        bundle=str(lock.ref),
        revision=lock.revision,
        sample=sample,
        channels=tuple(
            _verify_channel(ports, one, now, sample, progress) for one in channels_of(lock, channel)
        ),
    )


def channels_of(lock: BundleLock, channel: str | None) -> tuple[LockedChannel, ...]:
    """The channels of a bundle, or the one of that name.

    Raises:
        InvalidInput: if it has none of that name.
    """
    if channel is None:
        return lock.channels
    one = lock.channel(channel)
    if one is None:
        raise InvalidInput(
            f"{lock.ref} has no channel {channel!r}",
            code="unknown_channel",
            hint=f"it has {', '.join(one.channel for one in lock.channels)}",
        )
    return (one,)


def _verify_channel(
    ports: BundlePorts, locked: LockedChannel, now: datetime, sample: float, progress: Progress
) -> ChannelVerification:
    files = ports.channels.open_files(locked.storage_path)
    at = format_instant(now)
    damaged: list[DamagedFile] = []
    unknown: list[tuple[str, str]] = []
    count = size = 0
    for wanted in _batches(ports, locked, sample, now):
        looked: list[Looked] = []
        for one in hash_again(files, wanted):
            looked.append(one)
            progress(1, one.wanted.size)
        looked = settled(files, looked)
        remember(ports, locked.channel, locked.version, looked, at)
        count += len(looked)
        size += sum(one.wanted.size for one in looked)
        damaged += [found for one in looked if (found := one.damage(at)) is not None]
        unknown += [(one.wanted.path, one.reason or "") for one in looked if one.state == "unknown"]
    return ChannelVerification(
        locked.channel, locked.version, count, size, tuple(damaged), tuple(unknown)
    )


def _batches(
    ports: BundlePorts, locked: LockedChannel, sample: float, now: datetime
) -> Iterator[list[Wanted]]:
    query = FileQuery().within(locked.data_range)
    dice = np.random.default_rng([now.toordinal(), int(locked.checksum[-8:], 16)])
    stored = replace(ports, cache=None)  # what readers get is read, and no kept copy of it
    for batch in open_locked(stored, locked).batches(query, BATCH_ROWS):
        wanted = wanted_of(pa.Table.from_batches([batch]))
        if sample < 1:
            kept = np.flatnonzero(dice.random(len(wanted)) < sample)
            wanted = [wanted[at] for at in kept.tolist()]
        yield wanted
