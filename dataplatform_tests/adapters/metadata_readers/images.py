"""Real images with EXIF, made by Pillow."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import ExifTags, Image

PIXELS = (48, 32)


def image(
    kind: str = "jpeg",
    *,
    tags: dict[int, Any] | None = None,
    exif: dict[int, Any] | None = None,
    gps: dict[int, Any] | None = None,
    size: tuple[int, int] = PIXELS,
    colour: tuple[int, int, int] = (90, 120, 150),
) -> bytes:
    """The bytes of an image that carries these tags."""
    carried = Image.Exif()
    carried.update(tags or {})
    for which, values in ((ExifTags.IFD.Exif, exif), (ExifTags.IFD.GPSInfo, gps)):
        if values:
            carried[which] = values
    file = BytesIO()
    options = {"exif": carried.tobytes()} if tags or exif or gps else {}
    Image.new("RGB", size, colour).save(file, kind, **options)
    return file.getvalue()
