"""What bundles' endpoints are asked alike: which bundle, which channel, which files of it.

Here belong the parameters' types with their limits, and what they mean on an open library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
import pyarrow as pa

from dataplatform.api.endpoint import Binding, Call, Parameters, Reply, Selector
from dataplatform.api.library import Library
from opendata.reading.file_index.bundles import UNKNOWN_BUNDLE, FoundBundle
from opendata.reading.file_index.index import FileIndex
from opendata.reading.file_index.query import FileQuery, file_query
from opendata.wire.bundle import BUNDLE_TYPES, BundleLock, LockedChannel
from opendata.wire.errors import InvalidInput, NotFound

METADATA_MAX: Final = 16
_LIST_HINT: Final = "GET /api/v1/bundles lists what the token opens"
YEAR_SECONDS: Final = 365 * 24 * 3600
CACHED: Final = "private, no-cache"
IMMUTABLE: Final = f"private, max-age={YEAR_SECONDS}, immutable"
_ENCODED_BY: Final = f"1/{pa.__version__}"
"""What the bytes of a page depend on beside the lock and the question."""

BundleName = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, description="The bundle's name.")
]
BundleVersion = Annotated[
    str,
    msgspec.Meta(
        max_length=40,
        extra_json_schema={"pattern": r"^v?\d+\.\d+\.\d+(-\d{4}\.\d{1,2})?$"},
        description="A version of it, such as `v1.0.0-2025.25`; the newest one if left out.",
    ),
]
Revision = Annotated[
    int,
    msgspec.Meta(ge=1, le=999_999, description="A revision of it; the current one if left out."),
]
BundleType = Annotated[
    str,
    msgspec.Meta(
        max_length=16,
        extra_json_schema={"enum": list(BUNDLE_TYPES)},
        description="Its type; needed only where two types share a name and version.",
    ),
]
ChannelName = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=200,
        description="One of the bundle's channels; may be left out where it has one only.",
    ),
]
Moment = Annotated[
    str,
    msgspec.Meta(
        max_length=64,
        extra_json_schema={"examples": ["2025-06-01T00:00:00Z", "2025-06-02"]},
        description="ISO 8601, both ends inclusive. Without a zone it is UTC; a bare date as end "
        "is the whole day. Files without a time are listed only where neither end is given.",
    ),
]
MetadataPair = Annotated[
    str,
    msgspec.Meta(
        min_length=2,
        max_length=512,
        extra_json_schema={"pattern": "^[^=]+="},
        description="`name=value`: the metadata has that value; `a.b=value` looks into objects. "
        "Several are all to hold.",
    ),
]
CursorText = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=512,
        description="Where to go on: `next_cursor` of the answer before. It is bound to the lock.",
    ),
]


class OfBundle(Parameters, frozen=True, kw_only=True):
    """Which bundle."""

    bundle_name: BundleName
    version: BundleVersion | None = None
    revision: Revision | None = None
    type: BundleType | None = None

    @property
    def selector(self) -> Selector:
        """The bundle that is meant."""
        return Selector(self.bundle_name, self.version, self.revision, self.type)


class OfFiles(OfBundle, frozen=True, kw_only=True):
    """Which files of which bundle."""

    channel: ChannelName | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    metadata: tuple[MetadataPair, ...] = ()
    cursor: CursorText | None = None

    def query(self, channel: LockedChannel) -> FileQuery:
        """The question, about what the bundle has of a channel.

        Raises:
            InvalidInput: naming what is no time and no pair.
        """
        return asked_files(self.start_time, self.end_time, self.metadata, channel)


def asked_files(
    start: str | None, end: str | None, metadata: Sequence[str], channel: LockedChannel
) -> FileQuery:
    """What is asked of a channel, within what the bundle has of it.

    Raises:
        InvalidInput: naming what is no time and no pair.
    """
    if len(metadata) > METADATA_MAX:
        raise InvalidInput(f"at most {METADATA_MAX} values of metadata can be asked for")
    return file_query(start, end, metadata).within(channel.data_range)


@dataclass(frozen=True)
class Opened:
    """A bundle that was found for a call."""

    found: FoundBundle
    selector: Selector
    library: Library

    @property
    def lock(self) -> BundleLock:
        """What it locks."""
        return self.found.lock

    @property
    def binding(self) -> Binding:
        """What answers about it are bound to."""
        return Binding(self.selector, self.found.lock_sha256)

    def index(self, channel: LockedChannel) -> FileIndex:
        """A channel's index, open."""
        return self.library.index(channel)


def open_bundle(library: Library, call: Call) -> Opened:
    """The bundle that a call asks for.

    Raises:
        Denied: if the call's token does not open it.
        NotFound: with did-you-mean, if the token opens all that could be meant.
    """
    selector: Selector = call.parameters.selector
    call.grant.require(selector.name)
    try:
        found = library.find(selector)
    except NotFound as error:
        if error.code == UNKNOWN_BUNDLE and not call.grant.is_whole:
            error.hint = _LIST_HINT  # the nearest name may be one that the token does not open
        raise
    return Opened(found, selector, library)


def etag_of(opened: Opened, call: Call, *told: object) -> str:
    """A strong ETag: the lock, all that was asked, and how the bytes are made."""
    asked = msgspec.json.encode([_ENCODED_BY, opened.found.lock_sha256, call.parameters, told])
    return f'"{hashlib.sha256(asked).hexdigest()[:32]}"'


def caching(opened: Opened, etag: str) -> dict[str, str]:
    """The headers of an answer that follows from a lock."""
    return {
        "etag": etag,
        "cache-control": IMMUTABLE if opened.selector.is_pinned else CACHED,
        "vary": "Accept, Accept-Encoding",
        "x-bundle-version": opened.lock.version,
        "x-bundle-revision": str(opened.lock.revision),
    }


def is_unchanged(call: Call, etag: str) -> bool:
    """Whether the client has this answer already."""
    return etag in call.header("if-none-match")


def unchanged(headers: dict[str, str]) -> Reply:
    """The answer to a client that has it."""
    return Reply(b"", 304, headers)
