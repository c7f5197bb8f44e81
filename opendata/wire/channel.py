"""A channel's index as it is stored: which files a version of it has, and where that is told.

`channels/<channel>/v<version>/latest.json` is the one object that is overwritten, by
compare-and-set; it names the index (Parquet, an immutable object) and everything that a reader must
know before fetching it. `index.parquet` and `index.yaml` beside it are copies for people and other
tools, and can be made again (requirements S0-41…S0-50).

A published data set can stand as a channel too: its name is the data set's id, its version the
release, its files the release's shards.
"""

from __future__ import annotations

import re
from typing import Any, Final

from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import is_dataset_id

CHANNEL_FORMAT: Final = "opendata-channel-index/1"
INDEX_COLUMNS: Final = (
    "file_id", "relative_path", "timestamp", "size_bytes", "checksum", "metadata",
)  # fmt: skip
"""The columns of an index, in order (S0-44…S0-49): strings but for `timestamp`, which is
microseconds in UTC, and `size_bytes`, an int64. `checksum` is `sha256:…`, `metadata` one JSON
object as text. Rows are ordered by time, then by path; rows without a time come last."""
NAME_MAX_CHARS: Final = 64
_NAME: Final = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*", re.ASCII)


def is_channel_name(text: str) -> bool:
    """Whether `text` names a channel of files, or a data set that stands as one."""
    if is_dataset_id(text):
        return True
    return len(text) <= NAME_MAX_CHARS and _NAME.fullmatch(text) is not None


def check_channel_name(text: str) -> str:
    """The name, if it is one.

    Raises:
        InvalidInput: with the rule.
    """
    if not is_channel_name(text):
        raise InvalidInput(
            f"{text!r} is no channel: a name holds lower-case letters a-z, digits, single "
            f"underscores and hyphens, at most {NAME_MAX_CHARS} characters; a data set stands as "
            "a channel by its id",
            code="invalid_channel",
        )
    return text


class ChannelIndex(Wire):
    """One generation of a channel's index: the content of `latest.json`.

    `index` is the key of the Parquet object, `index_sha256` its digest. `state` is the key of what
    the next indexing compares (path, size and version of every file; None for data sets), and
    `listing_sha256` the digest of that listing, so that an unchanged channel costs a listing.
    `start_time` and `end_time` are the earliest and latest timestamps; `undated` files have none.
    `release` is the reference of the data set's release, where the channel is one. `commit_id` is
    random, so that no two generations have equal bytes. Sizes are bytes, times ISO 8601 in UTC.
    """

    channel: str
    version: str
    generation: int
    commit_id: str
    storage_path: str
    index: str
    index_sha256: str
    index_bytes: int
    total_files: int
    total_bytes: int
    indexed_at: str
    engine: str
    start_time: str | None = None
    end_time: str | None = None
    undated: int = 0
    state: str | None = None
    listing_sha256: str | None = None
    release: str | None = None
    spec_commit: str | None = None
    spec_file: str | None = None
    spec_sha256: str | None = None
    samples: tuple[dict[str, Any], ...] = ()
    format: str = CHANNEL_FORMAT


decoder_of(ChannelIndex)


def read_channel_index(data: bytes, what: str) -> ChannelIndex:
    """Read a stored `latest.json` of a channel.

    Raises:
        Corrupt: naming `what`.
    """
    return read_wire(ChannelIndex, data, what)
