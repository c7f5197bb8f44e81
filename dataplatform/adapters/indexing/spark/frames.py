"""Messages over a pipe: one letter for the kind, eight bytes for the length, and the bytes."""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import BinaryIO, Final

_HEAD: Final = struct.Struct(">cQ")
FRAME_MAX_BYTES: Final = 1 << 30


class Kind(StrEnum):
    """What a frame says. From the engine: START, JOB, FILES, END; from the process: the others."""

    START = "S"
    """The settings of the session, as JSON. The first frame."""
    JOB = "J"
    """A job begins; its task as JSON."""
    FILES = "G"
    """A parcel of files that one task of Spark describes."""
    END = "E"
    """The job has no more files."""
    OUTCOMES = "O"
    """A parcel of outcomes."""
    FAILURE = "F"
    """The job has failed; the error as JSON."""
    DONE = "D"
    """The job has ended, and all its outcomes were sent."""


class PipeClosed(Exception):
    """The other side is gone, or sends what is no frame."""


def write_frame(pipe: BinaryIO, kind: Kind, payload: bytes = b"") -> None:
    """Send one frame; waits where the other side is behind.

    Raises:
        PipeClosed: if nobody reads any more.
    """
    try:
        pipe.write(_HEAD.pack(kind.encode("ascii"), len(payload)))
        pipe.write(payload)
        pipe.flush()
    except (OSError, ValueError) as error:
        raise PipeClosed(str(error)) from error


def read_frame(pipe: BinaryIO) -> tuple[Kind, bytes]:
    """The next frame.

    Raises:
        PipeClosed: at the end, in the middle of a frame, and for what is none.
    """
    try:
        letter, length = _HEAD.unpack(_exactly(pipe, _HEAD.size))
        if length > FRAME_MAX_BYTES:
            raise PipeClosed(f"a frame of {length:,} bytes")
        return Kind(letter.decode("ascii")), _exactly(pipe, length)
    except (OSError, ValueError) as error:
        raise PipeClosed(str(error)) from error


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    data = pipe.read(count) or b""
    if len(data) < count:
        raise PipeClosed(f"it ended {count - len(data):,} bytes too early" if data else "it ended")
    return data
