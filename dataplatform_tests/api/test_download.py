"""Addresses to download at: only of files that the bundle has, and only for a while."""

from __future__ import annotations

import pytest

from dataplatform_tests.api.site import CHANNEL, DOWNLOAD, Site
from dataplatform_tests.reading.file_index.lake import pictures
from opendata.wire.bundle import DataRange


@pytest.fixture
def site() -> Site:
    site = Site()
    site.publish()
    return site


@pytest.mark.requirement("S0-39")
def test_a_page_of_files_comes_with_addresses(site: Site) -> None:
    with site.serving() as client:
        answer = client.get(DOWNLOAD, params={"limit": 2, "expires": 60, "metadata": "frame=3"})
        all_of_them = client.get(DOWNLOAD).json()
    told = answer.json()
    assert [one["url"] for one in told["files"]] == [
        "https://lake.example.com/image_original/2025/06/01/00/img_000003.jpg?expires=60"
    ]
    assert set(told["files"][0]) == {
        "file_id", "relative_path", "size_bytes", "checksum", "url",
    }  # fmt: skip
    assert told["expires_at"].startswith("2026-01-31T06:01:")
    assert answer.headers["cache-control"] == "no-store"
    assert len(all_of_them["files"]) == 105 and all_of_them["next_cursor"] is None


@pytest.mark.requirement("S0-39")
def test_files_are_asked_for_by_id(site: Site) -> None:
    ids = ["img_000090", "img_000003", "img_000003", "img_000104"]
    with site.serving() as client:
        told = client.post(DOWNLOAD, json={"channel": CHANNEL, "file_ids": ids}).json()
    assert [one["file_id"] for one in told["files"]] == ["img_000003", "img_000090", "img_000104"]


def test_what_the_bundle_does_not_have_gets_no_address() -> None:
    site = Site()
    site.publish(
        data_range=DataRange(start_time="2025-06-01T00:30:00Z", end_time="2025-06-01T00:39:00Z")
    )
    with site.serving() as client:
        inside = client.post(DOWNLOAD, json={"file_ids": ["img_000030"]})
        outside = client.post(DOWNLOAD, json={"file_ids": ["img_000030", "img_000029", "none"]})
        page = client.get(DOWNLOAD).json()["files"]
    assert inside.status_code == 200
    assert (outside.status_code, outside.json()["code"]) == (404, "unknown_file")
    assert outside.json()["details"] == {"missing": ["img_000029", "none"], "count": 2}
    assert len(page) == 10


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "bad_body"),
        ({"file_ids": []}, 400, "bad_body"),
        ({"file_ids": ["a"] * 10_001}, 400, "bad_body"),
        ({"file_ids": [1]}, 400, "bad_body"),
        ({"file_ids": ["a"], "files": []}, 400, "bad_body"),
        ([], 400, "bad_body"),
        ({"file_ids": ["a"], "channel": "image"}, 404, "unknown_channel"),
    ],
)
def test_a_wrong_body_is_refused(site: Site, body: object, status: int, code: str) -> None:
    with site.serving() as client:
        answer = client.post(DOWNLOAD, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_is_read_to_its_limit_and_has_to_be_json(site: Site) -> None:
    with site.serving() as client:
        large = client.post(
            DOWNLOAD, content=b" " * (9 << 20), headers={"content-type": "application/json"}
        )
        piecewise = client.post(
            DOWNLOAD,
            content=(b" " * (1 << 20) for _ in range(9)),
            headers={"content-type": "application/json"},
        )
        text = client.post(DOWNLOAD, content=b'{"file_ids":["a"]}')
    assert (large.status_code, piecewise.status_code, text.status_code) == (413, 413, 415)


@pytest.mark.parametrize("expires", ["0", "43201", "-1"])
def test_no_address_is_good_for_long(site: Site, expires: str) -> None:
    with site.serving() as client:
        assert client.get(DOWNLOAD, params={"expires": expires}).status_code == 400


def test_a_large_index_is_looked_through_until_all_is_found() -> None:
    site = Site()
    site.publish({CHANNEL: pictures(5_000)}, group_rows=256)
    wanted = [f"img_{n:06}" for n in range(0, 5_000, 7)]
    with site.serving() as client:
        told = client.post(DOWNLOAD, json={"file_ids": wanted}).json()
    assert [one["file_id"] for one in told["files"]] == wanted
