"""The client through a real API: the same answers as from the store, whatever breaks between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplatform_tests.index_client.pictures import IMAGES, NAME, OBJECTS, VERSION, Lake
from dataplatform_tests.index_client.serving import Faults, serving
from opendata import DataIndexClient
from opendata._index_client import http_source, links, web
from opendata.wire.errors import Conflict, Denied, InvalidInput, NotFound, Unavailable

pytestmark = [pytest.mark.real, pytest.mark.requirement("S0-38", "S0-39", "S0-40", "S0-61")]


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def address(lake: Lake, faults: Faults) -> Iterator[str]:
    with serving(lake.store, faults) as url:
        yield url


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "PAUSE_SECONDS", 0.001)


@pytest.fixture
def api(address: str, faults: Faults) -> Iterator[DataIndexClient]:
    faults.seen.clear()
    faults.tokens.clear()
    with DataIndexClient(address, retries=3) as client:
        yield client
    assert not faults.statuses and not faults.cut_after, "a fault that nobody met"


def test_it_answers_as_the_store_does(api: DataIndexClient, client: DataIndexClient) -> None:
    assert api.bundles() == client.bundles()
    near, far = client.get_dataset(NAME), api.get_dataset(NAME, VERSION)
    assert far.to_dict() == near.to_dict()
    asked = [
        {"channel": IMAGES},
        {"channel": IMAGES, "start_time": "2025-06-01T01:00Z", "end_time": "2025-06-01T02:00Z"},
        {"channel": OBJECTS, "metadata": {"camera_id": "front", "lens.wide": True}},
        {"channel": IMAGES, "limit": 17},
    ]
    for question in asked:
        there, here = api.list_files(far, **question), client.list_files(near, **question)
        assert there.to_arrow().equals(here.to_arrow())
        assert there.cursor == here.cursor


def test_long_lists_come_page_by_page(
    api: DataIndexClient, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    monkeypatch.setattr(http_source, "PAGE_FILES", 50)
    files = api.list_files(NAME, VERSION, IMAGES)
    assert [file.file_id for file in files] == [f"img_{at:06}" for at in range(255)]
    assert sum("/files" in path for path in faults.seen) == 6


def test_streams_are_the_same(api: DataIndexClient, client: DataIndexClient) -> None:
    for question in ({}, {"channel": IMAGES}, {"metadata": {"camera_id": "rear"}}):
        there = list(api.stream_data(NAME, VERSION, 40, **question))
        here = list(client.stream_data(NAME, VERSION, 40, **question))
        assert [one.to_dicts() for one in there] == [one.to_dicts() for one in here]
        assert [one.channel for one in there] == [one.channel for one in here]
        assert [one.cursor for one in there] == [one.cursor for one in here]


@pytest.mark.parametrize("cuts", [[900], [20_000], [30_000, 100, 60_000], [0, 0]])
@pytest.mark.parametrize("question", [{}, {"channel": IMAGES, "metadata": ["lens.wide=true"]}])
def test_a_stream_that_breaks_off_is_taken_up_again(
    api: DataIndexClient, faults: Faults, cuts: list[int], question: dict[str, object]
) -> None:
    whole = [one.to_dicts() for one in api.stream_data(NAME, VERSION, 20, **question)]
    faults.cut_after = [cut for cut in cuts if cut < 20_000] if question else list(cuts)
    broken = list(api.stream_data(NAME, VERSION, 20, **question))
    assert [one.to_dicts() for one in broken] == whole


def test_a_stream_that_brings_nothing_is_given_up(api: DataIndexClient, faults: Faults) -> None:
    faults.cut_after = [10] * (http_source.RESUMES_MAX + 1)
    with pytest.raises(Unavailable, match="does not answer"):
        list(api.stream_data(NAME, VERSION))


def test_a_busy_server_is_asked_again(api: DataIndexClient, faults: Faults) -> None:
    faults.statuses = [503, 429, 503]
    assert api.get_dataset(NAME).version == VERSION
    assert len(faults.seen) == 4


def test_a_server_that_stays_busy_is_given_up(address: str, faults: Faults) -> None:
    faults.statuses = [503] * 3
    with DataIndexClient(address, retries=2) as client, pytest.raises(Unavailable):
        client.get_dataset(NAME)


def test_files_come_from_where_they_lie(
    api: DataIndexClient, lake: Lake, tmp_path: Path, faults: Faults
) -> None:
    files = api.list_files(NAME, VERSION, OBJECTS)
    done = api.download(files, tmp_path / "out")
    assert (done.fetched, done.failed) == (60, ())
    for row in lake.objects:
        assert (tmp_path / "out" / row.relative_path).read_bytes() == lake.bytes_of(row)
    assert sum("/download" in path for path in faults.seen) == 1, "all addresses in one answer"
    assert api.open(files[5]).read() == lake.bytes_of(lake.objects[5])


def test_a_folder_that_is_not_here_says_so(
    api: DataIndexClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "_local_file", lambda link: None)
    done = api.download(api.list_files(NAME, VERSION, OBJECTS, limit=2), tmp_path)
    assert [one.error.code for one in done.failed] == ["not_on_this_machine"] * 2


def test_training_through_the_api_is_training_from_the_store(
    api: DataIndexClient, client: DataIndexClient
) -> None:
    for question in ({}, {"metadata": {"camera_id": "front"}}, {"start_time": "2025-06-01T02:00Z"}):
        there = api.iterate(NAME, VERSION, channel=IMAGES, shuffle_seed=5, shard=(1, 3), **question)
        here = client.iterate(
            NAME, VERSION, channel=IMAGES, shuffle_seed=5, shard=(1, 3), **question
        )
        assert [one.to_dicts() for one in there] == [one.to_dicts() for one in here]


def test_errors_are_the_same_as_from_the_store(
    api: DataIndexClient, client: DataIndexClient
) -> None:
    for ask, kind in (
        (lambda one: one.get_dataset("foundational_modell"), NotFound),
        (lambda one: one.get_dataset(NAME, "v9.9.9"), NotFound),
        (lambda one: one.get_dataset(NAME, "soon"), InvalidInput),
        (lambda one: one.list_files(NAME, VERSION, "imges"), NotFound),
        (lambda one: one.list_files(NAME, VERSION, IMAGES, cursor="x"), InvalidInput),
    ):
        told = []
        for one in (api, client):
            with pytest.raises(kind) as caught:
                ask(one)
            told.append((type(caught.value), caught.value.code))
        assert told[0] == told[1]


def test_an_address_that_is_no_api_says_so(tmp_path: Path) -> None:
    client = DataIndexClient("http://127.0.0.1:9", retries=0)
    with client, pytest.raises(Unavailable, match="does not answer"):
        client.get_dataset(NAME)


def test_a_cursor_of_another_revision_is_a_conflict(
    api: DataIndexClient,
) -> None:
    from opendata.wire.cursor import encode_cursor

    stale = encode_cursor("0" * 64, IMAGES, 3)
    with pytest.raises(Conflict):
        api.list_files(NAME, VERSION, IMAGES, cursor=stale)


def test_the_token_is_sent_and_its_lack_is_told(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults()
    with serving(lake.store, faults) as url:
        monkeypatch.setenv("OPENDATA_API_KEY", "a-token")
        DataIndexClient(url).get_dataset(NAME)
        assert faults.tokens == ["Bearer a-token"]
        faults.statuses = [401]
        with pytest.raises(Denied, match="401"):
            DataIndexClient(url).get_dataset(NAME)
