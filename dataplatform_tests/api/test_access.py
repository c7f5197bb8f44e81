"""Who may ask what, and what of a request is told in the log."""

from __future__ import annotations

import io
import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataplatform.api.access import is_loopback
from dataplatform.api.failures import status_of
from dataplatform.api.server import STALLED_SECONDS, listen
from dataplatform.api.tokens import TokenCheck, TokenList, add_token
from dataplatform_tests.api.site import CHANNEL, FILES, NAME, Site
from dataplatform_tests.fakes.stores import Fault, FaultyStore
from dataplatform_tests.reading.file_index.lake import pictures
from opendata.wire import errors
from opendata.wire.errors import Denied, InvalidInput, Unavailable

NOW = datetime(2026, 1, 31, 6, tzinfo=UTC)


@pytest.fixture
def site() -> Site:
    site = Site()
    site.publish()
    site.publish({CHANNEL: pictures(3)}, name="other_model")
    return site


@pytest.fixture
def secrets() -> dict[str, str]:
    return {}


@pytest.fixture
def tokens(secrets: dict[str, str]) -> TokenCheck:
    listed = TokenList()
    listed, secrets["all"] = add_token(listed, "all", now=NOW)
    listed, secrets["some"] = add_token(listed, "some", now=NOW, bundles=["foundational_*"])
    return TokenCheck(listed)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.requirement("S0-37")
