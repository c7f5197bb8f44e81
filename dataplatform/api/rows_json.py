"""JSON of an index's rows, straight from Arrow's columns: no Python object per row or cell.

Each row's text is joined column by column; since every row ends with its separator, the joined
column's own buffer is the text of all rows. `metadata` is JSON text already and is put in as the
object that it is. Texts that need escapes, which paths and ids seldom have, take a way of their
own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opendata.wire.errors import Corrupt

_SPACE: Final = 0x20
_SECOND: Final = 1_000_000
_METADATA: Final = "metadata"
_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)
_VALUES: Final = msgspec.json.Decoder(list[msgspec.Raw])


def rows_as_json(table: pa.Table | pa.RecordBatch, separator: str = ",") -> memoryview:
    """The rows as JSON objects, each with the separator after it but for the last.

    Text columns become strings, `metadata` the object that it holds, timestamps ISO 8601 in UTC
    (with a fraction only where it is not zero), numbers numbers, nulls null.

    Raises:
        Corrupt: if a text is no UTF-8, or a row's metadata no JSON.
    """
    batch = _one_batch(table)
    if batch is None:
        return memoryview(b"")
    parts: list[Any] = []
    opening = "{"
    for field, column in zip(batch.schema, batch.columns, strict=True):
        name = msgspec.json.encode(field.name).decode()
        before, value, after = _column(field.name, column)
        parts += [_text(f"{opening}{name}:{before}"), value]
        opening = f"{after},"
    parts.append(_text(f"{opening[:-1]}}}{separator}"))
    joined = pc.binary_join_element_wise(*parts, _text(""), null_handling="emit_null")
    text = _texts_of(joined)[: -len(separator)]
    _check(text)
    return text


def _one_batch(table: pa.Table | pa.RecordBatch) -> pa.RecordBatch | None:
    if not table.num_rows:
        return None
    if isinstance(table, pa.RecordBatch):
        return table
    return table.combine_chunks().to_batches()[0]


def _column(name: str, column: pa.Array) -> tuple[str, pa.Array, str]:
    """What stands before a column's values, the values as text without nulls, and what after."""
    if pa.types.is_timestamp(column.type):
        return _nullable(column, _instants, 'Z"')
    if pa.types.is_integer(column.type):
        return "", _or_else(pc.cast(column, pa.string()), "null"), ""
    if name == _METADATA:
        return "", _or_else(_checked_objects(column), "{}"), ""
    return _nullable(column, _escaped, '"')


def _nullable(
    column: pa.Array, write: Callable[[pa.Array], pa.Array], after: str
) -> tuple[str, pa.Array, str]:
    if not column.null_count:
        return '"', write(column), after
    quoted = pc.binary_join_element_wise(_text('"'), write(column), _text(after), _text(""))
    return "", _or_else(quoted, "null"), ""


def _or_else(column: pa.Array, text: str) -> pa.Array:
    return pc.coalesce(column, _text(text)) if column.null_count else column


def _instants(column: pa.Array) -> pa.Array:
    """`2025-06-01T12:00:00`, with six digits of a second only where they are not zero.

    Written as times without a zone: looking UTC up costs Arrow a microsecond per row.
    """
    whole = not (_numbers(column) % _SECOND).any()
    naive = column.view(pa.timestamp("us")).cast(pa.timestamp("s" if whole else "us"))
    texts = pc.binary_replace_slice(pc.cast(naive, pa.string()), 10, 11, "T")
    return texts if whole else pc.replace_substring_regex(texts, r"\.000000$", "")


def _numbers(column: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column)]


def _escaped(column: pa.Array) -> pa.Array:
    """The column as it stands between quotes."""
    data = _texts_of(column)
    if not len(data):
        return column
    letters = np.frombuffer(data, np.uint8)
    raw = bytes(data)
    if int(letters.min()) >= _SPACE and b'"' not in raw and b"\\" not in raw:
        return column
    escaped = [
        None if text is None else msgspec.json.encode(text)[1:-1] for text in _decoded(column)
    ]
    return _array_of(escaped)


def _decoded(column: pa.Array) -> list[str | None]:
    try:
        texts: list[str | None] = column.to_pylist()
    except UnicodeDecodeError as error:
        raise _damaged(f"a text that is no UTF-8: {error}") from error
    return texts


def _checked_objects(column: pa.Array) -> pa.Array:
    """The column, if every metadata is one JSON value, each on one line: what is put in unread
    could break all the rest.

    All are read together. There are as many values as rows, and each is as long as its row's text:
    else one row's text could begin what another one's ends.
    """
    present = pc.drop_null(column) if column.null_count else column
    listed = pc.binary_join(_list_of(present), _text(","))
    text = _texts_of(listed)
    whole = b"".join((b"[", text, b"]"))
    try:
        found = _VALUES.decode(whole)
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        if not np.array_equal(lengths, _lengths(present)):
            _check_each(present)  # there may be blanks around them, which is no harm
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(f"metadata that is no JSON: {error}") from error
    return pc.replace_substring(column, "\n", " ") if b"\n" in whole else column


def _check_each(column: pa.Array) -> None:
    data, end = _texts_of(column), 0
    for length in _lengths(column).tolist():
        _VALUE.decode(data[end : end + length])
        end += length


def _check(text: memoryview) -> None:
    try:
        str(text, "utf-8")
    except UnicodeDecodeError as error:
        raise _damaged(f"a text that is no UTF-8: {error}") from error


def _damaged(what: str) -> Corrupt:
    return Corrupt(
        f"an index holds {what}",
        code="malformed_object",
        hint="od bundle verify names what is damaged; od bundle index makes an index again",
    )


# --- Arrow without `pa.array(list)` and `pa.scalar`, which load pandas -------------------


def _texts_of(column: pa.StringArray) -> memoryview:
    """The bytes of all texts of a column, one after the other."""
    _, places, data = column.buffers()
    if data is None:
        return memoryview(b"")
    ends = np.frombuffer(places, np.int32)
    first, last = ends[column.offset], ends[column.offset + len(column)]
    return memoryview(data)[int(first) : int(last)]


def _lengths(column: pa.StringArray) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    ends = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1]
    return ends[1:] - ends[:-1]


def _array_of(texts: Sequence[bytes | None]) -> pa.StringArray:
    lengths = np.fromiter((len(text or b"") for text in texts), np.int32, len(texts))
    places = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(lengths, out=places[1:])
    present = np.fromiter((text is not None for text in texts), np.bool_, len(texts))
    valid = np.packbits(present, bitorder="little")
    data = b"".join(text or b"" for text in texts)
    buffers = [pa.py_buffer(valid), pa.py_buffer(places), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


@cache
def _text(text: str) -> pa.StringScalar:
    return _array_of([text.encode()])[0]


def _list_of(column: pa.StringArray) -> pa.ListArray:
    places = pa.py_buffer(np.array([0, len(column)], np.int32))
    return pa.Array.from_buffers(pa.list_(pa.string()), 1, [None, places], children=[column])
