"""The current index of a channel's version, together with the token by which it is replaced."""

from __future__ import annotations

from dataclasses import dataclass

from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.channel import ChannelIndex, read_channel_index
from opendata.wire.codec import replace
from opendata.wire.errors import NotFound
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.version import Version


@dataclass(frozen=True)
class CurrentIndex:
    """What `latest.json` says; `token` is the version that a compare-and-set names.

    `is_there` says whether the index itself lies where the pointer says. Where it is lost, no
    listing is known of the index, so that no channel counts as unchanged: the next indexing makes
    it again.
    """

    index: ChannelIndex
    token: str
    is_there: bool = True


def read_current_index(reader: ObjectReader, channel: str, version: Version) -> CurrentIndex | None:
    """The current index, or None where the version was never indexed.

    Raises:
        Corrupt: naming the object, if it is damaged.
        Denied, Unavailable: as the store says.
    """
    key = keys.channel_pointer_key(channel, version)
    try:
        blob = reader.get(key, max_bytes=DOCUMENT_MAX_BYTES)
    except NotFound:
        return None
    index = read_channel_index(blob.data, key)
    # A collection may have been removing it at the very moment at which it was named once more.
    stat = reader.stat(index.index)
    if stat is None or stat.size != index.index_bytes:
        return CurrentIndex(replace(index, listing_sha256=None), blob.token, is_there=False)
    return CurrentIndex(index, blob.token)
