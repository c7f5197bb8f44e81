"""Live downloads against a source that misbehaves in every way that real ones do."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataplatform.adapters.sources.http import HttpSettings
from dataplatform.adapters.sources.web import WebSources
from dataplatform.datasets.fetching import SourceAnswer, SourceRequest
from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable
from dataplatform_tests.adapters.sources.scripted_server import (
    Gate,
    Server,
    body,
    redirect,
    scripted_server,
    status,
    truncated,
    truncated_chunks,
)

pytestmark = [pytest.mark.platform]

CSV = b"date,rate\n2024-01-02,1.0956\n"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EAGER = HttpSettings(
    attempts=3,
    backoff_seconds=0.01,
    read_seconds=0.5,
    host_interval_seconds=0,
    max_redirects=5,
    max_bytes=50_000,
)


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "body"


def fetch(
    url: str,
    target: Path,
    *,
    html: bool = False,
    timeout_seconds: float = 20.0,
    headers: dict[str, str] | None = None,
    settings: HttpSettings = EAGER,
) -> SourceAnswer:
    request = SourceRequest(
        url=url,
        public_url=url,
        timeout_seconds=timeout_seconds,
        headers=headers or {},
        html=html,
    )
    return WebSources(settings, clock=lambda: NOW).fetch(request, str(target))


@pytest.mark.requirement("S1-86")
def test_a_source_is_saved_with_its_digest(server: Server, target: Path) -> None:
    url = server.script("/rates.csv", body(CSV))

    answer = fetch(url, target)

    assert target.read_bytes() == CSV
    assert answer == SourceAnswer(
        url=url,
        status=200,
        headers=answer.headers,
        path=str(target),
        sha256=f"sha256:{hashlib.sha256(CSV).hexdigest()}",
        size_bytes=len(CSV),
        fetched_at=NOW,
        mirrored=False,
    )
    assert answer.headers["content-type"] == "text/csv"


def test_headers_reach_the_source(server: Server, target: Path) -> None:
    url = server.script("/rates.csv", body(CSV))

    fetch(url, target, headers={"X-Key": "abc", "User-Agent": "me"})

    _, seen = server.seen[0]
    assert (seen["X-Key"], seen["User-Agent"]) == ("abc", "me")


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_busy_source_is_asked_again(server: Server, target: Path, code: int) -> None:
    url = server.script("/rates.csv", status(code), status(code), body(CSV))

    assert fetch(url, target).size_bytes == len(CSV)
    assert server.asked("/rates.csv") == 3


@pytest.mark.requirement("S1-86")
def test_a_source_that_stays_down_is_a_network_failure(server: Server, target: Path) -> None:
    url = server.script("/rates.csv", status(503))

    with pytest.raises(
        SourceUnavailable, match="answers 503 Service Unavailable after 3"
    ) as failed:
        fetch(url, target)

    assert failed.value.retryable
    assert failed.value.details == {"url": url, "status": 503, "attempts": 3}
    assert "OPENDATA_MIRROR" in str(failed.value.hint)


def test_retry_after_is_waited_for(server: Server, target: Path) -> None:
    url = server.script("/rates.csv", status(429, Retry_After="0.3"), body(CSV))
    assert fetch(url, target).status == 200

    url = server.script("/whole.csv", status(429, Retry_After="1"), body(CSV))
    assert fetch(url, target).status == 200


def test_a_source_that_asks_for_more_time_than_there_is_fails_at_once(
    server: Server, target: Path
) -> None:
    url = server.script("/rates.csv", status(429, Retry_After="3600"))

    with pytest.raises(SourceUnavailable, match=r"after 1 attempt; it asks to wait 3600 s more"):
        fetch(url, target, timeout_seconds=5)

    assert server.asked("/rates.csv") == 1


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize("broken", [truncated(CSV, 1000), truncated_chunks(CSV)])
def test_a_body_that_breaks_off_is_fetched_again(
    server: Server, target: Path, broken: object
) -> None:
    url = server.script("/rates.csv", broken, body(CSV))  # type: ignore[arg-type]

    assert fetch(url, target).size_bytes == len(CSV)
    assert target.read_bytes() == CSV


def test_a_body_that_always_breaks_off_is_never_taken_for_whole(
    server: Server, target: Path
) -> None:
    url = server.script("/rates.csv", truncated(CSV, 1000))

    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        fetch(url, target)


@pytest.mark.requirement("S1-86")
def test_nobody_listening_is_a_network_failure(server: Server, target: Path) -> None:
    with scripted_server() as gone:
        url = f"{gone.root}/rates.csv"

    with pytest.raises(
        SourceUnavailable, match=r"cannot be reached \(.*refused\) after 3"
    ) as failed:
        fetch(url, target)

    assert "object at 0x" not in str(failed.value)


@pytest.mark.parametrize("slow", ["silent", "trickling"])
def test_a_slow_source_costs_no_more_than_the_time_it_has(
    server: Server, target: Path, slow: str
) -> None:
    gate = Gate()
    url = server.script("/rates.csv", getattr(gate, slow)())

    with pytest.raises(SourceUnavailable):
        fetch(url, target, timeout_seconds=0.6)

    gate.opened.set()


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    ("code", "failure_class"),
    [
        (401, FailureClass.PERMISSION),
        (403, FailureClass.PERMISSION),
        (404, FailureClass.PARSE),
        (410, FailureClass.PARSE),
    ],
)
def test_a_plain_no_is_not_asked_again(
    server: Server, target: Path, code: int, failure_class: FailureClass
) -> None:
    url = server.script("/rates.csv", status(code))

    with pytest.raises(ProducerFailed, match=f"answers {code}") as failed:
        fetch(url, target)

    assert failed.value.failure_class is failure_class
    assert failed.value.details["status"] == code
    assert server.asked("/rates.csv") == 1


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize(
    "page",
    [
        body(b"<html><head><title>Please\n log in</title>", "text/html; charset=utf-8"),
        body(b"\xef\xbb\xbf\n<!DOCTYPE html><title>Please log in</title>", "text/csv"),
        body(b"<!-- v2 --><HTML><TITLE>Please log in</TITLE>", "application/octet-stream"),
    ],
)
def test_a_page_instead_of_data_is_a_parse_failure_with_its_title(
    server: Server, target: Path, page: object
) -> None:
    url = server.script("/rates.csv", page)  # type: ignore[arg-type]

    with pytest.raises(ProducerFailed, match=r"web page \('Please log in'\)") as failed:
        fetch(url, target)

    assert failed.value.failure_class is FailureClass.PARSE


def test_a_page_that_is_asked_for_is_data(server: Server, target: Path) -> None:
    url = server.script("/list", body(b"<html>list</html>", "text/html"))

    assert fetch(url, target, html=True).size_bytes == 17


def test_redirects_are_followed_and_the_end_is_told(server: Server, target: Path) -> None:
    end = server.script("/v2/rates.csv", body(CSV))
    url = server.script("/rates.csv", redirect("/v1/rates.csv", 301))
    server.script("/v1/rates.csv", redirect(end, 308))

    assert fetch(url, target).url == end


def test_a_redirect_without_end_is_refused(server: Server, target: Path) -> None:
    url = server.script("/rates.csv", redirect("/rates.csv"))

    with pytest.raises(ProducerFailed, match="redirects more than 5 times"):
        fetch(url, target)

    assert server.asked("/rates.csv") == 6


def test_a_key_does_not_follow_a_redirect_to_somebody_else(server: Server, target: Path) -> None:
    with scripted_server() as other:
        end = other.script("/rates.csv", body(CSV))
        url = server.script("/rates.csv", redirect(end))

        fetch(url, target, headers={"X-Key": "abc"})

        assert "X-Key" not in other.seen[0][1]


@pytest.mark.parametrize(
    "inside",
    ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://0.0.0.0/"],
)
def test_a_source_cannot_lead_to_the_machines_credentials(
    server: Server, target: Path, inside: str
) -> None:
    url = server.script("/rates.csv", redirect(inside))

    for address in (url, inside):
        with pytest.raises(ProducerFailed, match="may not lead to") as failed:
            fetch(address, target)
        assert failed.value.failure_class is FailureClass.PERMISSION


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "rates.csv", "http://[bad/"])
def test_only_the_web_is_fetched(target: Path, url: str) -> None:
    with pytest.raises(ProducerFailed, match="no web address"):
        fetch(url, target)


def test_a_redirect_out_of_the_web_is_refused(server: Server, target: Path) -> None:
    url = server.script("/rates.csv", redirect("file:///etc/passwd"))

    with pytest.raises(ProducerFailed, match="redirects from http to file"):
        fetch(url, target)


@pytest.mark.parametrize(
    "flood",
    [
        body(b"x" * 60_000),
        body(gzip.compress(b"x" * 10_000_000), Content_Encoding="gzip"),
        truncated_chunks(b"x" * 60_000),
    ],
)
def test_more_bytes_than_allowed_are_not_taken(server: Server, target: Path, flood: object) -> None:
    url = server.script("/rates.csv", flood)  # type: ignore[arg-type]

    with pytest.raises(ProducerFailed, match="more than the 50,000 bytes"):
        fetch(url, target)


def test_a_packed_transfer_arrives_unpacked(server: Server, target: Path) -> None:
    url = server.script("/rates.csv", body(gzip.compress(CSV), Content_Encoding="gzip"))

    assert fetch(url, target).size_bytes == len(CSV)


@pytest.mark.requirement("S1-86")
def test_a_full_disk_is_our_failure(server: Server) -> None:
    url = server.script("/rates.csv", body(CSV))

    with pytest.raises(ProducerFailed, match="did not fit on the disk") as failed:
        fetch(url, Path("/dev/full"))

    assert failed.value.failure_class is FailureClass.UPLOAD


def test_the_machines_proxy_is_used(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.root)
    server.script("http://data.example/rates.csv", body(CSV))

    assert fetch("http://data.example/rates.csv", target).size_bytes == len(CSV)
