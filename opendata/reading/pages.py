"""Parquet's page headers, read without decoding a page: how large each says that it will become.

A page's header is a Thrift struct in front of its bytes. Arrow allocates what the header says, so
it is read here first. Only the few numbers that bound memory are kept; what they may be belongs in
`limits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Buffer = bytes | memoryview
Fields = dict[int, int | dict[int, int]]

HEADER_BYTES_MAX = 1 << 20
_USUAL_HEADER_BYTES = 256
NESTED_MAX = 8
# Thrift's compact protocol: the kinds of a field.
_TRUE, _FALSE, _BYTE, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = (
    1, 2, 3, 6, 7, 8, 9, 10, 11, 12
)  # fmt: skip
# Fields of a page header, and of the struct that its kind of page has.
_KIND, _UNCOMPRESSED, _COMPRESSED = 1, 2, 3
_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 5, 7, 8


class BadPage(ValueError):
    """What should be a page header is none."""


@dataclass(frozen=True)
class Page:
    """What a page's header says; `size` counts the header itself too, as the footer does."""

    is_dictionary: bool
    values: int
    uncompressed_bytes: int
    size: int


def pages_of(chunk: Buffer) -> Iterator[Page]:
    """The pages of one column chunk, from its first byte to its last.

    Raises:
        BadPage: if the bytes are not a sequence of pages that ends where the chunk ends.
    """
    at = 0
    while at < len(chunk):
        fields, header_bytes = _header(chunk, at)
        compressed = _number(fields, _COMPRESSED)
        uncompressed = _number(fields, _UNCOMPRESSED)
        at += header_bytes + compressed
        if at > len(chunk):
            raise BadPage("a page reaches beyond its column chunk")
        kind = next(
            (one for one in (_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2) if one in fields), 0
        )
        inner = fields.get(kind)
        values = inner.get(1, 0) if isinstance(inner, dict) else 0
        if values < 0:
            raise BadPage("a page has a negative count of values")
        yield Page(kind == _DICTIONARY_PAGE, values, uncompressed, header_bytes + uncompressed)


def _header(chunk: Buffer, at: int) -> tuple[Fields, int]:
    """The fields of the header at that place, and its length."""
    for length in (_USUAL_HEADER_BYTES, HEADER_BYTES_MAX):  # of bytes, which are quick to look at
        reader = _Compact(bytes(chunk[at : at + length]))
        try:
            return reader.struct(), reader.at
        except IndexError:
            continue
    raise BadPage("a page header does not end")


def _number(fields: Fields, name: int) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or value < 0:
        raise BadPage("a page header says no size")
    return value


class _Compact:
    """A reader of one struct; strings and lists are passed over. IndexError where bytes end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def struct(self, depth: int = 0) -> Fields:
        """The integers of a struct, and those of the structs in it, by field number."""
        if depth > NESTED_MAX:
            raise BadPage("a page header is nested too deeply")
        data, number = self._data, 0
        fields: Fields = {}
        while head := data[self.at]:
            self.at += 1
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 15
            if _BYTE < kind <= _I64:
                fields[number] = self._zigzag()
            elif kind == _BINARY:
                self._pass_text()
            elif kind == _STRUCT:
                inner = self.struct(depth + 1)
                fields[number] = {key: one for key, one in inner.items() if isinstance(one, int)}
            elif kind > _FALSE:
                self._pass_over(kind, depth)
        self.at += 1
        return fields

    def _pass_text(self) -> None:
        length = self._varint()
        self.at += length

    def _pass_over(self, kind: int, depth: int) -> None:
        if kind == _BYTE:
            self.at += 1
        elif kind == _DOUBLE:
            self.at += 8
        elif kind in (_LIST, _SET):
            self._list(depth)
        else:
            raise BadPage("a page header has a field of an unknown kind")

    def _list(self, depth: int) -> None:
        head = self._data[self.at]
        self.at += 1
        count, kind = head >> 4, head & 15
        for _ in range(self._varint() if count == 15 else count):
            if kind == _STRUCT:
                self.struct(depth + 1)
            elif _BYTE < kind <= _I64:
                self._varint()
            elif kind == _BINARY:
                self._pass_text()
            else:
                self._pass_over(_BYTE if kind in (_TRUE, _FALSE) else kind, depth)

    def _varint(self) -> int:
        data, at = self._data, self.at
        value = shift = 0
        while (byte := data[at]) > 127:
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if shift > 63:
                raise BadPage("a page header has a number of too many bytes")
        self.at = at + 1
        return value | byte << shift

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
