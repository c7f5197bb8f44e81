"""Addresses to download files at (requirement S0-39): many in one answer, and never their bytes.

An address is signed for one file and ends after a while, so who may ask here may read that file
where it lies and nothing else. Only files that the bundle has get one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Annotated, Final

import msgspec
import pyarrow as pa

from dataplatform.api import encoding
from dataplatform.api.asking import (
    ChannelName,
    MetadataPair,
    Moment,
    OfBundle,
    OfFiles,
    Opened,
    asked_files,
    open_bundle,
)
from dataplatform.api.endpoint import JSON, Body, Bytes, Call, Endpoint, Reply, Response
from dataplatform.api.library import Library
from dataplatform.api.pages import first_row, next_cursor
from dataplatform.channels.ports import ChannelFiles
from dataplatform.ports import Clock
from opendata.reading.file_index.index import FileIndex
from opendata.reading.file_index.listing import choose_channel
from opendata.reading.file_index.query import FileQuery
from opendata.reading.file_index.schema import INDEX_SCHEMA
from opendata.wire.bundle import LockedChannel
from opendata.wire.errors import NotFound
from opendata.wire.times import format_instant

FILES_MAX: Final = 10_000
SECONDS: Final = 3_600
SECONDS_MAX: Final = 12 * 3_600
BODY_BYTES_MAX: Final = 8 << 20
NAMED_MAX: Final = 20
LOOK_FILES: Final = 16_384
_COLUMNS: Final = ("file_id", "relative_path", "size_bytes", "checksum")

OpenFiles = Callable[[str], ChannelFiles]
_Expires = Annotated[
    int,
    msgspec.Meta(ge=1, le=SECONDS_MAX, description="For how many seconds the addresses are good."),
]


class LinkedFile(msgspec.Struct, frozen=True):
    """A file and where its bytes are; `checksum` is what they have to hash to."""

    file_id: str
    relative_path: str
    size_bytes: int
    checksum: str
    url: str


class LinkedFiles(msgspec.Struct, frozen=True):
    """Files with an address each; after `expires_at` ask again."""

    bundle_name: str
    bundle_version: str
    revision: int
    lock_sha256: str
    channel: str
    expires_at: str
    files: list[LinkedFile]
    next_cursor: str | None


class DownloadParameters(OfFiles, frozen=True, kw_only=True):
    """The files of a page."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=FILES_MAX, description="Files per answer.")] = 1_000
    expires: _Expires = SECONDS


class DownloadOf(OfBundle, frozen=True, kw_only=True):
    """Which bundle; the files stand in the body."""

    expires: _Expires = SECONDS


class AskedFiles(Body, frozen=True, kw_only=True):
    """Files by their ids. The times, where they are known, spare looking through all of them."""

    file_ids: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]],
        msgspec.Meta(min_length=1, max_length=FILES_MAX),
    ]
    channel: ChannelName | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    metadata: list[MetadataPair] = []


class Downloads:
    """What the two endpoints act through."""

    def __init__(self, library: Library, open_files: OpenFiles, now: Clock) -> None:
        self._library = library
        self._open_files = open_files
        self._now = now

    def by_page(self, call: Call) -> Reply:
        """Addresses of the files that a listing with the same question gives."""
        asked: DownloadParameters = call.parameters
        opened = open_bundle(self._library, call)
        channel = choose_channel(opened.lock, asked.channel)
        row = first_row(opened, channel, asked.cursor)
        index = opened.index(channel)
        part = index.part(asked.query(channel), row=row, limit=asked.limit)
        cursor = next_cursor(opened, channel, part.next_row)
        return self._linked(opened, channel, part.table, asked.expires, cursor)

    def by_id(self, call: Call) -> Reply:
        """Addresses of the files with these ids, in order of time."""
        asked: AskedFiles = call.body
        opened = open_bundle(self._library, call)
        channel = choose_channel(opened.lock, asked.channel)
        query = asked_files(asked.start_time, asked.end_time, asked.metadata, channel)
        wanted = set(asked.file_ids)
        table = find_files(opened.index(channel), query, wanted)
        if table.num_rows != len(wanted):
            raise _missing(channel, wanted - set(table.column("file_id").to_pylist()))
        return self._linked(opened, channel, table, call.parameters.expires, None)

    def _linked(
        self,
        opened: Opened,
        channel: LockedChannel,
        table: pa.Table,
        seconds: int,
        cursor: str | None,
    ) -> Reply:
        expires_at = self._now() + timedelta(seconds=seconds)
        paths: list[str] = table.column("relative_path").to_pylist()
        files = self._open_files(channel.storage_path)
        linked = table.select(_COLUMNS).append_column("url", _texts(files.links(paths, seconds)))
        facts = {
            "bundle_name": opened.lock.name,
            "bundle_version": opened.lock.version,
            "revision": opened.lock.revision,
            "lock_sha256": opened.found.lock_sha256,
            "channel": channel.channel,
            "expires_at": format_instant(expires_at),
            "next_cursor": cursor,
        }
        body: Bytes = encoding.json_page(linked, facts)
        # An address is a right that ends: nobody on the way keeps it.
        return Reply(body, headers={"content-type": JSON, "cache-control": "no-store"})


def find_files(index: FileIndex, query: FileQuery, wanted: Collection[str]) -> pa.Table:
    """The rows with these ids; looks no further once it has all of them."""
    found: list[pa.RecordBatch] = []
    count = 0
    for batch in index.batches(query, LOOK_FILES):
        ids = batch.column("file_id").to_pylist()
        rows = [row for row, one in enumerate(ids) if one in wanted]
        if rows:
            found.append(batch.take(pa.array(rows, pa.int64())))
            count += len(rows)
            if count == len(wanted):
                break
    return pa.Table.from_batches(found, INDEX_SCHEMA)


def _texts(texts: object) -> pa.Array:
    return pa.array(texts, pa.string())


def _missing(channel: LockedChannel, missing: Collection[str]) -> NotFound:
    named = sorted(missing)[:NAMED_MAX]
    return NotFound(
        f"the bundle has no such file in {channel.channel}: {', '.join(named[:3])}"
        + (f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""),
        code="unknown_file",
        hint="ids are those that listing the bundle's files gives",
        details={"missing": named, "count": len(missing)},
    )


def download_endpoints(downloads: Downloads) -> list[Endpoint]:
    """The endpoints of downloads."""
    path = "/api/v1/bundles/{bundle_name}/download"
    answer = {200: Response("Addresses, good until `expires_at`.", LinkedFiles)}
    return [
        Endpoint(
            "GET",
            path,
            "download_page",
            "Get addresses to download the files of a page at",
            downloads.by_page,
            answer,
            DownloadParameters,
            failures=(404, 409, 422),
        ),
        Endpoint(
            "POST",
            path,
            "download_files",
            "Get addresses to download these files at",
            downloads.by_id,
            answer,
            DownloadOf,
            AskedFiles,
            BODY_BYTES_MAX,
            failures=(404, 413, 415, 422),
        ),
    ]
