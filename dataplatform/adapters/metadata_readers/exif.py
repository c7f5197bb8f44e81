"""What photographs say of themselves: time, camera, place, size; no pixel is ever decoded.

Pillow parses the tags. Its readers of headers are asked directly, because `Image.open` refuses
images by their size in pixels, which does not matter to what reads none of them. A WebP file is
walked here, because Pillow's own reader wants all of it.

An image that is damaged, or has its tags beyond the bytes at hand, is a file like any other: what
is wrong stands in its metadata as `exif_error`.
"""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from io import BytesIO
from typing import Any, Final

from PIL.ExifTags import IFD, Base
from PIL.Image import Exif
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from dataplatform.adapters.metadata_readers.exif_tags import read_tags
from dataplatform.channels.ports import Reading, StoredFile

# Pillow tells of every damaged tag on standard error, without saying in which file. What counts is
# told in the file's metadata; its warnings are for who asks for them.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())

ERROR_KEY: Final = "exif_error"
_TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_WEBP_HEAD_BYTES: Final = 12
_WEBP_HAS_EXIF: Final = 0x08
# Everything that Pillow's header readers raise on bytes that are not what they begin as.
_DAMAGED: Final = (
    SyntaxError, OSError, ValueError, KeyError, IndexError, TypeError, OverflowError,
    struct.error, EOFError, RuntimeError, AttributeError, ZeroDivisionError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True)
class ExifReader:
    """The tags of a channel's images. A time without an offset is one of `zone`."""

    zone: tzinfo = UTC
    head_bytes: int = 1 << 18
    """JPEG and PNG have their tags in front; TIFF and WebP may have them behind the pixels."""

    def read(self, file: StoredFile, head: bytes, sidecar: bytes | None) -> Reading:
        """See `read_exif`."""
        return read_exif(head, self.zone)


def read_exif(head: bytes, zone: tzinfo = UTC) -> Reading:
    """What an image tells; nothing for what is no JPEG, PNG, TIFF or WebP.

    Args:
        head: The beginning of the file, or all of it.
        zone: Where the camera's clock stood, for times without an offset.
    """
    try:
        opened = _open(head)
        if opened is None:
            return Reading()
        tags, size, kind = opened
        timestamp, metadata = read_tags(tags, _ifd(tags, IFD.Exif), _gps(tags), zone)
    except _DAMAGED as error:
        return Reading(None, {ERROR_KEY: f"{error}"[:200] or type(error).__name__})
    width, height = size
    return Reading(timestamp, {"format": kind, "width": width, "height": height, **metadata})


def _open(head: bytes) -> tuple[Exif, tuple[int, int], str] | None:
    """The tags, the size in pixels and the format, or None for what is no image."""
    if head.startswith(_JPEG):
        image: ImageFile = JpegImageFile(BytesIO(head), "")
    elif head.startswith(_PNG):
        image = PngImageFile(BytesIO(head), "")
    elif head.startswith(_TIFF):
        return _open_tiff(head)
    elif head.startswith(b"RIFF") and head[8:_WEBP_HEAD_BYTES] == b"WEBP":
        return _open_webp(head)
    else:
        return None
    return _tags_of(image.info.get("exif")), image.size, str(image.format).lower()


def _open_tiff(head: bytes) -> tuple[Exif, tuple[int, int], str]:
    order = "<" if head.startswith(b"II") else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    (directory,) = struct.unpack_from(f"{order}{'Q' if big else 'L'}", head, 8 if big else 4)
    if directory >= len(head):
        raise ValueError(_beyond(head))
    image = TiffImageFile(BytesIO(head), "")
    # As it is stored: Pillow's own size of a TIFF is turned by its orientation, that of others not.
    size = image.tag_v2[Base.ImageWidth], image.tag_v2[Base.ImageLength]
    return image.getexif(), size, "tiff"


def _open_webp(head: bytes) -> tuple[Exif, tuple[int, int], str]:
    size, payload, promised = (0, 0), None, False
    at = _WEBP_HEAD_BYTES
    while at + 8 <= len(head):
        kind, (length,) = head[at : at + 4], struct.unpack_from("<L", head, at + 4)
        body = head[at + 8 : at + 8 + length]
        if kind == b"VP8X":
            promised = bool(body[0] & _WEBP_HAS_EXIF)
            size = (
                1 + int.from_bytes(body[4:7], "little"),
                1 + int.from_bytes(body[7:10], "little"),
            )
        elif kind == b"VP8L" and size == (0, 0):
            bits = int.from_bytes(body[1:5], "little")
            size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        elif kind == b"VP8 " and size == (0, 0):
            wide, high = struct.unpack_from("<HH", body, 6)
            size = (wide & 0x3FFF, high & 0x3FFF)
        elif kind == b"EXIF" and len(body) == length:
            payload = body
        at += 8 + length + (length & 1)
    if promised and payload is None:
        raise ValueError(_beyond(head))
    return _tags_of(payload), size, "webp"


def _tags_of(payload: Any) -> Exif:
    tags = Exif()
    if payload:
        tags.load(payload)
    return tags


def _ifd(tags: Exif, which: int) -> Mapping[int, Any]:
    return tags.get_ifd(which)


def _gps(tags: Exif) -> Mapping[int, Any]:
    return _ifd(tags, IFD.GPSInfo)


def _beyond(head: bytes) -> str:
    return f"its tags lie beyond the first {len(head):,} bytes"