def test_without_a_good_token_nothing_is_told(
    site: Site, tokens: TokenCheck, secrets: dict[str, str]
) -> None:
    with site.serving(tokens=tokens) as client:
        for headers in ({}, bearer("od_wrong"), {"authorization": f"Basic {secrets['all']}"}):
            answer = client.get("/api/v1/bundles/no_such", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert client.get(FILES, headers=bearer(secrets["all"])).status_code == 200
        for public in ("/healthz", "/readyz", "/openapi.json"):
            assert client.get(public).status_code == 200


@pytest.mark.requirement("S0-37")
def test_a_token_for_some_bundles_does_not_open_the_others(
    site: Site, tokens: TokenCheck, secrets: dict[str, str]
) -> None:
    with site.serving(tokens=tokens) as client:
        whole, some = bearer(secrets["all"]), bearer(secrets["some"])
        for _ in range(2):  # also where the page is kept
            assert client.get("/api/v1/bundles/other_model/files", headers=whole).status_code == 200
            answer = client.get("/api/v1/bundles/other_model/files", headers=some)
            assert (answer.status_code, answer.json()["code"]) == (403, "bundle_not_granted")
        missing = client.get("/api/v1/bundles/no_such", headers=some)
        assert missing.status_code == 403, "whether it exists is not told"
        listed = client.get("/api/v1/bundles", headers=some).json()["bundles"]
        assert [one["name"] for one in listed] == [NAME]
        assert client.get("/api/v1/channels", headers=some).status_code == 403
        assert client.get("/api/v1/channels", headers=whole).status_code == 200


def test_a_token_is_told_no_name_that_it_does_not_open(site: Site) -> None:
    listed, secret = add_token(TokenList(), "some", now=NOW, bundles=["*_mode", "foundational_*"])
    with site.serving(tokens=TokenCheck(listed)) as client:
        for near in ("other_mode", "foundational_modl"):
            answer = client.get(f"/api/v1/bundles/{near}", headers=bearer(secret))
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_bundle")
            assert "other_model" not in answer.text
            assert "/api/v1/bundles" in answer.json()["hint"]


def test_without_tokens_only_this_machine_is_answered(site: Site) -> None:
    with site.serving() as client:
        for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[::2]:1"):
            answer = client.get(FILES, headers={"host": host})
            assert (answer.status_code, answer.json()["code"]) == (403, "wrong_host")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("127.9.9.9", True),
     ("0.0.0.0", False), ("::", False), ("example.org", False), ("10.0.0.1", False)],
)  # fmt: skip
def test_loopback_is_known(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has it")
def test_a_reader_that_takes_nothing_is_let_go_of() -> None:
    with (
        listen("127.0.0.1", 0, has_tokens=False) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        held = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert held == STALLED_SECONDS * 1000


def test_a_service_without_tokens_listens_on_loopback_alone() -> None:
    with pytest.raises(Denied, match="everybody"):
        listen("0.0.0.0", 0, has_tokens=False)
    with listen("127.0.0.1", 0, has_tokens=False) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(Unavailable) as error:
            listen("127.0.0.1", port, has_tokens=False)
        assert error.value.code == "port_taken"
    with listen("0.0.0.0", 0, has_tokens=True) as listening:
        assert listening.getsockname()[0] == "0.0.0.0"
    with pytest.raises(InvalidInput):
        listen("no host at all", 0, has_tokens=True)


def test_the_log_tells_of_every_request_and_of_no_token(
    site: Site, tokens: TokenCheck, secrets: dict[str, str]
) -> None:
    log = io.StringIO()
    sent = {**bearer(secrets["all"]), "x-request-id": "from-the-client-1"}
    with site.serving(tokens=tokens, log=log) as client:
        answer = client.get(FILES, params={"limit": 1}, headers=sent)
        client.get("/nowhere%0A{}", headers=sent)
        client.get(FILES)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(one["status"], one["token"], one["error"]) for one in lines] == [
        (200, "all", None), (404, "all", None), (401, "-", "unauthenticated"),
    ]  # fmt: skip
    assert lines[0]["id"] == answer.headers["x-request-id"] == "from-the-client-1"
    assert lines[0]["sent"] == len(answer.content) and lines[0]["query"] == "limit=1"
    assert lines[1]["path"] == "/nowhere\n{}"
    assert lines[2]["id"] != lines[0]["id"]
    assert secrets["all"] not in log.getvalue()


def test_what_a_client_calls_its_request_is_not_taken_over_blindly(site: Site) -> None:
    with site.serving() as client:
        for name in ("short", "x" * 65, "with blank in it", 'a"b"c"d"e"'):
            answer = client.get("/healthz", headers={"x-request-id": name})
            assert answer.headers["x-request-id"] != name


def test_a_fault_of_the_service_gets_out_in_the_log_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("at /secret/path")

    monkeypatch.setattr("dataplatform.api.bundles.read_bundle_catalogue", broken)
    with site.serving() as client:
        answer = client.get("/api/v1/bundles")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in caplog.text and "at /secret/path" in caplog.text


@pytest.mark.parametrize(
    "kind",
    [errors.InvalidInput, errors.NotFound, errors.Conflict, errors.Rejected, errors.Corrupt,
     errors.Unavailable],
)  # fmt: skip
def test_every_error_has_the_status_of_its_category(kind: type[errors.OpenDataError]) -> None:
    assert status_of(kind("what")) == kind.http_status


def test_what_the_service_itself_is_denied_is_no_fault_of_the_client(site: Site) -> None:
    refusing = FaultyStore(
        site.store, [Fault("get", times=9, error=lambda: Denied("the bucket refuses the key"))]
    )
    with Site(refusing).serving() as client:
        answer = client.get(FILES)
    assert (answer.status_code, answer.json()["category"]) == (503, "denied")
    assert answer.headers["retry-after"]
    assert status_of(Denied("that bundle", code="bundle_not_granted")) == 403


def test_an_address_that_is_none_is_told_in_the_same_words(site: Site, tmp_path: Path) -> None:
    with site.serving() as client:
        gone = client.get("/api/v2/bundles")
        slash = client.get("/api/v1/bundles/")
        wrong = client.request("DELETE", f"/api/v1/bundles/{NAME}/download")
        head = client.head(FILES)
    assert gone.json()["code"] == "no_endpoint" and gone.headers["x-request-id"]
    assert slash.status_code == 404
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, POST")
    assert head.status_code == 200 and head.headers["etag"]
