"""An index that can be asked: which of its rows an interval holds, a page of them, all of them.

An index is in order of time, so an interval is a run of rows: its first and last are found by
bisection over the row groups' bounds and inside of two groups, and nothing else is decoded but the
row groups of the page. What the metadata has to be is looked at in the metadata alone first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from opendata.reading.cache import Cache
from opendata.reading.file_index.batches import Batch, Run, check_batch_size, cut
from opendata.reading.file_index.footer import Footer, Numbers, parse_footer
from opendata.reading.file_index.groups import Groups
from opendata.reading.file_index.interval import decode_together, is_measured, span_of
from opendata.reading.file_index.metadata import metadata_mask
from opendata.reading.file_index.opened import Opened
from opendata.reading.file_index.place import Mapped, map_index
from opendata.reading.file_index.query import Counted, FileQuery
from opendata.reading.file_index.schema import no_files
from opendata.stores.port import ObjectReader
from opendata.wire.errors import InvalidInput


@dataclass(frozen=True)
class Part:
    """Some rows that were asked for, and the row of the index to go on at; None at the end."""

    table: pa.Table
    next_row: int | None


class FileIndex:
    """One channel's index, verified and open; safe to be asked from several threads."""

    def __init__(self, key: str, mapped: Mapped) -> None:
        self._mapped = mapped
        data = mapped.data
        footer = parse_footer(lambda at, length: data[at : at + length], len(data), key)
        self._groups = Groups(mapped.buffer, footer, key)
        self.key = key

    def __len__(self) -> int:
        """How many files it has."""
        return self.footer.rows

    @property
    def footer(self) -> Footer:
        """Where its row groups begin."""
        return self._groups.footer

    @property
    def mapped(self) -> Mapped:
        """The bytes that it reads."""
        return self._mapped

    def is_untouched(self) -> bool:
        """Whether nobody touched its file since it was hashed."""
        return self._mapped.is_untouched()

    def span(self, query: FileQuery) -> tuple[int, int]:
        """First row of the interval and the first after it; what metadata asks is not looked at."""
        return span_of(self._groups, query)

    def page(self, query: FileQuery, *, offset: int, limit: int) -> pa.Table:
        """At most `limit` files after the first `offset` ones, in order of time.

        Raises:
            InvalidInput: if a number is negative.
            Corrupt: if the index is not what it says, or has unsafe paths.
        """
        _check_number(offset, "offset")
        decode_together(self._groups, query, limit)
        start, stop = self.span(query)
        if not query.metadata:
            return self.part(query, row=start + offset, limit=limit).table
        skipped = 0
        for number, rows in self._matching(query, start, stop):
            if skipped + len(rows) > offset:
                first = self._first(number) + int(rows[offset - skipped])
                return self.part(query, row=first, limit=limit).table
            skipped += len(rows)
        return no_files()

    def part(self, query: FileQuery, *, row: int = 0, limit: int) -> Part:
        """At most `limit` files that are asked for, from a row of the index on.

        Whoever goes on at `next_row` sees every file once, whatever the question's metadata.

        Raises:
            InvalidInput, Corrupt: as :meth:`page`.
        """
        _check_number(limit, "limit")
        decode_together(self._groups, query, limit)
        start, stop = self.span(query)
        start = max(start, row)
        if query.metadata:
            return self._matching_part(query, start, stop, limit)
        end = min(stop, start + limit)
        table = self.rows(start, end)
        return Part(table, end if end < stop else None)

    def part_at_once(self, query: FileQuery, *, row: int = 0, limit: int) -> Part | None:
        """The same where all that it takes is decoded already, else None; waits for nothing.

        Raises:
            InvalidInput: as :meth:`page`.
        """
        _check_number(limit, "limit")
        if query.metadata or not is_measured(self._groups, query):
            return None
        start, stop = self.span(query)
        start = max(start, row)
        end = min(stop, start + limit)
        numbers = self.footer.groups_of(start, end)
        tables = self._groups.kept(numbers)
        if tables is None:
            return None
        return Part(self._cut(numbers, tables, start, end), end if end < stop else None)

    def count(self, query: FileQuery) -> Counted:
        """How many files the query asks for, and their bytes together.

        Raises:
            Corrupt: as :meth:`page`.
        """
        start, stop = self.span(query)
        files = total = 0
        for number, rows in self._matching(query, start, stop):
            sizes = self._groups.sizes(number)
            files += len(rows)
            total += int(sizes[rows].sum())
        return Counted(files, total)

    def batches(
        self, query: FileQuery, batch_size: int, *, row: int = 0
    ) -> Iterator[pa.RecordBatch]:
        """All that the query asks for, in batches of exactly `batch_size`, the last one smaller.

        Raises:
            InvalidInput, Corrupt: as :meth:`page`.
        """
        return (batch.files for batch in self.numbered_batches(query, batch_size, row=row))

    def numbered_batches(
        self, query: FileQuery, batch_size: int, *, row: int = 0
    ) -> Iterator[Batch]:
        """The same from a row of the index on, each with the row at which to go on after it.

        Raises:
            InvalidInput, Corrupt: as :meth:`page`.
        """
        return cut(self._runs(query, row), check_batch_size(batch_size))

    def tables(self, query: FileQuery, *, row: int = 0) -> Iterator[pa.Table]:
        """The same, a row group at a time.

        Raises:
            Corrupt: as :meth:`page`.
        """
        return (run.table for run in self._runs(query, row))

    # --- rows by number ------------------------------------------------------------------

    def rows(self, start: int, stop: int) -> pa.Table:
        """The rows from `start` up to but without `stop`.

        Raises:
            Corrupt: as :meth:`page`.
        """
        numbers = self.footer.groups_of(start, stop)
        return self._cut(numbers, self._groups.rows(numbers), start, stop)

    def rows_at(self, numbers: Numbers) -> pa.Table:
        """The rows with these numbers, which rise.

        Raises:
            Corrupt: as :meth:`page`.
        """
        found = []
        groups = np.searchsorted(self.footer.first_rows, numbers, side="right") - 1
        for number in np.unique(groups).tolist():
            (table,) = self._groups.rows([number])
            found.append(table.take(_indices(numbers[groups == number] - self._first(number))))
        return _concat(found)

    def matching_rows(self, query: FileQuery) -> Numbers:
        """The numbers of all rows that are asked for, rising.

        Raises:
            Corrupt: as :meth:`page`.
        """
        found = [
            rows + self._first(number) for number, rows in self._matching(query, *self.span(query))
        ]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    # --- parts -------------------------------------------------------------------------

    def _cut(self, numbers: range, tables: list[pa.Table], start: int, stop: int) -> pa.Table:
        """Some rows out of the row groups that hold them."""
        if not tables:
            return no_files()
        whole = pa.concat_tables(tables) if len(tables) > 1 else tables[0]
        return whole.slice(start - self._first(numbers[0]), stop - start)

    def _runs(self, query: FileQuery, row: int) -> Iterator[Run]:
        """The rows that are asked for from a row of the index on, a row group at a time."""
        start, stop = self.span(query)
        start = max(start, row)
        if not query.metadata:
            for number in self.footer.groups_of(start, stop):
                first = self._first(number)
                (table,) = self._groups.rows([number], keep=False)
                begin, end = max(start - first, 0), min(stop - first, table.num_rows)
                yield Run(table.slice(begin, end - begin), range(first + begin, first + end))
            return
        for number, rows in self._matching(query, start, stop):
            if len(rows):
                (table,) = self._groups.rows([number], keep=False)
                yield Run(table.take(_indices(rows)), rows + self._first(number))

    def _first(self, number: int) -> int:
        return int(self.footer.first_rows[number])

    def _matching(self, query: FileQuery, start: int, stop: int) -> Iterator[tuple[int, Numbers]]:
        """Of each row group its rows in the interval that have the metadata asked for."""
        for number in self.footer.groups_of(start, stop):
            first = self._first(number)
            end = int(self.footer.first_rows[number + 1])
            begin, last = max(start, first) - first, min(stop, end) - first
            if not query.metadata:
                yield number, np.arange(begin, last)
                continue
            table = self._groups.columns(number, ["metadata"], codes=True)
            column = table.column(0).slice(begin, last - begin)
            mask = metadata_mask(column, query.metadata, self.key)
            yield number, np.flatnonzero(mask) + begin

    def _matching_part(self, query: FileQuery, start: int, stop: int, limit: int) -> Part:
        found: list[pa.Table] = []
        count = 0
        for number, rows in self._matching(query, start, stop):
            if not len(rows):
                continue
            if count == limit:
                return Part(_concat(found), self._first(number) + int(rows[0]))
            taken = rows[: limit - count]
            (table,) = self._groups.rows([number])
            found.append(table.take(_indices(taken)))
            count += len(taken)
            if len(taken) < len(rows):
                return Part(_concat(found), self._first(number) + int(rows[len(taken)]))
        return Part(_concat(found), None)


_opened: Opened[FileIndex] = Opened()


def open_index(
    reader: ObjectReader, cache: Cache | None, key: str, sha256: str, size_bytes: int
) -> FileIndex:
    """The index at `key`, whose every byte is hashed now or was before; parsed once per process.

    Raises:
        Corrupt: naming the key, if its bytes are not those of the digest, or no index.
        NotFound, Denied, Unavailable: as the store answers.
    """
    return _opened.get(
        sha256,
        lambda: FileIndex(key, map_index(reader, cache, key, sha256, size_bytes)),
    )


def _check_number(value: int, name: str) -> None:
    if value < 0:
        raise InvalidInput(f"{name} is {value}; it cannot be negative", code="invalid_page")


def _indices(rows: Numbers) -> pa.Array:
    data = np.ascontiguousarray(rows, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(data), [None, pa.py_buffer(data)])


def _concat(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables) if tables else no_files()
