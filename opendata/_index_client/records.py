"""Files as they are handed to people: a list over Arrow, whose items read like dictionaries.

A list holds its rows as Arrow does; an item is made when it is looked at. So a hundred thousand
files cost what their bytes cost, and a loop over them costs one dictionary at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, overload

import msgspec
import pyarrow as pa

from opendata._index_client.values import column_values
from opendata.reading.file_index.bundles import FoundBundle
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_CHUNK_ROWS: Final = 1024
_SHOWN: Final = 5
METADATA: Final = "metadata"


@dataclass(frozen=True)
class Origin:
    """Of which bundle and channel files are."""

    bundle: FoundBundle
    channel: str


class FileRecord(Mapping[str, Any]):
    """One file: `f["file_id"]` and `f.file_id` are the same.

    `metadata` is the object that its JSON text says, `timestamp` an aware time or None. `channel`
    tells which channel it is of; `content` holds its bytes where they were asked for.
    """

    __slots__ = ("_values", "content", "origin")

    def __init__(
        self, values: dict[str, Any], origin: Origin, content: bytes | None = None
    ) -> None:
        self._values = values
        self.origin = origin
        self.content = content

    @property
    def channel(self) -> str:
        """The channel that the file is of."""
        return self.origin.channel

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        if name == METADATA and isinstance(value, str):
            value = self._values[name] = _object_of(value, self._values)
        return value

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            try:
                return self[name]
            except KeyError:
                pass
        raise AttributeError(f"a file has no {name!r}; it has {', '.join(self._columns())}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<file {self['relative_path']} of {self.channel}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return FileRecord, (self._values, self.origin, self.content)

    def _columns(self) -> list[str]:
        return list(self._values)


class FileList(Sequence[FileRecord]):
    """Files in order of time; `cursor` goes on after them, where it is known."""

    def __init__(
        self,
        table: pa.Table,
        origin: Origin,
        *,
        cursor: str | None = None,
        contents: Sequence[bytes] | None = None,
    ) -> None:
        self._table = table
        self.origin = origin
        self.cursor = cursor
        self.contents = contents

    @property
    def bundle(self) -> FoundBundle:
        """The lock that these files are of."""
        return self.origin.bundle

    @property
    def channel(self) -> str:
        """The channel that they are of."""
        return self.origin.channel

    @property
    def total_bytes(self) -> int:
        """How many bytes they have together."""
        return sum(column_values(self._table.column("size_bytes")))

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, at: int) -> FileRecord: ...

    @overload
    def __getitem__(self, at: slice) -> FileList: ...

    def __getitem__(self, at: int | slice) -> FileRecord | FileList:
        if isinstance(at, slice):
            return self._sliced(at)
        number = at + len(self) if at < 0 else at
        if not 0 <= number < len(self):
            raise IndexError(f"there are {counted(len(self), 'file')}; none has the number {at}")
        values = _rows(self._table.slice(number, 1))[0]
        return FileRecord(values, self.origin, self.contents[number] if self.contents else None)

    def __iter__(self) -> Iterator[FileRecord]:
        origin = self.origin
        rows = chain.from_iterable(map(_rows, self._chunks()))
        if self.contents is None:
            return (FileRecord(values, origin) for values in rows)
        pairs = zip(rows, self.contents, strict=True)
        return (FileRecord(values, origin, content) for values, content in pairs)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Plain dictionaries; `metadata` is the JSON text that it is stored as."""
        return list(chain.from_iterable(map(_rows, self._chunks())))

    def to_arrow(self) -> pa.Table:
        """The rows as they are; nothing is copied."""
        return self._table

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas frame, which is imported now."""
        frame: pd.DataFrame = self._table.to_pandas()
        return frame

    def to_polars(self) -> pl.DataFrame:
        """The rows as a polars frame.

        Raises:
            NotFound: if polars is not installed.
        """
        try:
            import polars
        except ImportError as error:
            raise NotFound(
                "polars is not installed",
                code="polars_missing",
                hint="install opendata with its extra: opendata[polars]",
            ) from error
        frame = polars.from_arrow(self._table)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def __repr__(self) -> str:
        shown = [f"  {one['relative_path']}" for one in self[:_SHOWN]]
        rest = len(self) - len(shown)
        more = [f"  … and {counted(rest, 'more file')}"] if rest else []
        return "\n".join([f"<{counted(len(self), 'file')} of {self.channel}>", *shown, *more])

    def _repr_html_(self) -> str:
        from opendata._index_client.cards import SHOWN_FILES, files_card

        lock, first = self.bundle.lock, self[:SHOWN_FILES]
        return files_card(lock, self.channel, self.summary, len(self), list(first))

    @property
    def summary(self) -> str:
        """How many files, and how many bytes."""
        return f"{counted(len(self), 'file')}, {human_bytes(self.total_bytes)}"

    def _sliced(self, at: slice) -> FileList:
        start, stop, step = at.indices(len(self))
        contents = self.contents[at] if self.contents else None
        if step == 1:
            table = self._table.slice(start, max(0, stop - start))
        else:
            chosen = range(start, stop, step)
            table = self._table.take(_indices(chosen))
        return FileList(table, self.origin, contents=contents)

    def _chunks(self) -> Iterator[pa.Table]:
        for start in range(0, len(self), _CHUNK_ROWS):
            yield self._table.slice(start, _CHUNK_ROWS)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    names = table.column_names
    columns = [column_values(column) for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _indices(chosen: range) -> pa.Array:
    import numpy as np

    data = np.fromiter(chosen, np.int64, len(chosen))
    return pa.Array.from_buffers(pa.int64(), len(data), [None, pa.py_buffer(data)])


def _object_of(text: str, values: Mapping[str, Any]) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Corrupt(
            f"the metadata of {values.get('relative_path')} is no JSON: {error}",
            code="malformed_object",
        ) from error
