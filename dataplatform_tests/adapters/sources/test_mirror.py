"""A mirror answers in place of the live source, from a folder or a URL, and never falls through."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplatform.adapters.sources.http import HttpSettings
from dataplatform.adapters.sources.web import WebSources
from dataplatform.datasets.fetching import SourceAnswer, SourceRequest
from dataplatform.datasets.mirror import mirror_path
from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable

LIVE = "https://data.example/rates/xml?year=2022&key=***"
XML = b"<?xml version='1.0'?><feed/>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recorded = tmp_path / "mirror" / mirror_path(LIVE)
    recorded.parent.mkdir(parents=True)
    recorded.write_bytes(XML)
    return tmp_path / "mirror"


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    handler = functools.partial(QuietFiles, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def ask(mirror: str, target: Path, url: str = LIVE, *, html: bool = False) -> SourceAnswer:
    request = SourceRequest(
        url=url.replace("***", "s3cret"),
        public_url=url,
        timeout_seconds=5,
        mirror=mirror,
        html=html,
    )
    settings = HttpSettings(attempts=2, backoff_seconds=0, host_interval_seconds=0)
    return WebSources(settings).fetch(request, str(target))


def test_a_folder_answers_under_the_public_address(folder: Path, tmp_path: Path) -> None:
    answer = ask(str(folder), tmp_path / "body")

    assert (tmp_path / "body").read_bytes() == XML
    assert (answer.url, answer.status, answer.mirrored) == (LIVE, 200, True)
    assert answer.size_bytes == len(XML)


def test_a_producer_gets_a_copy_and_cannot_spoil_the_mirror(folder: Path, tmp_path: Path) -> None:
    Path(ask(str(folder), tmp_path / "body").path).write_bytes(b"spoilt")

    assert (folder / mirror_path(LIVE)).read_bytes() == XML


@pytest.mark.requirement("S1-86")
def test_a_missing_answer_names_the_file_that_was_looked_for(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable) as failed:
        ask(str(folder), tmp_path / "body", "https://data.example/other.csv")

    assert str(folder / "data.example/other.csv") in str(failed.value)
    assert "unset OPENDATA_MIRROR" in str(failed.value.hint)


def test_a_recorded_page_is_still_no_data(folder: Path, tmp_path: Path) -> None:
    (folder / mirror_path(LIVE)).write_bytes(b"<!doctype html><title>Moved</title>")

    with pytest.raises(ProducerFailed, match="web page") as failed:
        ask(str(folder), tmp_path / "body")
    assert failed.value.failure_class is FailureClass.PARSE
    assert ask(str(folder), tmp_path / "body", html=True).mirrored


def test_a_folder_cannot_be_left(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"private")

    for url in ("https://../outside", "https://data.example/../../outside"):
        with pytest.raises((ProducerFailed, SourceUnavailable)):
            ask(str(folder), tmp_path / "body", url)


@pytest.mark.platform
def test_a_served_mirror_answers_as_its_folder_does(
    folder: Path, address: str, tmp_path: Path
) -> None:
    served = ask(address + "/", tmp_path / "served")

    assert (tmp_path / "served").read_bytes() == XML
    assert (served.url, served.mirrored) == (LIVE, True)
    assert served.sha256 == ask(str(folder), tmp_path / "copied").sha256


@pytest.mark.platform
def test_a_served_mirror_names_the_address_that_it_lacks(address: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=f"looked for {address}/data.example/other.csv"):
        ask(address, tmp_path / "body", "https://data.example/other.csv")
