"""What is known of a channel's files, as a stream in order of their paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import Final

import numpy as np
import pyarrow as pa

from dataplatform.channels.columns import numbers
from dataplatform.channels.current import CurrentIndex
from dataplatform.channels.known import stored_rows
from dataplatform.channels.ports import ChannelPorts, RowScratch, StoredState
from dataplatform.channels.rows import DESCRIBED_BY, STATE_SCHEMA
from dataplatform.channels.spec import ChannelSpec
from opendata.wire import keys
from opendata.wire.errors import Corrupt, NotFound

KNOWN_SCHEMA: Final = STATE_SCHEMA.append(pa.field("standing", pa.int64(), nullable=False))
"""`standing` is twice the number of the table that a row is from (of two about one version of a
file the later counts; 0 is the state), and one more where the row was described as now."""
FITS: Final = 1
OF_STATE: Final = 2
"""Below it are the rows of the state."""


@dataclass(frozen=True)
class SpilledKnown:
    """Rows from before, in order of paths and then of standing; and the keys of all segments."""

    batches: Callable[[], Iterator[pa.RecordBatch]]
    segment_keys: list[str]


def read_spilled_known(
    ports: ChannelPorts,
    scratch: RowScratch,
    spec: ChannelSpec,
    current: CurrentIndex | None,
    described_by: str,
) -> SpilledKnown:
    """What `read_known` reads; what is lost or damaged is missing."""
    state = _state(ports, scratch, current)
    prefix = keys.channel_progress_prefix(spec.channel, spec.version)
    segments = [stat.key for stat in ports.store.list(prefix)]

    def of_state() -> Iterator[pa.RecordBatch]:
        if state is None:
            return iter(())
        return _standing(state.batches(), 0, fits=state.described_by == described_by)

    def of_segments() -> Iterator[pa.RecordBatch]:
        for number, key in enumerate(segments, 1):
            if (rows := stored_rows(ports, key, None)) is not None:
                told = (rows.schema.metadata or {}).get(DESCRIBED_BY)
                yield from _standing(rows.to_batches(), number, fits=told == described_by.encode())

    def both() -> Iterator[pa.RecordBatch]:
        if not segments:
            return of_state()
        rows = chain(of_state(), of_segments())
        return scratch.sort(rows, KNOWN_SCHEMA, ["relative_path", "standing"])

    return SpilledKnown(both, segments)


def _state(
    ports: ChannelPorts, scratch: RowScratch, current: CurrentIndex | None
) -> StoredState | None:
    """The state of the current index, fetched to disk; None where it is lost or damaged."""
    if current is None or current.index.state is None:
        return None
    key = current.index.state
    sha = sha256()
    try:
        file = scratch.keep(_hashed(ports.store.stream(key), sha.update))
        if sha.hexdigest() != keys.digest_of_object_key(key):
            return None
        return ports.writer.open_state(file, key)
    except (NotFound, Corrupt):
        return None


def _hashed(pieces: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        update(piece)
        yield piece


def _standing(
    batches: Iterable[pa.RecordBatch], number: int, *, fits: bool
) -> Iterator[pa.RecordBatch]:
    standing = OF_STATE * number + (FITS if fits else 0)
    for batch in batches:
        column = numbers(np.full(batch.num_rows, standing, np.int64))
        yield pa.RecordBatch.from_arrays([*batch.columns, column], schema=KNOWN_SCHEMA)
