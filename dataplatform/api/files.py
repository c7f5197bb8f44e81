"""The endpoints of a bundle's files, and streams of them (S0-38, S0-40, S0-63…S0-65).

A stream goes at the pace of its reader. What a single page is stands in `pages`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Final

import msgspec
import pyarrow as pa

from dataplatform.api import encoding
from dataplatform.api.asking import OfFiles, Opened, open_bundle
from dataplatform.api.endpoint import (
    ARROW,
    JSON,
    NDJSON,
    Bytes,
    Call,
    Endpoint,
    Response,
    Streamed,
)
from dataplatform.api.library import Library
from dataplatform.api.pages import (
    FilePage,
    PackedBuffers,
    PageParameters,
    list_files,
    list_files_at_once,
    next_cursor,
    page_facts,
    schema_facts,
)
from opendata.reading.file_index.listing import choose_channel
from opendata.reading.file_index.schema import INDEX_SCHEMA, STREAM_SCHEMA, name_channel
from opendata.wire.bundle import LockedChannel
from opendata.wire.cursor import read_cursor

BATCH_FILES: Final = 1_000
BATCH_FILES_MAX: Final = 100_000
CURSOR_FACT: Final = "opendata.next_cursor"

_StreamFormat = Annotated[
    str,
    msgspec.Meta(
        description="`arrow` or `ndjson`; else `Accept` decides.",
        extra_json_schema={"enum": ["arrow", "ndjson"]},
    ),
]


class StreamParameters(OfFiles, frozen=True, kw_only=True):
    """All files, in batches."""

    batch_size: Annotated[
        int, msgspec.Meta(ge=1, le=BATCH_FILES_MAX, description="Files per batch (S0-65).")
    ] = BATCH_FILES
    format: _StreamFormat | None = None
    compression: PackedBuffers = "none"


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
        facts = page_facts(opened, None if all_of_them else channels[0], None)
        pieces = encoding.arrow_stream(schema, batches, schema_facts(facts), asked.compression)
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
