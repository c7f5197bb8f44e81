"""Pages of files: what they hold in each format, how one goes on, and what is kept of them."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.api.exchange import Workers
from dataplatform_tests.api.site import CHANNEL, FILES, NAME, VERSION, Site, arrow_of
from dataplatform_tests.reading.file_index.lake import pictures
from opendata.wire.bundle import DataRange
from opendata.wire.channel import INDEX_COLUMNS


@pytest.fixture
def site() -> Site:
    site = Site()
    site.publish()
    return site


@pytest.mark.requirement("S0-38", "B17")
def test_a_page_tells_which_lock_it_is_of(site: Site) -> None:
    with site.serving() as client:
        answer = client.get(FILES, params={"limit": 2})
    page = answer.json()
    assert (page["bundle_name"], page["bundle_version"], page["revision"]) == (NAME, VERSION, 1)
    assert [row["file_id"] for row in page["files"]] == ["img_000000", "img_000001"]
    assert list(page["files"][0]) == list(INDEX_COLUMNS)
    assert page["files"][0]["metadata"]["camera_id"] == "front"
    assert answer.headers["x-next-cursor"] == page["next_cursor"]
    assert answer.headers["x-bundle-version"] == VERSION


def test_arrow_says_the_same(site: Site) -> None:
    with site.serving() as client:
        page = client.get(FILES, params={"limit": 40}).json()
        answer = client.get(FILES, params={"limit": 40}, headers={"accept": ARROW})
        packed = client.get(FILES, params={"limit": 40, "format": "arrow", "compression": "zstd"})
    assert answer.headers["content-type"] == ARROW
    table = arrow_of(answer.content)
    facts = {name.decode(): value.decode() for name, value in table.schema.metadata.items()}
    assert facts == {
        f"opendata.{name}": str(value) for name, value in page.items() if name != "files"
    }
    rows = table.to_pylist()
    assert [row["file_id"] for row in rows] == [row["file_id"] for row in page["files"]]
    assert [json.loads(row["metadata"]) for row in rows] == [r["metadata"] for r in page["files"]]
    assert arrow_of(packed.content).equals(table)


ARROW = "application/vnd.apache.arrow.stream"


@pytest.mark.requirement("S0-63")
def test_an_interval_holds_both_its_ends_and_metadata_is_looked_into(site: Site) -> None:
    asked = {"start_time": "2025-06-01T00:10:00Z", "end_time": "2025-06-01T00:20:00Z"}
    with site.serving() as client:
        found = client.get(FILES, params=asked).json()["files"]
        assert [row["file_id"] for row in found] == [f"img_{n:06}" for n in range(10, 21)]
        front = client.get(
            FILES, params=[*asked.items(), ("metadata", "camera_id=front"),
                           ("metadata", "lens.wide=true")],
        ).json()["files"]  # fmt: skip
    assert [row["file_id"] for row in front] == ["img_000012", "img_000018"]


@pytest.mark.parametrize("extra", [{}, {"metadata": "camera_id=rear"}])
def test_pages_give_every_file_once_and_undated_ones_last(
    site: Site, extra: dict[str, str]
) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    with site.serving() as client:
        while True:
            page = client.get(FILES, params={"limit": "7", **extra, **cursor}).json()
            seen += [row["file_id"] for row in page["files"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
    expected = [f"img_{n:06}" for n in range(105)]
    assert seen == [name for name in expected if not extra or int(name[4:]) % 3 == 1]


def test_only_what_the_bundle_has_of_a_channel_is_listed() -> None:
    site = Site()
    held = DataRange(start_time="2025-06-01T00:30:00Z", end_time="2025-06-01T00:39:59Z")
    site.publish(data_range=held)
    with site.serving() as client:
        rows = client.get(FILES, params={"start_time": "2025-06-01"}).json()["files"]
    assert [row["file_id"] for row in rows] == [f"img_{n:06}" for n in range(30, 40)]


def test_a_cursor_of_another_revision_is_refused() -> None:
    site = Site()
    site.publish()
    with site.serving() as client:
        cursor = client.get(FILES, params={"limit": 1}).json()["next_cursor"]
    site.publish({CHANNEL: pictures(50)}, revision=2)
    with site.serving() as client:
        answer = client.get(FILES, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (409, "stale_cursor")
        earlier = client.get(FILES, params={"cursor": cursor, "version": VERSION, "revision": 1})
        assert earlier.json()["files"][0]["file_id"] == "img_000001"


# --- what was typed wrong ------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "status", "code", "hint"),
    [
        ("limt=3", 400, "unknown_parameter", "did you mean 'limit'?"),
        ("limit=0", 400, "bad_parameter", None),
        ("limit=10001", 400, "bad_parameter", None),
        ("limit=many", 400, "bad_parameter", None),
        ("limit=1&limit=2", 400, "repeated_parameter", None),
        ("bundle_name=other", 400, "unknown_parameter", ...),
        ("format=xml", 400, "unknown_format", None),
        ("start_time=yesterday", 400, "invalid_time", None),
        ("start_time=2025-06-02&end_time=2025-06-01", 400, "invalid_interval", ...),
        ("metadata=front", 400, "invalid_filter", ...),
        ("cursor=nonsense", 400, "invalid_cursor", None),
        ("channel=image_orignal", 404, "unknown_channel", "did you mean 'image_original'?"),
        ("version=v1.0.0-2025.26", 404, "unknown_version", "did you mean 'v1.0.0-2025.25'?"),
        ("version=new", 400, "invalid_version", None),
        ("revision=2", 404, "unknown_revision", ...),
        ("revision=2&version=v1.0.0-2025.25", 404, "unknown_revision", ...),
        ("a=%ff", 400, "bad_query", None),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_right(
    site: Site, query: str, status: int, code: str, hint: object
) -> None:
    with site.serving() as client:
        answer = client.get(f"{FILES}?{query}")
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert hint is ... or told["hint"] == hint
    assert told["request_id"] == answer.headers["x-request-id"]


def test_one_of_several_channels_has_to_be_named() -> None:
    site = Site()
    site.publish({"left": pictures(3), "right": pictures(4)})
    with site.serving() as client:
        told = client.get(FILES).json()
        rows = client.get(FILES, params={"channel": "right"}).json()["files"]
    assert (told["code"], told["details"]) == ("channel_needed", {"channels": ["left", "right"]})
    assert len(rows) == 4


def test_a_query_that_is_far_too_long_is_not_read(site: Site) -> None:
    with site.serving() as client:
        assert client.get(f"{FILES}?cursor={'a' * 20_000}").json()["code"] == "too_long"
        many = "&".join(f"metadata=a{n}=1" for n in range(70))
        assert client.get(f"{FILES}?{many}").status_code == 400


# --- what is in memory ---------------------------------------------------------------


def _no_thread(workers: Workers, work: object) -> None:
    pytest.fail("a thread was asked")


@pytest.mark.requirement("S0-38")
@pytest.mark.parametrize("kind", ["application/json", ARROW])
def test_a_page_that_is_in_memory_takes_no_thread(
    site: Site, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    asked = {"version": VERSION, "revision": 1, "limit": 3}
    with site.serving(kept_bytes=0) as client:
        client.headers["accept"] = kind
        first = client.get(FILES, params=asked)
        asked["cursor"] = first.headers["x-next-cursor"]
        second = client.get(FILES, params=asked)
        fresh = client.get(FILES, params={**asked, "compression": "lz4"})  # by a thread
        monkeypatch.setattr(Workers, "run", _no_thread)
        again = client.get(FILES, params=asked)
        known = client.get(FILES, params=asked, headers={"if-none-match": second.headers["etag"]})
        wrong = client.get(FILES, params={**asked, "cursor": "nonsense"})
        nowhere = client.get(FILES, params={**asked, "channel": "elsewhere"})
        refused = client.get(FILES, params={**asked, "limt": 3})
    assert (again.content, dict(again.headers) | _UNLIKE) == (
        second.content,
        dict(second.headers) | _UNLIKE,
    )
    assert fresh.status_code == 200
    assert (known.status_code, known.content) == (304, b"")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_cursor")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "unknown_channel")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_parameter")


_UNLIKE = {"x-request-id": "", "date": ""}


def test_what_takes_longer_takes_a_thread(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"version": VERSION, "revision": 1}
    with site.serving(kept_bytes=0) as client:
        client.get(FILES, params=asked)
        threads: list[object] = []
        monkeypatch.setattr(Workers, "run", _counted(threads))
        for more, headers in (
            ({"limit": 1_001}, {}),
            ({"metadata": "camera_id=front"}, {}),
            ({}, {"accept-encoding": "zstd"}),
            ({"format": "arrow", "compression": "lz4"}, {}),
        ):
            assert client.get(FILES, params=asked | more, headers=headers).status_code == 200
        assert len(threads) == 4
        assert client.get(FILES, params=asked | {"limit": 1_000}).status_code == 200
    assert len(threads) == 4


def _counted(threads: list[object]) -> Callable[[Workers, Callable[[], object]], Any]:
    async def run(workers: Workers, work: Callable[[], object]) -> object:
        threads.append(work)
        return await workers.go_on(work)

    return run


# --- what is kept --------------------------------------------------------------------


@pytest.mark.requirement("S0-89", "B17")
def test_a_page_that_is_known_is_not_sent_again(site: Site) -> None:
    with site.serving() as client:
        first = client.get(FILES)
        for _ in range(2):  # looked up, and from what is kept
            again = client.get(FILES, headers={"if-none-match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
        assert client.get(FILES).content == first.content
        other = client.get(FILES, params={"limit": 3}, headers={"if-none-match": '"other"'})
    assert first.headers["cache-control"] == "private, no-cache"
    assert other.status_code == 200 and other.headers["etag"] != first.headers["etag"]


@pytest.mark.requirement("S0-89")
def test_a_revision_by_its_number_may_be_kept_for_ever(site: Site) -> None:
    with site.serving() as client:
        answer = client.get(FILES, params={"version": VERSION, "revision": 1})
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.requirement("S0-89")
def test_a_correction_takes_the_place_of_kept_pages(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataplatform.api.library.FRESH_SECONDS", 0.0)
    with site.serving() as client:
        first = client.get(FILES, params={"version": VERSION})
        pinned = client.get(FILES, params={"version": VERSION, "revision": 1})
        site.publish({CHANNEL: pictures(50)}, revision=2)
        second = client.get(FILES, params={"version": VERSION})
        again = client.get(FILES, params={"version": VERSION, "revision": 1})
    assert (first.json()["revision"], second.json()["revision"]) == (1, 2)
    assert len(second.json()["files"]) == 50
    assert again.content == pinned.content


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_json_is_packed_for_who_takes_it(site: Site, packing: str) -> None:
    with site.serving() as client:
        plain = client.get(FILES)
        with client.stream("GET", FILES, headers={"accept-encoding": f"{packing};q=0.5"}) as answer:
            raw = b"".join(answer.iter_raw())
        refused = client.get(FILES, headers={"accept-encoding": f"{packing};q=0"})
    assert answer.headers["content-encoding"] == packing
    assert int(answer.headers["content-length"]) == len(raw)
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert answer.headers["etag"] != plain.headers["etag"]
    assert len(raw) < len(plain.content) / 2
    unpacked = (
        gzip.decompress(raw)
        if packing == "gzip"
        else pa.CompressedInputStream(io.BytesIO(raw), "zstd").read()
    )
    assert unpacked == plain.content
    assert "content-encoding" not in refused.headers
