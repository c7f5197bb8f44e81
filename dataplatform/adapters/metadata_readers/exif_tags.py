"""What EXIF tags mean: which instant, which camera, which place.

Here belongs reading the values of tags that were parsed already. Cameras write nonsense (zeros for
an unset clock, fractions by zero, blanks): that is left out, never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from PIL.ExifTags import GPS, Base

from dataplatform.channels.told import microseconds

Tags = Mapping[int, Any]
# When it was taken, when it was digitised, when the file was last changed: the first that is there.
_TIMES: Final = (
    (Base.DateTimeOriginal, Base.OffsetTimeOriginal, Base.SubsecTimeOriginal),
    (Base.DateTimeDigitized, Base.OffsetTimeDigitized, Base.SubsecTimeDigitized),
    (Base.DateTime, Base.OffsetTime, Base.SubsecTime),
)
_TEXTS: Final = {
    Base.Make: "camera_make",
    Base.Model: "camera_model",
    Base.BodySerialNumber: "camera_serial",
    Base.LensModel: "lens_model",
    Base.Software: "software",
    Base.ImageUniqueID: "image_id",
}
_NUMBERS: Final = {
    Base.Orientation: "orientation",
    Base.ExposureTime: "exposure_s",
    Base.FNumber: "f_number",
    Base.ISOSpeedRatings: "iso",
    Base.FocalLength: "focal_length_mm",
}
_QUARTER: Final = timedelta(minutes=15)
_FIX_AGE_MAX: Final = timedelta(minutes=5)
_OFFSET_MAX: Final = timedelta(hours=14)


def read_tags(tags: Tags, exif: Tags, gps: Tags, zone: tzinfo) -> tuple[int | None, dict[str, Any]]:
    """The instant (microseconds since 1970) and the metadata that three directories tell.

    Args:
        tags: The image's own directory, `exif` and `gps` those that hang on it.
        zone: Where the camera's clock stood, if neither an offset nor the satellites tell.
    """
    both = {**exif, **tags}
    at = _taken_at(both, gps, zone)
    metadata: dict[str, Any] = {
        name: text for tag, name in _TEXTS.items() if (text := _text(both.get(tag)))
    }
    for tag, name in _NUMBERS.items():
        number = _number(both.get(tag))
        if number is not None:
            metadata[name] = number
    metadata |= dict(_place(gps))
    return (None if at is None else microseconds(at)), metadata


def _taken_at(tags: Tags, gps: Tags, zone: tzinfo) -> datetime | None:
    for time, offset, fraction in _TIMES:
        local = _clock(_text(tags.get(time)), _text(tags.get(fraction)))
        if local is not None:
            known = _offset(_text(tags.get(offset))) or _offset_by_satellite(local, gps)
            return local.replace(tzinfo=known or zone)
    return _satellite_time(gps)


def _clock(text: str, fraction: str) -> datetime | None:
    """`2025:06:01 12:00:00` of no zone; None for what is none, such as zeros."""
    try:
        at = datetime.strptime(text[:19].replace("-", ":"), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return None
    if fraction.isdecimal() and fraction.isascii():
        at = at.replace(microsecond=int(fraction[:6].ljust(6, "0")))
    return at


def _offset(text: str) -> timezone | None:
    if text in ("Z", "z"):
        return UTC
    try:
        zone = datetime.strptime(text, "%z").tzinfo
    except ValueError:
        return None
    return zone if isinstance(zone, timezone) else None


def _offset_by_satellite(local: datetime, gps: Tags) -> timezone | None:
    """The offset that lies between the camera's clock and the satellites' time, in quarter hours.

    None where they differ by more than an old fix explains: then one of them is wrong.
    """
    exact = _satellite_time(gps)
    if exact is None:
        return None
    apart = local.replace(tzinfo=UTC) - exact
    offset = round(apart / _QUARTER) * _QUARTER
    if abs(apart - offset) > _FIX_AGE_MAX or abs(offset) > _OFFSET_MAX:
        return None
    return timezone(offset)


def _satellite_time(gps: Tags) -> datetime | None:
    parts = _numbers(gps.get(GPS.GPSTimeStamp), 3)
    try:
        day = datetime.strptime(_text(gps.get(GPS.GPSDateStamp)), "%Y:%m:%d")  # noqa: DTZ007
    except ValueError:
        return None
    if parts is None or not all(0 <= part < 61 for part in parts):
        return None
    hours, minutes, seconds = parts
    return day.replace(tzinfo=UTC) + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _place(gps: Tags) -> Iterator[tuple[str, float]]:
    for name, tag, reference, bound in (
        ("latitude", GPS.GPSLatitude, GPS.GPSLatitudeRef, 90),
        ("longitude", GPS.GPSLongitude, GPS.GPSLongitudeRef, 180),
    ):
        parts = _numbers(gps.get(tag), 3)
        if parts is not None:
            degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
            if 0 <= degrees <= bound:
                south_or_west = _text(gps.get(reference)).upper() in ("S", "W")
                yield name, round(-degrees if south_or_west else degrees, 7)
    height = _number(gps.get(GPS.GPSAltitude))
    if height is not None:
        below = gps.get(GPS.GPSAltitudeRef) in (1, b"\x01")
        yield "altitude_m", -height if below else height


def _numbers(value: Any, count: int) -> list[float] | None:
    if not isinstance(value, tuple | list) or len(value) != count:
        return None
    numbers = [_number(part) for part in value]
    return [float(one) for one in numbers if one is not None] if None not in numbers else None


def _number(value: Any) -> float | int | None:
    """A finite number; whole ones as such. A list of one speed or more counts by its first."""
    if isinstance(value, tuple | list) and value:
        value = value[0]
    if value is None or isinstance(value, bool | str | bytes):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.split("\0", 1)[0].strip() if isinstance(value, str) else ""
