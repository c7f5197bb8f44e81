"""How rows become bytes: Arrow IPC or JSON, packed as the client can read it.

Here belong the choice of a format and of a packing, and the bytes of each. Arrow goes out as it
lies in memory unless `compression` asks for packed buffers, which every Arrow reader understands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec
import numpy as np
import pyarrow as pa

from dataplatform.api.endpoint import ARROW, JSON, NDJSON, Bytes
from dataplatform.api.rows_json import rows_as_json
from opendata.wire.errors import InvalidInput

Format = Literal["json", "arrow", "ndjson"]
Compression = Literal["none", "lz4", "zstd"]
MEDIA_TYPES: Final[dict[str, str]] = {"json": JSON, "arrow": ARROW, "ndjson": NDJSON}
PACKINGS: Final = ("zstd", "gzip")
PACKED_FROM_BYTES: Final = 1 << 10
CHANNEL: Final = "channel"
_END_OF_STREAM: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_GZIP_LEVEL: Final = 1


def choose_format(asked: str | None, accept: str, offered: tuple[Format, ...]) -> Format:
    """The format that `format=` names, else the one that `Accept` likes best, else the first.

    Raises:
        InvalidInput: for a format that is not offered.
    """
    if asked is not None:
        for one in offered:
            if one == asked:
                return one
        raise InvalidInput(
            f"format={asked!r} is not offered here; there are {', '.join(offered)}",
            code="unknown_format",
        )
    liked = _weights(accept)
    named = {one: liked[MEDIA_TYPES[one]] for one in offered if liked.get(MEDIA_TYPES[one], 0) > 0}
    return max(offered, key=lambda one: named.get(one, 0.0)) if named else offered[0]


def choose_packing(accept_encoding: str) -> str | None:
    """`zstd` or `gzip` where the client takes it, else None."""
    liked = _weights(accept_encoding)
    return next((one for one in PACKINGS if liked.get(one, 0) > 0), None)


def _weights(header: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in header.split(",") if header else ():
        name, *rest = (piece.strip() for piece in part.split(";"))
        weight = next((piece[2:] for piece in rest if piece.startswith("q=")), "1")
        try:
            found[name.lower()] = float(weight)
        except ValueError:
            found[name.lower()] = 0.0
    return found


def pack(body: Bytes, packing: str | None) -> tuple[Bytes, str | None]:
    """The body packed, and how; as it is where it is short or nothing was asked for."""
    if packing is None or len(body) < PACKED_FROM_BYTES:
        return body, None
    level = _GZIP_LEVEL if packing == "gzip" else None
    packed = pa.Codec(packing, compression_level=level).compress(pa.py_buffer(body))
    return _view(packed), packing


# --- Arrow ---------------------------------------------------------------------------


def arrow_page(
    table: pa.Table, facts: Mapping[str, str], compression: Compression = "none"
) -> Bytes:
    """One Arrow IPC stream; `facts` stand in the schema's metadata."""
    stream = arrow_stream(table.schema, table.combine_chunks().to_batches(), facts, compression)
    pieces = list(stream)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def arrow_stream(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    facts: Mapping[str, str],
    compression: Compression = "none",
) -> Iterator[Bytes]:
    """An Arrow IPC stream, a message at a time: the schema, each batch, the end."""
    head = schema.with_metadata(dict(facts)).serialize()
    yield _view(head)
    for batch in batches:
        if compression == "none":
            yield _view(batch.serialize())
        else:
            yield _packed_message(batch, compression)
    yield _END_OF_STREAM


def _packed_message(batch: pa.RecordBatch, compression: Compression) -> memoryview:
    """A batch's message with packed buffers, cut out of a stream of its own."""
    options = pa.ipc.IpcWriteOptions(compression=compression)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    head = batch.schema.serialize().size
    return _view(sink.getvalue())[head : -len(_END_OF_STREAM)]


def _view(buffer: pa.Buffer) -> memoryview:
    """The buffer's bytes. Where Arrow shrank one, its memoryview would still have the old length."""
    return memoryview(buffer)[: buffer.size]


def with_channel(schema: pa.Schema) -> pa.Schema:
    """The schema with the leading column that names each row's channel."""
    return schema.insert(0, pa.field(CHANNEL, pa.string()))


def name_channel(batch: pa.RecordBatch, channel: str) -> pa.RecordBatch:
    """The batch with that column in front."""
    text = channel.encode()
    places = np.arange(batch.num_rows + 1, dtype=np.int32) * np.int32(len(text))
    buffers = [None, pa.py_buffer(places), pa.py_buffer(text * batch.num_rows)]
    column = pa.Array.from_buffers(pa.string(), batch.num_rows, buffers)
    return pa.RecordBatch.from_arrays([column, *batch.columns], schema=with_channel(batch.schema))


# --- JSON ----------------------------------------------------------------------------


def json_page(table: pa.Table, facts: Mapping[str, Any]) -> Bytes:
    """A JSON object of these facts, and of the rows as `files`."""
    head = msgspec.json.encode(facts)[:-1]
    return b"".join((head, b',"files":[', rows_as_json(table), b"]}"))


def ndjson_stream(batches: Iterable[pa.RecordBatch]) -> Iterator[Bytes]:
    """The rows as JSON objects, one a line."""
    for batch in batches:
        if batch.num_rows:
            yield b"".join((rows_as_json(batch, "\n"), b"\n"))


def gathered(pieces: Iterator[Bytes], size: int) -> Iterator[Bytes]:
    """The same bytes in pieces of about `size`: sending costs more per piece than per byte."""
    waiting: list[Bytes] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += len(piece)
        if held >= size:
            yield waiting[0] if len(waiting) == 1 else b"".join(waiting)
            waiting, held = [], 0
    if waiting:
        yield b"".join(waiting)
