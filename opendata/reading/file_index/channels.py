"""The current index of a channel's version, as its `latest.json` names it.

Here belongs finding and checking that one document. The rows that it names belong in `index`.
"""

from __future__ import annotations

from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.channel import CHANNEL_FORMAT, ChannelIndex, read_channel_index
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.version import Version


def read_channel_pointer(
    reader: ObjectReader, channel: str, version: Version
) -> ChannelIndex | None:
    """What the channel's version is indexed as now, or None where it never was.

    Raises:
        Corrupt: if the document cannot be read as one, or is another channel's.
        Denied, Unavailable: as the store answers.
    """
    found = read_channel_pointer_with_token(reader, channel, version)
    return None if found is None else found[0]


def read_channel_pointer_with_token(
    reader: ObjectReader, channel: str, version: Version
) -> tuple[ChannelIndex, str] | None:
    """The same, with the token that a compare-and-set of `latest.json` needs.

    Raises:
        Corrupt, Denied, Unavailable: as :func:`read_channel_pointer`.
    """
    key = keys.channel_pointer_key(channel, version)
    try:
        blob = reader.get(key, max_bytes=DOCUMENT_MAX_BYTES)
    except NotFound:
        return None
    index = read_channel_index(blob.data, key)
    if index.format != CHANNEL_FORMAT:
        raise Corrupt(
            f"{key} has the format {index.format!r}; this version reads {CHANNEL_FORMAT}",
            code="unknown_format",
            hint="a newer version of opendata may be needed",
            details={"object": key},
        )
    if (index.channel, index.version) != (channel, str(version)):
        raise Corrupt(
            f"{key} is the index of {index.channel} {index.version}",
            code="wrong_index",
            hint="index the channel again: od bundle index",
            details={"object": key},
        )
    return index, blob.token
