"""How rows become bytes: Arrow IPC or JSON, packed as the client can read it.

Here belong the choice of a format and of a packing, and the bytes of each. Arrow goes out as it
lies in memory unless `compression` asks for packed buffers, which every Arrow reader understands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa

from dataplatform.api.endpoint import ARROW, JSON, NDJSON, Bytes
from dataplatform.api.rows_json import rows_as_json
from opendata.wire.errors import InvalidInput

Format = Literal["json", "arrow", "ndjson"]
Compression = Literal["none", "lz4", "zstd"]
MEDIA_TYPES: Final[dict[str, str]] = {"json": JSON, "arrow": ARROW, "ndjson": NDJSON}
PACKINGS: Final = ("zstd", "gzip")
PACKED_FROM_BYTES: Final = 1 << 10
PIECE_BYTES: Final = 1 << 20
_END_OF_STREAM: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_GZIP_LEVEL: Final = 1
_USUAL_CHARS: Final = 256
_PLAIN: Final = pa.ipc.IpcWriteOptions()


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
    liked = _liked(accept)
    return max(offered, key=lambda one: liked.get(MEDIA_TYPES[one], 0.0))  # of equals the first


def choose_packing(accept_encoding: str) -> str | None:
    """`zstd` or `gzip` where the client takes it, else None."""
    liked = _liked(accept_encoding)
    return next((one for one in PACKINGS if liked.get(one, 0) > 0), None)


def _liked(header: str) -> dict[str, float]:
    """What a header likes, and how much; clients send the few that there are over and over."""
    return _usual_weights(header) if len(header) <= _USUAL_CHARS else _weights(header)


@lru_cache(maxsize=256)
def _usual_weights(header: str) -> dict[str, float]:
    return _weights(header)


def _weights(header: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in header.split(",") if header else ():
        name, *rest = (piece.strip() for piece in part.split(";"))
        weight = next((piece[2:] for piece in rest if piece.startswith("q=")), "1")
        try:
            found[name.lower()] = max(0.0, float(weight))
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
    schema = table.schema.with_metadata(dict(facts))
    batches = table.to_batches()
    if len(batches) != 1:  # a page that lies in two row groups, or an empty one
        batches = table.combine_chunks().to_batches() or [_empty(table.schema)]
    [batch] = batches
    if compression != "none":
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema, options=_options(compression)) as writer:
            writer.write_batch(batch)
        return _view(sink.getvalue())
    # Its size is known, so it is written once and into one piece.
    size = schema.serialize().size + pa.ipc.get_record_batch_size(batch) + len(_END_OF_STREAM)
    page = pa.allocate_buffer(size)
    # With options of its own it asks the environment for none.
    with pa.ipc.new_stream(pa.FixedSizeBufferWriter(page), schema, options=_PLAIN) as writer:
        writer.write_batch(batch)
    return _view(page)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(0, one.type) for one in schema], schema=schema)


def arrow_stream(
    schema: pa.Schema,
    batches: Iterable[tuple[pa.RecordBatch, Mapping[str, str]]],
    facts: Mapping[str, str],
    compression: Compression = "none",
    *,
    piece_bytes: int = PIECE_BYTES,
) -> Iterator[Bytes]:
    """An Arrow IPC stream in pieces of about `piece_bytes`: several batches each, since sending
    costs more per piece than per byte. The facts of a batch stand in its own metadata."""
    yield _view(schema.with_metadata(dict(facts)).serialize())
    head, options = schema.serialize().size, _options(compression)
    coming = iter(batches)
    while True:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema, options=options) as writer:
            for batch, told in coming:
                writer.write_batch(batch, custom_metadata=dict(told))
                if sink.tell() >= piece_bytes:
                    break
        # Each piece is cut out of a stream of its own.
        messages = _view(sink.getvalue())[head : -len(_END_OF_STREAM)]
        if not messages:
            yield _END_OF_STREAM
            return
        yield messages


def _options(compression: Compression) -> pa.ipc.IpcWriteOptions:
    return pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)


def _view(buffer: pa.Buffer) -> memoryview:
    """The bytes of a buffer; where Arrow shrank one, its memoryview still has the old length."""
    return memoryview(buffer)[: buffer.size]


# --- JSON ----------------------------------------------------------------------------


def json_page(table: pa.Table, facts: Mapping[str, Any]) -> Bytes:
    """A JSON object of these facts, and of the rows as `files`."""
    head = msgspec.json.encode(facts)[:-1]
    return b"".join((head, b',"files":[', rows_as_json(table), b"]}"))


def ndjson_stream(
    batches: Iterable[pa.RecordBatch], *, piece_bytes: int = PIECE_BYTES
) -> Iterator[Bytes]:
    """The rows as JSON objects, one a line, in pieces of about `piece_bytes`."""
    waiting: list[Bytes] = []
    held = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        text = rows_as_json(batch, "\n")
        waiting += (text, b"\n")
        held += len(text) + 1
        if held >= piece_bytes:
            yield b"".join(waiting)
            waiting, held = [], 0
    if waiting:
        yield b"".join(waiting)
