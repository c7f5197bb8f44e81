"""`DataIndexClient`: bundles, their files by time, and the files' bytes (requirements S0-60…S0-65).

Here belongs what people call, with its arguments and how they are read. The API or a store behind
it belongs in the sources, lists of files in `records`, bytes in `fetching`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import pyarrow as pa

from opendata._index_client.bundle import Bundle, read_name
from opendata._index_client.fetching import Downloaded, Fetcher, Progress, fetch_all
from opendata._index_client.opening import open_source
from opendata._index_client.ports import Ask
from opendata._index_client.records import FileList, FileRecord, Origin
from opendata._settings import Settings
from opendata.reading.bundle_signature import verify_bundle
from opendata.reading.file_index.batches import check_batch_size
from opendata.reading.file_index.bundles import FoundBundle
from opendata.reading.file_index.listing import choose_channel
from opendata.reading.file_index.query import Moment, file_query
from opendata.reading.file_index.schema import no_files
from opendata.wire.bundle import BundleEntry
from opendata.wire.errors import InvalidInput

if TYPE_CHECKING:
    from opendata._index_client.iterable import BundleIterable

BATCH_FILES: Final = 1_000
WORKERS: Final = 8
WORKERS_MAX: Final = 64

Metadata = Mapping[str, object] | Iterable[str]


class DataIndexClient:
    """Bundles of files by name and version, and their files by time.

    Every lock is checked by its digest, and by its signature where `OPENDATA_TRUST` is set; every
    file's bytes are hashed before they are handed out.

    Args:
        base_url: The API (`https://dataindex-api.company.com`, S0-61), or a store that is read
            without one: a folder or `s3://bucket/prefix`. Default: the API of `OPENDATA_REGISTRY`,
            else the store of `OPENDATA_STORAGE`.
        token: For the API; default `OPENDATA_API_KEY`.
        timeout: Seconds of silence after which a request is given up.
        retries: How often a request is sent again to an API that is busy or out of reach.

    Raises:
        InvalidInput: for an address that is none, or that is not encrypted.
        NotFound: if there is neither an API nor a store.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 5,
    ) -> None:
        self._settings = Settings.from_environment()
        self._source = open_source(
            self._settings, base_url, token, timeout=timeout, retries=retries
        )
        self._trust = self._settings.trust()
        self._fetcher = Fetcher(self._source, self._settings.cache())

    @property
    def url(self) -> str:
        """What is read."""
        return self._source.url

    def bundles(self) -> list[BundleEntry]:
        """Every published bundle that may be seen."""
        return list(self._source.bundles())

    def get_dataset(
        self,
        bundle_name: str,
        bundle_version: str | None = None,
        *,
        type: str | None = None,
        revision: int | None = None,
    ) -> Bundle:
        """One version of a bundle, or `NAME@VERSION`; without a version, the newest (S0-62).

        Raises:
            NotFound: if there is no such bundle or version, with did-you-mean.
            InvalidInput: for what is no version, or where the type has to be told.
            Corrupt: if the lock is not the one that was published.
            Denied: if a trust root is set and the signature does not hold.
        """
        bundle_name, bundle_version = read_name(bundle_name, bundle_version)
        found = self._source.bundle(bundle_name, bundle_version, revision, type)
        verify_bundle(found.lock, self._trust, self._source.signatures)
        return Bundle(found, self.list_files, self.stream_data)

    def list_files(
        self,
        bundle_name: str | Bundle,
        bundle_version: str | None = None,
        channel: str | None = None,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        *,
        metadata: Metadata | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> FileList:
        """The files of a channel in an interval, in order of time (S0-63).

        Args:
            bundle_name, bundle_version: As in :meth:`get_dataset`; or a bundle that it gave.
            channel: May be left out where the bundle has only one.
            start_time, end_time: ISO 8601, both ends inclusive; a time without a zone is UTC, a
                bare date as end means the whole day. Files without a time are listed only where
                neither is given.
            metadata: Values that all have to be there: `{"camera_id": "front", "lens.wide": True}`.
            limit: At most so many; the list's `cursor` goes on after them.
            cursor: Where to go on.

        Raises:
            NotFound: if there is no such bundle, version or channel, with did-you-mean.
            InvalidInput: for what is no time, no question, or no cursor.
            Conflict: if the cursor is of another revision.
            Corrupt: if anything is not what was published.
        """
        if limit is not None and limit < 0:
            raise InvalidInput(f"a limit of {limit} files is none", code="invalid_page")
        bundle = self._found(bundle_name, bundle_version)
        named = choose_channel(bundle.lock, channel).channel
        ask = Ask(bundle, named, file_query(start_time, end_time, metadata))
        tables: list[pa.Table] = []
        left = limit
        while left is None or left > 0:
            page = self._source.page(ask, limit=left, cursor=cursor)
            tables.append(page.files)
            cursor = page.cursor
            left = None if left is None else left - page.files.num_rows
            if cursor is None:
                break
        table = pa.concat_tables(tables) if tables else no_files()
        return FileList(table, Origin(bundle, named), cursor=cursor)

    def stream_data(
        self,
        bundle_name: str | Bundle,
        bundle_version: str | None = None,
        batch_size: int = BATCH_FILES,
        channel: str | None = None,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        *,
        metadata: Metadata | None = None,
        cursor: str | None = None,
        progress: Progress | None = None,
    ) -> Iterator[FileList]:
        """The files in batches, as fast as they are taken (S0-64, S0-65).

        Without a channel the channels follow one another, and each file says its `channel`; a batch
        is of one channel, and only a channel's last one has fewer than `batch_size` files. A
        batch's `cursor` goes on after it. A connection that breaks off is taken up again; nothing
        is skipped or comes twice.

        Args:
            progress: Called after each batch with how many files came, and of how many where that
                is known before.

        Raises:
            As :meth:`list_files`; what is wrong with the question, before the first batch.
        """
        check_batch_size(batch_size)
        bundle = self._found(bundle_name, bundle_version)
        named = choose_channel(bundle.lock, channel).channel if channel is not None else None
        ask = Ask(bundle, named, file_query(start_time, end_time, metadata))
        return self._stream(ask, batch_size, cursor, progress)

    def iterate(
        self,
        bundle_name: str | Bundle,
        bundle_version: str | None = None,
        *,
        channel: str | None = None,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        metadata: Metadata | None = None,
        batch_size: int = BATCH_FILES,
        shuffle_seed: int | None = None,
        epoch: int = 0,
        shard: tuple[int, int] = (0, 1),
        with_bytes: bool = False,
    ) -> BundleIterable:
        """The files for training: sharded over workers, shuffled by a seed, to be taken up again.

        See :class:`opendata._index_client.iterable.BundleIterable`.

        Raises:
            As :meth:`list_files`.
        """
        from opendata._index_client.iterable import BundleIterable, Plan

        bundle = self._found(bundle_name, bundle_version)
        named = choose_channel(bundle.lock, channel).channel
        ask = Ask(bundle, named, file_query(start_time, end_time, metadata))
        plan = Plan(batch_size, shuffle_seed, epoch, *shard)
        read = self._fetcher.read_all if with_bytes else None
        return BundleIterable(self._source, ask, plan, read)

    def download(
        self,
        files: Iterable[FileRecord],
        folder: str | Path,
        *,
        workers: int = WORKERS,
        progress: Progress | None = None,
    ) -> Downloaded:
        """Fetch files into a folder, below their paths; several at a time, verified, resumable.

        Files that are there and right are kept. Files of several channels lie below their
        channel's name each.

        Args:
            files: A list of files, a part of one, or any files of one client.
            workers: How many at a time.
            progress: Called after each file.

        Returns:
            What was fetched and kept, and what failed: one file's failure stops no other.

        Raises:
            InvalidInput: if two files would be one on some disks.
        """
        if not 1 <= workers <= WORKERS_MAX:
            raise InvalidInput(f"{workers} workers are too few or too many; 1 to {WORKERS_MAX} are")
        chosen = list(files)
        wanted = self._fetcher.wanted(chosen, Path(folder))
        return fetch_all(wanted, Path(folder), workers=workers, progress=progress)

    def open(self, file: FileRecord) -> BinaryIO:
        """A file's bytes to read from, verified before the first is handed out.

        Raises:
            Corrupt: if they are not what the index says.
            NotFound, Denied, Unavailable: as the file's place answers.
        """
        return self._fetcher.open(file)

    def close(self) -> None:
        """Let go of connections."""
        self._source.close()

    def __enter__(self) -> DataIndexClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DataIndexClient({self.url!r})"

    def _found(self, bundle: str | Bundle, version: str | None) -> FoundBundle:
        if not isinstance(bundle, Bundle):
            return self.get_dataset(bundle, version).found
        if version is not None and version.removeprefix("v") != bundle.version.removeprefix("v"):
            raise InvalidInput(
                f"the bundle is {bundle.version}, and {version} was asked for",
                hint="give the bundle alone, or its name and a version",
            )
        return bundle.found

    def _stream(
        self, ask: Ask, batch_size: int, cursor: str | None, progress: Progress | None
    ) -> Generator[FileList, None, None]:
        total, done = _total(ask) if cursor is None else None, 0
        with closing(self._source.batches(ask, batch_size, cursor)) as batches:
            for batch in batches:
                done += batch.files.num_rows
                if progress is not None:
                    progress(done, total)
                table = pa.Table.from_batches([batch.files])
                yield FileList(table, Origin(ask.bundle, batch.channel), cursor=batch.cursor)


def _total(ask: Ask) -> int | None:
    """How many files there are, where the lock says so."""
    if ask.query.metadata or not ask.query.is_open:
        return None
    lock = ask.bundle.lock
    return lock.total_files if ask.channel is None else choose_channel(lock, ask.channel).file_count
