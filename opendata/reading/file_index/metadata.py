"""Asking for files by their metadata: names and values against the JSON text of each row.

A channel has few cameras and many pictures, so the same text comes again and again; each distinct
one is read once where Parquet already keeps it once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from opendata.reading.limits import refused

Mask = npt.NDArray[np.bool_]
Test = Callable[[bytes], bool]
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_JSON: Final = msgspec.json.Decoder()
_MISSING: Final = object()


def metadata_mask(column: pa.ChunkedArray, asked: Mapping[str, str], what: str) -> Mask:
    """Which rows of the metadata column have all that is asked for.

    Raises:
        Corrupt: naming the index `what`, if a row's metadata is no JSON object.
    """
    wanted = tuple(sorted(asked.items()))
    parts = [_chunk_mask(chunk, wanted, what) for chunk in column.chunks]
    return np.concatenate(parts) if parts else np.zeros(0, np.bool_)


def matches(found: Any, wanted: str) -> bool:
    """Whether a JSON value is what was asked for as text.

    A text is compared as it is, a number by its value (`3` is `3.0`), `true`, `false` and `null`
    by their names; a list has what one of its items is.
    """
    if isinstance(found, str):
        return found == wanted
    if isinstance(found, bool):
        return wanted == ("true" if found else "false")
    if found is None:
        return wanted == "null"
    if isinstance(found, list):
        return any(matches(one, wanted) for one in found)
    if isinstance(found, int | float):
        return found == _number(wanted)
    return False


def _chunk_mask(chunk: pa.Array, wanted: tuple[tuple[str, str], ...], what: str) -> Mask:
    if isinstance(chunk, pa.DictionaryArray):
        kept = _text_mask(chunk.dictionary, wanted, what)
        codes = chunk.indices
        if codes.null_count:
            raise refused(what, "has a file without metadata")
        if not len(kept):
            return np.zeros(len(codes), np.bool_)
        return kept[_fixed(codes, np.int32)]
    return _text_mask(chunk, wanted, what)


def _text_mask(texts: pa.StringArray, wanted: tuple[tuple[str, str], ...], what: str) -> Mask:
    if texts.null_count:
        raise refused(what, "has a file without metadata")
    _, places, data = texts.buffers()
    if not len(texts) or data is None:
        return np.zeros(len(texts), np.bool_)
    ends = np.frombuffer(places, np.int32)[texts.offset : texts.offset + len(texts) + 1].tolist()
    view = memoryview(data)
    test = _test_of(wanted)
    mask = np.zeros(len(texts), np.bool_)
    start = ends[0]
    for row, end in enumerate(ends[1:]):
        try:
            mask[row] = test(view[start:end])
        except _UNREADABLE as error:
            raise refused(what, f"has metadata that is no JSON: {error}") from error
        start = end
    return mask


@lru_cache(maxsize=64)
def _test_of(wanted: tuple[tuple[str, str], ...]) -> Callable[[Any], bool]:
    paths = [(name, name.split("."), value) for name, value in wanted]

    def test(text: Any) -> bool:
        found = _JSON.decode(text)
        return all(_has(found, name, parts, value) for name, parts, value in paths)

    return test


def _has(found: Any, name: str, parts: list[str], wanted: str) -> bool:
    if not isinstance(found, dict):
        return False
    if name in found and matches(found[name], wanted):
        return True
    value: Any = found
    for part in parts:
        value = value.get(part, _MISSING) if isinstance(value, dict) else _MISSING
    return value is not _MISSING and matches(value, wanted)


def _number(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None


def _fixed(values: pa.Array, kind: type[np.int32]) -> npt.NDArray[np.int32]:
    """The numbers of an array without nulls, where they are."""
    return np.frombuffer(values.buffers()[1], kind)[values.offset : values.offset + len(values)]
