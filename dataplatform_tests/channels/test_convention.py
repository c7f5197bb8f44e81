"""The convention of the document, where a spec has no pattern."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.channels.convention import Told, tell
from dataplatform.channels.describe import describe_file
from dataplatform.channels.ports import Described, StoredFile
from dataplatform.channels.spec import ChannelSpec
from dataplatform_tests.channels.test_pattern import at
from opendata.wire.errors import InvalidInput

NOON = at(2025, 6, 1, 12)


@pytest.mark.requirement("S0-44", "S0-46", "S0-51")
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("2025/06/01/12/img_001.jpg", Told(NOON, "img_20250601_120000_001")),
        (
            "2025/06/01/12/img_123456_001.jpg",
            Told(at(2025, 6, 1, 12, 34, 56), "img_20250601_123456_001"),
        ),
        (
            "2025/06/01/12/img_20250601_123456_001.jpg",
            Told(at(2025, 6, 1, 12, 34, 56), "img_20250601_123456_001"),
        ),
        ("2025/06/01/12/20250601T123456.jpg", Told(at(2025, 6, 1, 12, 34, 56), "20250601_123456")),
        ("2025/06/01/12/img_133456_001.jpg", Told(NOON, "img_133456_20250601_120000_001")),
        ("2025/06/01/00/img_000123.jpg", Told(at(2025, 6, 1), "img_20250601_000000_000123")),
        ("2025/06/01/12/001.jpg", Told(NOON, "20250601_120000_001")),
        ("2025/06/01/12/front.jpg", Told(NOON, "front_20250601_120000")),
        ("front/2025/06/01/12/img_001.jpg", Told(NOON, "front/img_20250601_120000_001")),
        ("2025/06/01/12/front/img_001.jpg", Told(NOON, "front/img_20250601_120000_001")),
        ("2025/06/01/front.jpg", Told(None, "2025/06/01/front.jpg")),
        ("a.jpg", Told(None, "a.jpg")),
        ("2025/06/01/12", Told(None, "2025/06/01/12")),
    ],
)
def test_a_path_tells_time_and_id(path: str, told: Told) -> None:
    assert tell(path) == told


def test_folders_that_are_no_hour_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        tell("2025/06/31/12/img_001.jpg")
    assert caught.value.code == "bad_time"


@given(st.from_regex(r"[a-z0-9]{1,5}(_[a-z0-9]{1,4}){0,3}\.(jpg|bin)", fullmatch=True))
def test_an_id_depends_on_the_path_alone_and_tells_its_time(name: str) -> None:
    told = tell(f"2025/06/01/12/{name}")
    assert told == tell(f"2025/06/01/12/{name}")
    assert "20250601_12" in told.file_id
    assert told.timestamp is not None
    assert NOON <= told.timestamp < NOON + 3_600_000_000


@pytest.mark.requirement("S0-44", "S0-49")
def test_the_documents_own_record_comes_out() -> None:
    spec = ChannelSpec.model_validate(
        {
            "channel": "image_original",
            "version": "1.2.0",
            "storage_path": "s3://data-lake/image_original/v1.2.0/",
            "pattern": {
                "path": "%Y/%m/%d/%H/img_{sequence:d}_{camera_id}_{weather}.jpg",
                "file_id": "img_%Y%m%d_%H%M%S_{sequence}",
            },
        }
    )
    file = StoredFile("2025/06/01/12/img_001_front_sunny.jpg", 2_048_576, "v1")
    found = describe_file(spec, file, b"", None, "0" * 64)
    assert found == Described(
        file,
        "img_20250601_120000_001",
        "0" * 64,
        NOON,
        '{"camera_id":"front","sequence":"001","weather":"sunny"}',
    )
