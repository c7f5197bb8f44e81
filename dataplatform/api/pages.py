"""Pages of a bundle's files: rows of a lock's index from a cursor on (S0-38, S0-63).

A page is bound to a lock and never changes, so it has a strong ETag and may be kept. Arrow gives
`metadata` as the JSON text that it is stored as, JSON as the object that it is. Streams stand in
`files`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from dataplatform.api import encoding
from dataplatform.api.asking import (
    OfFiles,
    Opened,
    caching,
    etag_of,
    is_unchanged,
    open_bundle,
    unchanged,
)
from dataplatform.api.encoding import Compression
from dataplatform.api.endpoint import Call, Reply
from dataplatform.api.library import Library
from opendata.reading.file_index.index import Part
from opendata.reading.file_index.listing import choose_channel
from opendata.wire.bundle import LockedChannel
from opendata.wire.cursor import encode_cursor, read_cursor
from opendata.wire.errors import InvalidInput

PAGE_FILES: Final = 1_000
PAGE_FILES_MAX: Final = 10_000
AT_ONCE_MAX: Final = {"arrow": PAGE_FILES_MAX, "json": PAGE_FILES}
"""So many files are shown without a thread: others wait for them a millisecond at most."""

PackedBuffers = Annotated[
    Compression, msgspec.Meta(description="Of Arrow's buffers; every Arrow reader unpacks them.")
]

_PageFormat = Annotated[
    str,
    msgspec.Meta(
        description="`json` or `arrow`; else `Accept` decides.",
        extra_json_schema={"enum": ["json", "arrow"]},
    ),
]


class FileRow(msgspec.Struct, frozen=True):
    """One file (S0-44…S0-49). `timestamp` is ISO 8601 in UTC, `metadata` an object."""

    file_id: str
    relative_path: str
    timestamp: str | None
    size_bytes: int
    checksum: str
    metadata: dict[str, Any]


class FilePage(msgspec.Struct, frozen=True):
    """Some files in order of time, of exactly this lock; `next_cursor` is null at the end."""

    bundle_name: str
    bundle_version: str
    revision: int
    lock_sha256: str
    channel: str
    files: list[FileRow]
    next_cursor: str | None


class PageParameters(OfFiles, frozen=True, kw_only=True):
    """A page of files."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_FILES_MAX, description="Files per page.")] = (
        PAGE_FILES
    )
    format: _PageFormat | None = None
    compression: PackedBuffers = "none"


def list_files(library: Library, call: Call) -> Reply:
    """A page of a channel's files."""
    asked: PageParameters = call.parameters
    shown = _shown(open_bundle(library, call), call)
    if is_unchanged(call, shown.etag):
        return unchanged(shown.headers)
    channel, row = shown.place(asked)
    index = shown.opened.index(channel)
    return shown.reply(channel, index.part(asked.query(channel), row=row, limit=asked.limit), asked)


def list_files_at_once(library: Library, call: Call) -> Reply | None:
    """The same where it takes nothing but copying rows that are decoded, and little of that."""
    asked: PageParameters = call.parameters
    call.grant.require(asked.bundle_name)
    selector = asked.selector
    found = library.known(selector)
    if found is None:
        return None
    shown = _shown(Opened(found, selector, library), call)
    if is_unchanged(call, shown.etag):
        return unchanged(shown.headers)
    if shown.packing or asked.compression != "none" or asked.limit > AT_ONCE_MAX[shown.kind]:
        return None
    channel, row = shown.place(asked)
    index = library.known_index(channel)
    if index is None:
        return None
    part = index.part_at_once(asked.query(channel), row=row, limit=asked.limit)
    return None if part is None else shown.reply(channel, part, asked)


@dataclass(slots=True)
class _Shown:
    """How a page is shown: in which format and packing, and what follows from that."""

    opened: Opened
    kind: encoding.Format
    packing: str | None
    etag: str

    @property
    def headers(self) -> dict[str, str]:
        return caching(self.opened, self.etag)

    def place(self, asked: PageParameters) -> tuple[LockedChannel, int]:
        """The channel that is asked for, and the row of its index to begin at."""
        channel = choose_channel(self.opened.lock, asked.channel)
        return channel, first_row(self.opened, channel, asked.cursor)

    def reply(self, channel: LockedChannel, part: Part, asked: PageParameters) -> Reply:
        """The page of these rows."""
        cursor = next_cursor(self.opened, channel, part.next_row)
        facts = page_facts(self.opened, channel, cursor)
        if self.kind == "arrow":
            body = encoding.arrow_page(part.table, schema_facts(facts), asked.compression)
        else:
            body = encoding.json_page(part.table, facts)
        body, packed = encoding.pack(body, self.packing)
        headers = self.headers
        headers["content-type"] = encoding.MEDIA_TYPES[self.kind]
        if packed:
            headers["content-encoding"] = packed
        if cursor:
            headers["x-next-cursor"] = cursor
        return Reply(body, headers=headers, binding=self.opened.binding)


def _shown(opened: Opened, call: Call) -> _Shown:
    asked: PageParameters = call.parameters
    kind = encoding.choose_format(asked.format, call.header("accept"), ("json", "arrow"))
    packing = encoding.choose_packing(call.header("accept-encoding"))
    return _Shown(opened, kind, packing, etag_of(opened, call, kind, packing))


def first_row(opened: Opened, channel: LockedChannel, cursor: str | None) -> int:
    """The row of the index that a cursor goes on at.

    Raises:
        InvalidInput: if it is no cursor, or one of another channel.
        Conflict: if it is one of another lock.
    """
    if cursor is None:
        return 0
    place = read_cursor(cursor, opened.found.lock_sha256)
    if place.channel != channel.channel:
        raise InvalidInput(
            f"this cursor is one of the channel {place.channel}, not of {channel.channel}",
            code="invalid_cursor",
        )
    return place.row


def next_cursor(opened: Opened, channel: LockedChannel, row: int | None) -> str | None:
    """The cursor that goes on at a row; None at the end."""
    return None if row is None else encode_cursor(opened.found.lock_sha256, channel.channel, row)


def page_facts(opened: Opened, channel: LockedChannel | None, cursor: str | None) -> dict[str, Any]:
    """What an answer about files says beside them; no channel means all of them."""
    return {
        "bundle_name": opened.lock.name,
        "bundle_version": opened.lock.version,
        "revision": opened.lock.revision,
        "lock_sha256": opened.found.lock_sha256,
        "channel": None if channel is None else channel.channel,
        "next_cursor": cursor,
    }


def schema_facts(facts: dict[str, Any]) -> dict[str, str]:
    """The facts as they stand in an Arrow schema; what there is not is left out."""
    return {f"opendata.{name}": str(value) for name, value in facts.items() if value is not None}
