"""The rows of an index, and of the state that the next indexing compares.

Here belong the two schemas, the order of rows, and what rows are told to be in total. The state has
the index's columns and what tells a change (versions of a file and of its sidecar), ordered by
path; the index is ordered by time, because it is asked by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from dataplatform.channels.columns import (
    array_of,
    instants,
    listed_texts,
    taken,
    texts,
    whole_numbers,
)
from dataplatform.channels.ports import Described
from opendata.reading.file_index.schema import INDEX_SCHEMA as INDEX_SCHEMA
from opendata.wire.channel import INDEX_COLUMNS
from opendata.wire.digest import prefixed
from opendata.wire.errors import Rejected
from opendata.wire.times import format_instant

TIMESTAMP: Final = INDEX_SCHEMA.field("timestamp").type
STATE_SCHEMA: Final = pa.schema(
    [
        *INDEX_SCHEMA,
        pa.field("version", pa.string(), nullable=False),
        pa.field("sidecar", pa.string(), nullable=False),
    ]
)
"""`version` is that of `StoredFile`; `sidecar` size and version of the sidecar, empty for none."""
DESCRIBED_BY: Final = b"opendata.described_by"
"""In the metadata of a state's schema: the digest of what its rows were described by."""
SAMPLES: Final = 3
CHUNK_ROWS: Final = 1 << 17
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = np.iinfo(np.int64).max


def state_rows(described: Sequence[Described], sidecars: Mapping[str, str]) -> pa.Table:
    """The state of files that were described, in order of their paths.

    Args:
        described: What is known of them.
        sidecars: Size and version of the sidecar, by the path of the file that has one.
    """
    ordered = sorted(described, key=lambda one: one.file.path)
    starts = range(0, len(ordered), CHUNK_ROWS)
    chunks = [c for at in starts for c in _state_chunks(ordered[at : at + CHUNK_ROWS], sidecars)]
    return pa.Table.from_batches(chunks, STATE_SCHEMA)


def _state_chunks(
    described: Sequence[Described], sidecars: Mapping[str, str]
) -> Iterator[pa.RecordBatch]:
    try:
        yield _state_chunk(described, sidecars)
    except OverflowError:  # more metadata than goes into one column
        half = len(described) // 2
        yield from _state_chunks(described[:half], sidecars)
        yield from _state_chunks(described[half:], sidecars)


def _state_chunk(described: Sequence[Described], sidecars: Mapping[str, str]) -> pa.RecordBatch:
    files = [one.file for one in described]
    paths = [file.path for file in files]
    columns = [
        texts([one.file_id for one in described]),
        texts(paths),
        instants([one.timestamp for one in described]),
        whole_numbers([file.size for file in files]),
        texts([prefixed(one.sha256) for one in described]),
        texts([one.metadata for one in described]),
        texts([file.version for file in files]),
        texts([sidecars.get(path, "") for path in paths]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=STATE_SCHEMA)


def index_rows(state: pa.Table) -> pa.Table:
    """The index's rows: by time, then by path; those without a time last.

    Raises:
        Rejected: code `duplicate_file_id`, naming both paths.
    """
    check_file_ids(state)
    times = array_of(state["timestamp"])
    if state["timestamp"].null_count:
        times = np.where(_is_there(state["timestamp"]), times, _LAST)
    rows = state.select(list(INDEX_COLUMNS)).replace_schema_metadata(None)
    if np.all(times[1:] >= times[:-1]):  # paths by date are in order already
        return rows.combine_chunks()
    # A stable sort keeps equal times in the order of paths, which the state has.
    order = np.argsort(times, kind="stable")
    return taken(rows, order.astype(np.int64, copy=False))


def check_file_ids(state: pa.Table) -> None:
    """Check that each file has an id of its own.

    Raises:
        Rejected: code `duplicate_file_id`, naming both paths.
    """
    ids = listed_texts(state["file_id"])
    if len(set(ids)) == len(ids):
        return
    seen: dict[str, int] = {}
    for at, file_id in enumerate(ids):
        if file_id in seen:
            one, other = (str(state["relative_path"][i]) for i in (seen[file_id], at))
            raise duplicate_file_id(file_id, one, other)
        seen[file_id] = at


def duplicate_file_id(file_id: str, one: str, other: str) -> Rejected:
    """What is said of two files that have one id."""
    return Rejected(
        f"two files have the id {file_id!r}: {one} and {other}",
        code="duplicate_file_id",
        hint="make `pattern.file_id` of the channel's spec tell them apart, such as "
        '"{stem}.{ext}", or name one of them as a sidecar',
        details={"file_id": file_id, "paths": [one, other]},
    )


@dataclass(frozen=True)
class Totals:
    """What the rows of an index are in total; sizes in bytes, times ISO 8601 in UTC."""

    files: int
    bytes: int
    start_time: str | None
    end_time: str | None
    undated: int


class Tally:
    """Counts the rows of an index while they pass by, in order; `count` is how many they will be.

    `samples` are a few rows as the description shows them (S0-50): from all over the index.
    """

    def __init__(self, count: int) -> None:
        shown = min(SAMPLES, count)
        self._wanted = {round(at * (count - 1) / max(shown - 1, 1)) for at in range(shown)}
        self._files = self._bytes = self._undated = 0
        self._first: int | None = None
        self._last: int | None = None
        self.samples: list[dict[str, Any]] = []

    @property
    def totals(self) -> Totals:
        """The totals of what has passed."""
        first, last = _instant(self._first), _instant(self._last)
        return Totals(self._files, self._bytes, first, last, self._undated)

    def through(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, counted."""
        for batch in batches:
            self._count(pa.Table.from_batches([batch]))
            yield batch

    def _count(self, rows: pa.Table) -> None:
        undated = rows["timestamp"].null_count
        times = array_of(rows["timestamp"])[: rows.num_rows - undated]
        if len(times):
            self._first = int(times[0]) if self._first is None else self._first
            self._last = int(times[-1])
        here = range(self._files, self._files + rows.num_rows)
        for at in sorted(place for place in self._wanted if place in here):
            self.samples.append(_sample(rows.slice(at - self._files, 1)))
        self._files += rows.num_rows
        self._bytes += int(array_of(rows["size_bytes"]).sum())
        self._undated += undated


def _sample(row: pa.Table) -> dict[str, Any]:
    dated = row["timestamp"].null_count == 0
    file_id, path, checksum, metadata = (
        listed_texts(row[name])[0] for name in ("file_id", "relative_path", "checksum", "metadata")
    )
    return {
        "file_id": file_id,
        "relative_path": path,
        "timestamp": _instant(array_of(row["timestamp"])[0]) if dated else None,
        "size_bytes": int(array_of(row["size_bytes"])[0]),
        "checksum": checksum,
        "metadata": msgspec.json.decode(metadata),
    }


def _is_there(column: pa.ChunkedArray) -> np.ndarray:
    flags = [np.zeros(0, np.bool_)]
    for chunk in column.chunks:
        validity = chunk.buffers()[0]
        if validity is None:
            flags.append(np.ones(len(chunk), np.bool_))
            continue
        bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
        flags.append(bits[chunk.offset : chunk.offset + len(chunk)].astype(np.bool_))
    return np.concatenate(flags)


def _instant(micros: Any) -> str | None:
    if micros is None:
        return None
    return format_instant(_EPOCH + timedelta(microseconds=int(micros)))
