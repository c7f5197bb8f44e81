"""Files of a bundle, by time and metadata: pages and streams (S0-38, S0-40, S0-63…S0-65).

A page is bound to a lock and never changes, so it has a strong ETag and may be kept. Arrow gives
`metadata` as the JSON text that it is stored as, JSON as the object that it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

import msgspec
import pyarrow as pa

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
from dataplatform.api.endpoint import (
    ARROW,
    JSON,
    NDJSON,
    Bytes,
    Call,
    Endpoint,
    Reply,
    Response,
    Streamed,
)
from dataplatform.api.library import Library
from opendata.reading.file_index.index import Part
from opendata.reading.file_index.listing import choose_channel
from opendata.reading.file_index.schema import INDEX_SCHEMA, STREAM_SCHEMA, name_channel
from opendata.wire.bundle import LockedChannel
from opendata.wire.cursor import encode_cursor, read_cursor
from opendata.wire.errors import InvalidInput

PAGE_FILES: Final = 1_000
PAGE_FILES_MAX: Final = 10_000
BATCH_FILES: Final = 1_000
BATCH_FILES_MAX: Final = 100_000
AT_ONCE_MAX: Final = {"arrow": PAGE_FILES_MAX, "json": PAGE_FILES}
"""How many files are shown without a thread: what keeps others waiting a millisecond at most."""
CURSOR_FACT: Final = "opendata.next_cursor"

_Compression = Annotated[
    Compression, msgspec.Meta(description="Of Arrow's buffers; every Arrow reader unpacks them.")
]

_PageFormat = Annotated[
    str,
    msgspec.Meta(
        description="`json` or `arrow`; else `Accept` decides.",
        extra_json_schema={"enum": ["json", "arrow"]},
    ),
]
_StreamFormat = Annotated[
    str,
    msgspec.Meta(
        description="`arrow` or `ndjson`; else `Accept` decides.",
        extra_json_schema={"enum": ["arrow", "ndjson"]},
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
    compression: _Compression = "none"


class StreamParameters(OfFiles, frozen=True, kw_only=True):
    """All files, in batches."""

    batch_size: Annotated[
        int, msgspec.Meta(ge=1, le=BATCH_FILES_MAX, description="Files per batch (S0-65).")
    ] = BATCH_FILES
    format: _StreamFormat | None = None
    compression: _Compression = "none"


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
    found = library.known(asked.selector)
    if found is None:
        return None
    shown = _shown(Opened(found, asked.selector, library), call)
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


@dataclass(frozen=True)
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
        facts = _facts(self.opened, channel, cursor)
        if self.kind == "arrow":
            body = encoding.arrow_page(part.table, _named(facts), asked.compression)
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


def stream_files(library: Library, call: Call) -> Streamed:
    """All files of a channel, or of all channels one after the other."""
    asked: StreamParameters = call.parameters
    opened = open_bundle(library, call)
    kind = encoding.choose_format(asked.format, call.header("accept"), ("arrow", "ndjson"))
    all_of_them = asked.channel is None
    channels = opened.lock.channels
    if not all_of_them:
        channels = (choose_channel(opened.lock, asked.channel),)
    for channel in channels:
        asked.query(channel)  # what is wrong with the question is told before anything is sent
    batches = _batches(opened, channels, asked, named=all_of_them)
    pieces: Iterator[Bytes]
    if kind == "arrow":
        schema = STREAM_SCHEMA if all_of_them else INDEX_SCHEMA
        facts = _facts(opened, None if all_of_them else channels[0], None)
        pieces = encoding.arrow_stream(schema, batches, _named(facts), asked.compression)
    else:
        pieces = encoding.ndjson_stream(batch for batch, _ in batches)
    headers = {
        "content-type": encoding.MEDIA_TYPES[kind],
        "cache-control": "no-store",
        "x-bundle-version": opened.lock.version,
        "x-bundle-revision": str(opened.lock.revision),
        "x-lock-sha256": opened.found.lock_sha256,
    }
    return Streamed(pieces, headers)


def _batches(
    opened: Opened, channels: tuple[LockedChannel, ...], asked: StreamParameters, *, named: bool
) -> Iterator[tuple[pa.RecordBatch, dict[str, str]]]:
    """Batches of a channel after the other, each with the cursor that goes on after it."""
    place = None if asked.cursor is None else read_cursor(asked.cursor, opened.found.lock_sha256)
    for channel in channels:
        row = 0
        if place is not None:
            if channel.channel != place.channel:
                continue  # streamed before
            row, place = place.row, None
        query = asked.query(channel)
        for batch in opened.index(channel).numbered_batches(query, asked.batch_size, row=row):
            files = name_channel(batch.files, channel.channel) if named else batch.files
            yield files, {CURSOR_FACT: str(next_cursor(opened, channel, batch.next_row))}


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


def _facts(opened: Opened, channel: LockedChannel | None, cursor: str | None) -> dict[str, Any]:
    return {
        "bundle_name": opened.lock.name,
        "bundle_version": opened.lock.version,
        "revision": opened.lock.revision,
        "lock_sha256": opened.found.lock_sha256,
        "channel": None if channel is None else channel.channel,
        "next_cursor": cursor,
    }


def _named(facts: dict[str, Any]) -> dict[str, str]:
    """The facts as they stand in an Arrow schema; what there is not is left out."""
    return {f"opendata.{name}": str(value) for name, value in facts.items() if value is not None}


def _bundle_headers() -> dict[str, str]:
    return {
        "ETag": "Strong; what it names never changes.",
        "X-Bundle-Version": "The version that was answered about.",
        "X-Bundle-Revision": "The revision of it.",
    }


def file_endpoints(library: Library) -> list[Endpoint]:
    """The endpoints of files."""
    return [
        Endpoint(
            "GET",
            "/api/v1/bundles/{bundle_name}/files",
            "list_files",
            "List files of a channel by time and metadata, page by page",
            partial(list_files, library),
            {
                200: Response(
                    "A page of files. Arrow says the same in its schema's metadata, below "
                    "`opendata.`.",
                    FilePage,
                    (JSON, ARROW),
                    _bundle_headers()
                    | {"X-Next-Cursor": "Where the next page begins; not sent at the end."},
                ),
                304: Response("What `If-None-Match` names is still it.", types=()),
            },
            PageParameters,
            failures=(404, 409, 422),
            at_once=partial(list_files_at_once, library),
        ),
        Endpoint(
            "GET",
            "/api/v1/bundles/{bundle_name}/stream",
            "stream_files",
            "Stream all files of a channel, or of all channels",
            partial(stream_files, library),
            {
                200: Response(
                    "Batches in order of time, at the pace of the reader. Without `channel` the "
                    "channels follow one another, and a column `channel` stands first. In Arrow "
                    "each batch's own metadata says where to go on after it.",
                    types=(ARROW, NDJSON),
                    headers=_bundle_headers() | {"X-Lock-Sha256": "The digest of the lock."},
                )
            },
            StreamParameters,
            failures=(404, 409, 422),
        ),
    ]
