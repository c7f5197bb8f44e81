from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from dataplatform.adapters.metadata_readers.sidecar import SIZE_MAX_BYTES, read_sidecar
from dataplatform.channels.ports import Reading
from opendata.wire.errors import InvalidInput

NOON_UTC = 1_748_779_200_000_000


@pytest.mark.requirement("S0-46", "S0-49")
def test_a_sidecar_gives_time_and_metadata() -> None:
    data = b'{"timestamp": "2025-06-01T12:00:00Z", "camera_id": "front", "weather": "sunny"}'
    assert read_sidecar(data, "img_001.json") == Reading(
        NOON_UTC, {"camera_id": "front", "weather": "sunny"}
    )


@pytest.mark.parametrize(
    "written",
    [
        "1748779200", "1748779200000", "1748779200000000", "1748779200000000000",
        "1748779200.0", '"1748779200"', '"2025-06-01T14:00:00+02:00"', '"2025-06-01 14:00:00"',
        '"2025-06-01T12:00Z"', '"20250601T120000Z"',
    ],
)  # fmt: skip
def test_a_time_may_be_written_in_the_usual_ways(written: str) -> None:
    zone = timezone(timedelta(hours=2))
    told = read_sidecar(b'{"timestamp": %b}' % written.encode(), "a.json", zone)
    assert told == Reading(NOON_UTC, {})


@pytest.mark.parametrize("written", [b"{}", b'{"timestamp": null}', b'{"timestamp": ""}'])
def test_a_sidecar_without_a_time_has_none(written: bytes) -> None:
    assert read_sidecar(written, "a.json").timestamp is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"", "no JSON object"),
        (b"[1]", "no JSON object"),
        (b'{"a": 1,}', "no JSON object"),
        (b'{"a": "\xff"}', "no JSON object"),
        (b'{"a":' * 100_000, "no JSON object"),
        (b'{"timestamp": "yesterday"}', "'yesterday' is no time"),
        (b'{"timestamp": true}', "'True' is no time"),
        (b'{"timestamp": 1e30}', "is no time"),
        (b'{"timestamp": {"at": 1}}', "is no time"),
        (b" " * (SIZE_MAX_BYTES + 1), "bytes; at most"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_path(written: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        read_sidecar(written, "2025/06/01/img_001.json")
    assert caught.value.code == "bad_sidecar"
    assert "2025/06/01/img_001.json" in caught.value.message
