"""The files of a question by number: the n-th to the m-th, without those before them.

Where the question is only an interval, the files are a run of rows of the index, and any of them
are had at once: from the index itself, or from the API by a cursor that names the row. Where it
asks for metadata, the rows that have it are looked up once; through the API, the files are listed
once and kept.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pyarrow as pa

from opendata._index_client.ports import Ask, FileSource
from opendata._index_client.store_source import StoreSource
from opendata.reading.file_index.index import FileIndex
from opendata.reading.file_index.listing import choose_channel
from opendata.reading.file_index.schema import INDEX_SCHEMA, no_files
from opendata.wire.cursor import encode_cursor, read_cursor
from opendata.wire.errors import Corrupt

LISTED_FILES = 10_000


class NumberedFiles(Protocol):
    """The files of a question, in order of time."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def rows(self, start: int, stop: int) -> pa.Table:
        """Those from `start` up to but without `stop`."""
        ...


def number_files(source: FileSource, ask: Ask) -> NumberedFiles:
    """The files that are asked for, of one channel.

    Raises:
        NotFound, Denied, Corrupt, Unavailable: as the source answers.
    """
    channel = choose_channel(ask.bundle.lock, ask.channel)
    query = ask.query.within(channel.data_range)
    if isinstance(source, StoreSource):
        index = source.index(channel)
        if query.metadata:
            return _Chosen(index, index.matching_rows(query))
        return _Run(index, *index.span(query))
    if ask.query.is_open and not ask.query.metadata:
        return _Paged(source, ask)
    return _Listed(source, ask)


class _Run:
    """Rows of an index that follow one another."""

    def __init__(self, index: FileIndex, start: int, stop: int) -> None:
        self._index = index
        self._start = start
        self._stop = stop

    def __len__(self) -> int:
        return self._stop - self._start

    def rows(self, start: int, stop: int) -> pa.Table:
        return self._index.rows(self._start + start, self._start + stop)


class _Chosen:
    """Some rows of an index, eight bytes each."""

    def __init__(
        self, index: FileIndex, chosen: np.ndarray[tuple[int], np.dtype[np.int64]]
    ) -> None:
        self._index = index
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def rows(self, start: int, stop: int) -> pa.Table:
        return self._index.rows_at(self._chosen[start:stop])


class _Paged:
    """All files of a channel through the API, page by page."""

    def __init__(self, source: FileSource, ask: Ask) -> None:
        self._source = source
        self._ask = ask
        self._channel = choose_channel(ask.bundle.lock, ask.channel)
        self._first: int | None = None

    def __len__(self) -> int:
        return self._channel.file_count

    def rows(self, start: int, stop: int) -> pa.Table:
        found = []
        have = start
        while have < stop:
            page = self._source.page(self._ask, limit=stop - have, cursor=self._cursor(have))
            if not page.files.num_rows:
                raise Corrupt(
                    f"{self._source.url} has only {have} of the {len(self)} files of "
                    f"{self._channel.channel}",
                    code="missing_files",
                )
            found.append(page.files)
            have += page.files.num_rows
        return pa.concat_tables(found) if found else no_files()

    def _cursor(self, number: int) -> str | None:
        """The cursor that goes on at a file's row; the first one's row is asked for once."""
        if number == 0:
            return None
        lock = self._ask.bundle.lock_sha256
        if self._first is None:
            following = self._source.page(self._ask, limit=1, cursor=None).cursor
            if following is None:
                raise Corrupt(f"{self._source.url} has one file only", code="missing_files")
            self._first = read_cursor(following, lock).row - 1
        return encode_cursor(lock, self._channel.channel, self._first + number)


class _Listed:
    """Files that were listed once."""

    def __init__(self, source: FileSource, ask: Ask) -> None:
        batches = [batch.files for batch in source.batches(ask, LISTED_FILES, None)]
        self._table = pa.Table.from_batches(batches, INDEX_SCHEMA)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def rows(self, start: int, stop: int) -> pa.Table:
        return self._table.slice(start, stop - start)
