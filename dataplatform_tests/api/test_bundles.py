"""Bundles and channels: which there are, and what each of them is."""

from __future__ import annotations

import pytest

from dataplatform_tests.api.site import BASE_URL, CHANNEL, NAME, VERSION, Site
from dataplatform_tests.reading.file_index.lake import pictures
from opendata.reading.file_index.bundles import find_bundle
from opendata.stores.memory import MemoryStore
from opendata.wire.bundle import read_lock
from opendata.wire.digest import canonical_json, digest_of

DATASET = "getopendata/world-airports"


@pytest.fixture
def site() -> Site:
    site = Site()
    site.publish({CHANNEL: pictures(20), DATASET: pictures(3)})
    return site


@pytest.mark.requirement("S0-36", "S0-37", "S0-38", "S0-39", "S0-40")
def test_a_bundle_is_its_lock_and_the_document_that_says_where_to_ask(site: Site) -> None:
    with site.serving() as client:
        told = client.get(f"/api/v1/bundles/{NAME}").json()
        access = told["document"]["access_config"]
        assert access["base_url"] == BASE_URL and access["authentication"] == "bearer_token"
        for name in ("list_files", "download_batch", "streaming"):
            path = access["endpoints"][name].format(bundle_name=NAME)
            assert client.get(path, params={"channel": CHANNEL}).status_code == 200
    stored = canonical_json(told["bundle"])
    assert digest_of(stored) == told["lock_sha256"]
    assert read_lock(stored, "the answer") == find_bundle(site.store, NAME).lock
    assert told["document"]["meta"]["total_files"] == 23


@pytest.mark.requirement("B17")
def test_a_name_is_the_newest_version_and_a_version_the_newest_revision(site: Site) -> None:
    site.publish({CHANNEL: pictures(5)}, version="v1.1.0-2025.26")
    site.publish({CHANNEL: pictures(6)}, version="v1.1.0-2025.26", revision=2)
    path = f"/api/v1/bundles/{NAME}"
    with site.serving() as client:
        asked = ({}, {"version": VERSION}, {"version": "1.1.0-2025.26", "revision": 1})
        told = [client.get(path, params=one).json()["bundle"] for one in asked]
        typed = client.get(path, params={"type": "weekly"}).json()["bundle"]
        wrong = client.get(path, params={"type": "daily"})
    assert [(one["version"], one["revision"]) for one in (*told, typed)] == [
        ("v1.1.0-2025.26", 2), (VERSION, 1), ("v1.1.0-2025.26", 1), ("v1.1.0-2025.26", 2),
    ]  # fmt: skip
    assert wrong.status_code == 400


def test_a_bundle_that_is_known_is_not_sent_again(site: Site) -> None:
    path = f"/api/v1/bundles/{NAME}"
    with site.serving() as client:
        etag = client.get(path).headers["etag"]
        assert client.get(path, headers={"if-none-match": etag}).status_code == 304


def test_channels_are_listed_with_their_versions_and_shown(site: Site) -> None:
    with site.serving() as client:
        listed = client.get("/api/v1/channels").json()["channels"]
        assert listed == [
            {"channel": DATASET, "versions": ["1.2.0"]},
            {"channel": CHANNEL, "versions": ["1.2.0"]},
        ]
        for channel in (CHANNEL, DATASET, DATASET.replace("/", "%2F")):
            shown = client.get(f"/api/v1/channels/{channel}/v1.2.0")
            assert shown.json()["total_files"] in (20, 3)
        etag = shown.headers["etag"]
        again = client.get(f"/api/v1/channels/{DATASET}/v1.2.0", headers={"if-none-match": etag})
        assert again.status_code == 304


@pytest.mark.parametrize(
    ("path", "status", "code", "hint"),
    [
        ("image_orignal/v1.2.0", 404, "unknown_channel", "did you mean 'image_original'?"),
        ("image_original/v1.3.0", 404, "unknown_version", "it has 1.2.0"),
        ("image_original/v1", 400, "invalid_version", None),
        ("Image/v1.2.0", 400, "invalid_channel", None),
    ],
)
def test_a_channel_that_is_not_there_is_told(
    site: Site, path: str, status: int, code: str, hint: str | None
) -> None:
    with site.serving() as client:
        answer = client.get(f"/api/v1/channels/{path}")
    told = answer.json()
    assert (answer.status_code, told["code"], told["hint"]) == (status, code, hint)


def test_an_empty_store_has_no_bundles_and_is_ready() -> None:
    with Site(MemoryStore()).serving() as client:
        assert client.get("/api/v1/bundles").json()["bundles"] == []
        assert client.get("/api/v1/channels").json() == {"channels": []}
        assert client.get("/readyz").status_code == 200
