"""A bundle's files: which channel is meant, and its index as the lock pins it."""

from __future__ import annotations

from opendata.reading.cache import Cache
from opendata.reading.file_index.index import FileIndex, open_index
from opendata.reading.suggest import did_you_mean
from opendata.stores.port import ObjectReader
from opendata.wire.bundle import BundleLock, LockedChannel
from opendata.wire.digest import parse_digest
from opendata.wire.errors import InvalidInput, NotFound


def choose_channel(lock: BundleLock, name: str | None) -> LockedChannel:
    """The channel of that name or alias; without a name, the only one that there is.

    Raises:
        NotFound: if the bundle has no such channel, with did-you-mean.
        InvalidInput: if it has several and none was named.
    """
    names = [one.channel for one in lock.channels]
    if name is None:
        if len(lock.channels) == 1:
            return lock.channels[0]
        raise InvalidInput(
            f"{lock.name} {lock.version} has {len(names)} channels; which one?"
            if names
            else f"{lock.name} {lock.version} has no channels",
            code="channel_needed",
            hint=f"there are {', '.join(names)}" if names else None,
            details={"channels": names},
        )
    found = lock.channel(name)
    if found is not None:
        return found
    left_out = next((one for one in lock.left_out if one.channel == name), None)
    raise NotFound(
        f"{lock.name} {lock.version} has no channel {name}"
        + (f": it was left out, because {left_out.reason}" if left_out else ""),
        code="unknown_channel",
        hint=did_you_mean(name, names) or (f"there are {', '.join(names)}" if names else None),
        details={"channels": names},
    )


def open_channel(reader: ObjectReader, cache: Cache | None, channel: LockedChannel) -> FileIndex:
    """The index that a lock pins.

    Raises:
        Corrupt: naming the object, if its bytes are not those that were locked, or no index.
        NotFound, Denied, Unavailable: as the store answers.
    """
    digest = parse_digest(channel.checksum)
    return open_index(reader, cache, channel.index, digest, channel.index_bytes)
