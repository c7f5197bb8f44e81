"""Row groups of an index, decoded: checked before and after, and kept while they are asked again.

Whoever turns pages asks the same row group many times, so the last ones stay decoded. What a row
group may hold is checked here: before, that decoding it fits in memory; after, that its times rise
within the bounds that searching relied on, and that no path leads out of its folder.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from opendata.reading.file_index.footer import Footer, Numbers
from opendata.reading.file_index.paths import check_paths
from opendata.reading.file_index.schema import INDEX_SCHEMA, TIME, as_index
from opendata.reading.limits import GROUP_BYTES_MAX, decoded_bytes, place_of, refused
from opendata.reading.memory import decoding_pool
from opendata.reading.pages import BadPage
from opendata.reading.source import expanded_bytes

KEPT_BYTES: Final = 48 << 20
"""How much of an index stays decoded, once it was asked for."""
KEPT_TIMES: Final = 16
COLUMNS: Final = tuple(INDEX_SCHEMA.names)
TEXTS: Final = tuple(one.name for one in INDEX_SCHEMA if pa.types.is_string(one.type))


class Groups:
    """The row groups of one index; safe to be asked from several threads."""

    def __init__(self, buffer: pa.Buffer, footer: Footer, what: str) -> None:
        self.footer = footer
        self.what = what
        self._buffer = buffer
        self._data = memoryview(buffer)
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, pa.Table] = OrderedDict()
        self._kept_bytes = 0
        self._times: OrderedDict[int, Numbers] = OrderedDict()
        self._checked: set[tuple[int, int]] = set()
        self._looked_through: set[int] = set()

    def rows(self, numbers: Sequence[int], *, keep: bool = True) -> list[pa.Table]:
        """All columns of some row groups, one table each.

        Raises:
            Corrupt: naming the index, if it does not hold what its footer says, or what is unsafe.
        """
        with self._lock:
            tables = {number: self._kept[number] for number in numbers if number in self._kept}
            for number in tables:
                self._kept.move_to_end(number)
        missing = [number for number in numbers if number not in tables]
        if missing:
            whole, start = self._decode(missing, COLUMNS), 0
            for number in missing:
                count = self._count(number)
                tables[number] = whole.slice(start, count)
                start += count
                self._check(number, tables[number])
            if keep:
                self._keep({number: tables[number] for number in missing})
        return [tables[number] for number in numbers]

    def kept(self, numbers: Sequence[int]) -> list[pa.Table] | None:
        """The same if all of them are decoded already, else None."""
        with self._lock:
            tables = [self._kept[number] for number in numbers if number in self._kept]
            for number in numbers if len(tables) == len(numbers) else ():
                self._kept.move_to_end(number)
        return tables if len(tables) == len(numbers) else None

    def has_times(self, number: int) -> bool:
        """Whether `times` decodes nothing now."""
        return number in self._times or number in self._kept

    def columns(self, number: int, names: Sequence[str], *, codes: bool = False) -> pa.Table:
        """Some columns of a row group; with `codes` the metadata as a dictionary, if it is one.

        Raises:
            Corrupt: naming the index, if they cannot be decoded as the footer says.
        """
        return self._decode([number], names, codes=codes)

    def times(self, number: int) -> Numbers:
        """The times of a row group's dated rows: microseconds, rising.

        Raises:
            Corrupt: as :meth:`rows`.
        """
        with self._lock:
            known = self._times.get(number)
            table = self._kept.get(number)
        if known is not None:
            return known
        if table is None:
            table = self._decode([number], [TIME])
        times = self._dated(number, table)
        with self._lock:
            self._times[number] = times
            while len(self._times) > KEPT_TIMES:
                self._times.popitem(last=False)
        return times

    def sizes(self, number: int) -> Numbers:
        """How many bytes each file of a row group has.

        Raises:
            Corrupt: as :meth:`rows`, or if one has fewer than none.
        """
        column = self._decode([number], ["size_bytes"]).column(0)
        if column.null_count:
            raise refused(self.what, "has a file without size_bytes")
        sizes = np.concatenate([_ticks(chunk) for chunk in column.chunks])
        if (sizes < 0).any():
            raise refused(self.what, "has a file of fewer bytes than none")
        return sizes

    def _count(self, number: int) -> int:
        first = self.footer.first_rows
        return int(first[number + 1] - first[number])

    def _keep(self, tables: dict[int, pa.Table]) -> None:
        with self._lock:
            for number, table in tables.items():
                if number not in self._kept:
                    self._kept[number] = table
                    self._kept_bytes += table.nbytes
            while self._kept_bytes > KEPT_BYTES and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self._kept_bytes -= dropped.nbytes

    # --- decoding ------------------------------------------------------------------

    def _decode(
        self, numbers: Sequence[int], names: Sequence[str], *, codes: bool = False
    ) -> pa.Table:
        self._check_pages(numbers, names)
        with self._telling():
            file = self._file(["metadata"] if codes else None)
            table = file.read_row_groups(list(numbers), columns=list(names))
        if table.num_rows != sum(map(self._count, numbers)):
            raise refused(self.what, "has other rows than its footer says")
        if codes:
            return table
        return as_index(table.select(list(names)))

    def _file(self, codes: list[str] | None) -> pq.ParquetFile:
        with decoding_pool():
            source = pa.BufferReader(self._buffer)
            return pq.ParquetFile(
                source, metadata=self.footer.parquet, pre_buffer=False, read_dictionary=codes
            )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise refused(self.what, f"cannot be decoded as its footer says: {error}") from error

    # --- checks --------------------------------------------------------------------

    def _check_pages(self, numbers: Sequence[int], names: Sequence[str]) -> None:
        positions = [COLUMNS.index(name) for name in names]
        for number in numbers:
            fresh = [at for at in positions if (number, at) not in self._checked]
            if fresh:
                self._check_size(number, fresh)
                self._checked.update((number, at) for at in fresh)

    def _check_size(self, number: int, positions: Sequence[int]) -> None:
        group = self.footer.parquet.row_group(number)
        total = 0
        for position in positions:
            column = group.column(position)
            _, offset, length = place_of(column)
            if offset < 0 or length < 0 or offset + length > len(self._data):
                raise refused(self.what, "has a footer that names bytes outside of its file")
            try:
                bound, expanded = decoded_bytes(
                    column, group.num_rows, self._data[offset : offset + length]
                )
            except BadPage as error:
                raise refused(self.what, f"has a damaged column: {error}") from error
            if total + bound + expanded > GROUP_BYTES_MAX >= total + bound:
                name = COLUMNS[position]
                with self._telling():
                    coded = self._file([name]).read_row_group(number, columns=[name])
                expanded = expanded_bytes(coded)
            total += bound + expanded
            if total > GROUP_BYTES_MAX:
                raise refused(
                    self.what, f"has a row group that would become {total:,} bytes in memory"
                )

    def _check(self, number: int, table: pa.Table) -> None:
        """Look through a decoded row group, once: what it holds never changes."""
        if number in self._looked_through:
            return
        if not all(_is_ascii(chunk) for name in TEXTS for chunk in table.column(name).chunks):
            with self._telling():
                table.validate(full=True)  # Parquet's texts may be no text
        for name in COLUMNS:
            if name != TIME and table.column(name).null_count:
                raise refused(self.what, f"has a file without {name}")
        self._dated(number, table)
        check_paths(table.column("relative_path"), self.what)
        self._looked_through.add(number)

    def _dated(self, number: int, table: pa.Table) -> Numbers:
        """The times, if they rise within the bounds of their row group."""
        footer = self.footer
        dated = int(footer.dated[number])
        column = table.column(TIME)
        if column.null_count != len(column) - dated:
            raise refused(self.what, "has other rows without a time than its footer says")
        times = np.concatenate([_ticks(chunk) for chunk in column.chunks])[:dated]
        if dated and not (
            times[0] == footer.lows[number]
            and times[-1] == footer.highs[number]
            and bool((times[1:] >= times[:-1]).all())
            and not column.slice(0, dated).null_count
        ):
            raise refused(self.what, "is not in order of time")
        return times


def _is_ascii(chunk: pa.StringArray) -> bool:
    """Whether all texts are plain, at a glance."""
    data = chunk.buffers()[2]
    return data is None or not data.size or bool(np.frombuffer(data, np.uint8).max() < 0x80)


def _ticks(chunk: pa.Array) -> Numbers:
    values = np.frombuffer(chunk.buffers()[1], np.int64)
    return values[chunk.offset : chunk.offset + len(chunk)]
