"""Where to go on: a place in a channel of one revision of a bundle, as text that nobody reads.

A cursor names the lock by its digest, so that pages and batches of two revisions are never mixed;
and a row of the channel's index, so that going on costs no more than beginning. It holds no secret
and grants nothing.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from opendata.wire.channel import is_channel_name
from opendata.wire.digest import parse_digest
from opendata.wire.errors import Conflict, InvalidInput

CURSOR_MAX_CHARS: Final = 512
_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">B16sQ")
"""Format, the first half of the lock's digest, and the row."""


@dataclass(frozen=True)
class Cursor:
    """Go on at this row of this channel's index; `lock` is the first half of the lock's digest."""

    lock: bytes
    channel: str
    row: int


def encode_cursor(lock_sha256: str, channel: str, row: int) -> str:
    """The cursor that goes on at `row` of a channel's index, in the lock with this digest."""
    head = _HEAD.pack(_FORMAT, _lock_part(lock_sha256), row)
    return base64.urlsafe_b64encode(head + channel.encode()).rstrip(b"=").decode()


def read_cursor(text: str, lock_sha256: str) -> Cursor:
    """A cursor of this lock.

    Raises:
        InvalidInput: code `invalid_cursor`, if it is none.
        Conflict: code `stale_cursor`, if it is of another bundle, version or revision.
    """
    cursor = _decode(text)
    if cursor.lock != _lock_part(lock_sha256):
        raise Conflict(
            "this cursor is of another bundle, or of another revision of it",
            code="stale_cursor",
            hint="begin without a cursor; a given revision keeps its cursors for ever",
        )
    return cursor


def _decode(text: str) -> Cursor:
    try:
        if not 0 < len(text) <= CURSOR_MAX_CHARS:
            raise ValueError(len(text))
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
        form, lock, row = _HEAD.unpack_from(data)
        channel = data[_HEAD.size :].decode("ascii")
        if form != _FORMAT or not is_channel_name(channel) or row >= 1 << 63:
            raise ValueError(form)
    except (ValueError, binascii.Error, struct.error) as error:
        raise InvalidInput(
            "this is no cursor: take next_cursor as it was answered, all of it",
            code="invalid_cursor",
        ) from error
    return Cursor(lock, channel, row)


@lru_cache(maxsize=256)
def _lock_part(lock_sha256: str) -> bytes:
    return bytes.fromhex(parse_digest(lock_sha256))[:16]
