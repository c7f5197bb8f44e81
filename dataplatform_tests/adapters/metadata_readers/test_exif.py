from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL.ExifTags import GPS, Base

from dataplatform.adapters.metadata_readers.exif import ERROR_KEY, read_exif
from dataplatform.channels.ports import Reading
from dataplatform.channels.told import microseconds
from dataplatform_tests.adapters.metadata_readers.images import PIXELS, image

KINDS = ("jpeg", "png", "tiff", "webp")
NOON = "2025:06:01 12:00:00"
PARIS = timezone(timedelta(hours=2))


def at(*parts: int, zone: Any = UTC) -> int:
    return microseconds(datetime(*parts, tzinfo=zone))


@pytest.mark.requirement("S0-46", "S0-49")
@pytest.mark.parametrize("kind", KINDS)
def test_every_format_tells_when_by_which_camera_and_where(kind: str) -> None:
    told = read_exif(
        image(
            kind,
            tags={Base.Make: "Leica", Base.Model: "Q3", Base.Orientation: 6},
            exif={
                Base.DateTimeOriginal: NOON,
                Base.OffsetTimeOriginal: "+02:00",
                Base.SubsecTimeOriginal: "25",
                Base.ExposureTime: 0.004,
                Base.ISOSpeedRatings: 200,
            },
            gps={
                GPS.GPSLatitudeRef: "N",
                GPS.GPSLatitude: (48.0, 51.0, 30.0),
                GPS.GPSLongitudeRef: "W",
                GPS.GPSLongitude: (2.0, 17.0, 40.0),
                GPS.GPSAltitude: 35.5,
                GPS.GPSAltitudeRef: b"\1",
            },
        )
    )
    assert told.timestamp == at(2025, 6, 1, 10) + 250_000
    expected = {
        "format": kind, "width": 48, "height": 32, "camera_make": "Leica", "camera_model": "Q3",
        "orientation": 6, "iso": 200, "latitude": 48.8583333, "longitude": -2.2944444,
        "altitude_m": -35.5,
    }  # fmt: skip
    exposure = told.metadata["exposure_s"]
    assert exposure == pytest.approx(0.004)
    assert told.metadata == expected | {"exposure_s": exposure}


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_without_tags_tells_its_size(kind: str) -> None:
    wide, high = PIXELS
    assert read_exif(image(kind)) == Reading(None, {"format": kind, "width": wide, "height": high})


@pytest.mark.parametrize("data", [b"", b"{}", b"GIF89a", b"PK\3\4", b"RIFF\0\0\0\0WAVE", b"II"])
def test_what_is_no_image_tells_nothing(data: bytes) -> None:
    assert read_exif(data) == Reading()


@pytest.mark.requirement("S0-46")
@pytest.mark.parametrize(
    ("exif", "gps", "expected"),
    [
        pytest.param({Base.DateTimeOriginal: NOON}, {}, at(2025, 6, 1, 10), id="zone of the spec"),
        pytest.param(
            {Base.DateTimeOriginal: NOON, Base.OffsetTimeOriginal: "-05:30"}, {},
            at(2025, 6, 1, 17, 30), id="its own offset",
        ),
        pytest.param(
            {Base.DateTimeOriginal: NOON},
            {GPS.GPSDateStamp: "2025:06:01", GPS.GPSTimeStamp: (6.0, 14.0, 57.0)},
            at(2025, 6, 1, 6, 15), id="offset between its clock and the satellites'",
        ),
        pytest.param(
            {Base.DateTimeOriginal: NOON},
            {GPS.GPSDateStamp: "2024:01:01", GPS.GPSTimeStamp: (6.0, 14.0, 57.0)},
            at(2025, 6, 1, 10), id="an old fix is not believed",
        ),
        pytest.param(
            {}, {GPS.GPSDateStamp: "2025:06:01", GPS.GPSTimeStamp: (6.0, 14.0, 57.0)},
            at(2025, 6, 1, 6, 14, 57), id="satellites alone",
        ),
        pytest.param(
            {Base.DateTimeDigitized: NOON, Base.DateTimeOriginal: "0000:00:00 00:00:00"}, {},
            at(2025, 6, 1, 10), id="an unset clock is left out",
        ),
        pytest.param({Base.DateTimeOriginal: "    :  :     :  :  "}, {}, None, id="blanks"),
        pytest.param({Base.DateTimeOriginal: "2025:13:41 99:00:00"}, {}, None, id="nonsense"),
    ],
)  # fmt: skip
def test_the_instant_is_the_best_that_the_tags_tell(
    exif: dict[int, Any], gps: dict[int, Any], expected: int | None
) -> None:
    assert read_exif(image(exif=exif, gps=gps), PARIS).timestamp == expected


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def test_an_image_larger_than_memory_is_read_like_any_other() -> None:
    header = struct.pack(">LLBBBBB", 2_000_000, 1_000_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"x")
    assert read_exif(bomb).metadata == {"format": "png", "width": 2_000_000, "height": 1_000_000}


def test_text_that_unpacks_to_a_gigabyte_is_refused() -> None:
    header = struct.pack(">LLBBBBB", 4, 4, 8, 2, 0, 0, 0)
    text = b"note\0\0" + zlib.compress(b"a" * (64 << 20))
    bomb = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"zTXt", text)
    told = read_exif(bomb + png_chunk(b"IDAT", b"x"))
    assert told.timestamp is None and "too" in told.metadata[ERROR_KEY].lower()


@pytest.mark.parametrize("kind", ["tiff", "webp"])
def test_tags_beyond_the_bytes_at_hand_are_not_passed_over_in_silence(kind: str) -> None:
    data = image(kind, exif={Base.DateTimeOriginal: NOON}, size=(400, 400))
    head = data[: len(data) // 2] if kind == "webp" else data[:8] + bytes(100)
    if kind == "tiff":
        head = head[:4] + struct.pack("<L", 10_000) + head[8:]
    assert "beyond the first" in read_exif(head).metadata[ERROR_KEY]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(data=st.data())
def test_damaged_images_are_named_and_never_raise(data: st.DataObject) -> None:
    whole = bytearray(
        image(
            data.draw(st.sampled_from(KINDS)),
            tags={Base.Make: "Leica"},
            exif={Base.DateTimeOriginal: NOON},
            gps={GPS.GPSLatitude: (48.0, 51.0, 30.0), GPS.GPSLatitudeRef: "N"},
        )
    )
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    head = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    told = read_exif(head)
    assert told.timestamp is None or isinstance(told.timestamp, int)
    assert all(isinstance(name, str) for name in told.metadata)


NOISY = """
import sys
from dataplatform.adapters.metadata_readers.exif import read_exif
whole = sys.stdin.buffer.read()
for place in range(8, 200):
    for value in (0, 255):
        read_exif(whole[:place] + bytes([value]) + whole[place + 1 :])
"""


def test_what_is_damaged_is_told_in_metadata_and_not_on_the_terminal() -> None:
    """Pillow warns of each tag, and logs errors, without a word of which file it is."""
    whole = image("tiff", tags={Base.Make: "Leica"}, exif={Base.DateTimeOriginal: NOON})
    done = subprocess.run(
        [sys.executable, "-c", NOISY], input=whole, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
