"""Bundles and their files out of a store, without a server: a folder, a bucket, any address.

The lock is checked by its digest and, where a trust root is set, by its signature; every row of an
index by the digest that the lock pins; every file by the digest that its row names.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence

from opendata._index_client.ports import Ask, FilePlace, Page, SourceBatch
from opendata._index_client.records import FileRecord
from opendata._settings import Settings
from opendata.reading.file_index.bundles import FoundBundle, find_bundle, read_bundle_catalogue
from opendata.reading.file_index.index import FileIndex
from opendata.reading.file_index.listing import choose_channel, open_channel
from opendata.reading.file_index.schema import name_channel
from opendata.stores import open_reader
from opendata.stores.port import ObjectReader
from opendata.wire.bundle import BundleEntry, LockedChannel
from opendata.wire.cursor import encode_cursor, read_cursor
from opendata.wire.errors import InvalidInput

ALL = 1 << 62


class StoreSource:
    """Reads the store that the settings name, or another one."""

    def __init__(self, settings: Settings, url: str | None = None) -> None:
        self._settings = settings
        self._reader = (
            settings.reader() if url is None else open_reader(url, environ=settings.environ)
        )
        self._cache = settings.cache()

    @property
    def signatures(self) -> ObjectReader:
        """The store: countersignatures lie beside the lock."""
        return self._reader

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._reader.url

    def bundles(self) -> Sequence[BundleEntry]:
        """Every bundle of the catalogue."""
        return read_bundle_catalogue(self._reader).bundles

    def bundle(
        self, name: str, version: str | None, revision: int | None, type: str | None
    ) -> FoundBundle:
        """The lock that is meant now, verified."""
        return find_bundle(self._reader, name, version, type=type, revision=revision)

    def page(self, ask: Ask, *, limit: int | None, cursor: str | None) -> Page:
        """At most `limit` files; all of them without."""
        channel = choose_channel(ask.bundle.lock, ask.channel)
        row = _row(ask, channel, cursor)
        part = self.index(channel).part(
            ask.query.within(channel.data_range), row=row, limit=ALL if limit is None else limit
        )
        return Page(part.table, self._cursor(ask, channel, part.next_row))

    def batches(
        self, ask: Ask, batch_size: int, cursor: str | None
    ) -> Generator[SourceBatch, None, None]:
        """All files in batches, one channel after the other."""
        channels = ask.bundle.lock.channels
        if ask.channel is not None:
            channels = (choose_channel(ask.bundle.lock, ask.channel),)
        begin = read_cursor(cursor, ask.bundle.lock_sha256) if cursor else None
        if begin is not None:
            names = [one.channel for one in channels]
            if begin.channel not in names:
                raise _other_channel(begin.channel)
            channels = channels[names.index(begin.channel) :]
        for channel in channels:
            row = begin.row if begin is not None and channel.channel == begin.channel else 0
            query = ask.query.within(channel.data_range)
            for batch in self.index(channel).numbered_batches(query, batch_size, row=row):
                name, files = channel.channel, batch.files
                if ask.channel is None:
                    files = name_channel(files, name)
                yield SourceBatch(files, name, self._cursor(ask, channel, batch.next_row))

    def index(self, channel: LockedChannel) -> FileIndex:
        """The index that a lock pins."""
        return open_channel(self._reader, self._cache, channel)

    def files_of(self, bundle: FoundBundle, channel: str) -> FilePlace:
        """The channel's own place."""
        locked = choose_channel(bundle.lock, channel)
        return StoredFiles(self._reader_of(locked))

    def close(self) -> None:
        """Nothing is held."""

    def _reader_of(self, channel: LockedChannel) -> ObjectReader:
        if channel.release is not None:
            return self._reader  # a data set's shards are objects of the store itself
        place = channel.storage_path
        if "://" not in place:
            if place == "~" or place.startswith("~/"):  # as the platform reads it
                place = self._settings.environ.get("HOME", "~") + place[1:]
            place = os.path.join(self._settings.cwd, place)
        return open_reader(place, environ=self._settings.environ)

    @staticmethod
    def _cursor(ask: Ask, channel: LockedChannel, row: int | None) -> str | None:
        if row is None:
            return None
        return encode_cursor(ask.bundle.lock_sha256, channel.channel, row)


class StoredFiles:
    """Files at a channel's `storage_path`, called by their paths."""

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader

    def reader(self, files: Sequence[FileRecord]) -> ObjectReader:
        """The place itself."""
        return self._reader

    def key_of(self, file: FileRecord) -> str:
        """The path below it."""
        return str(file["relative_path"])


def _row(ask: Ask, channel: LockedChannel, cursor: str | None) -> int:
    if cursor is None:
        return 0
    place = read_cursor(cursor, ask.bundle.lock_sha256)
    if place.channel != channel.channel:
        raise _other_channel(place.channel)
    return place.row


def _other_channel(channel: str) -> InvalidInput:
    return InvalidInput(
        f"this cursor goes on in the channel {channel}",
        code="invalid_cursor",
        hint=f"ask for the channel {channel}, or begin without a cursor",
    )
