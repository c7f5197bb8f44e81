"""Webhooks: who may tell of a push, and that telling it twice does nothing twice."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dataplatform.api.service import hook_secret
from dataplatform.bundles.ingress import accept
from dataplatform_tests.api.site import Site, TestClient
from dataplatform_tests.fakes.control_room import FakeControlRoom
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from opendata.wire.errors import Denied, InvalidInput, OpenDataError, Unavailable

HOOK = "/api/v1/hooks/bundle"
SECRET = b"a secret of both sides"
PAYLOAD: dict[str, Any] = {
    "event_type": "generate-data-index",
    "client_payload": {
        "bundle_file": "bundles/weekly/foundational_model-v1.0.0-2025.25.yaml",
        "bundle_type": "weekly",
        "bundle_name": "foundational_model-v1.0.0-2025.25",
        "spec_repo_commit": "a" * 40,
    },
}


@dataclass
class Told:
    """What the feature would answer."""

    commit: str

    def to_json(self) -> dict[str, Any]:
        return {"commit": self.commit, "files": []}


@dataclass
class Ingress:
    """Remembers what it was handed."""

    taken: list[Mapping[str, Any]] = field(default_factory=list)
    fails: OpenDataError | None = None

    def __call__(self, payload: Mapping[str, Any]) -> Told:
        if self.fails:
            raise self.fails
        self.taken.append(payload)
        return Told("a" * 40)


@pytest.fixture
def ingress() -> Ingress:
    return Ingress()


def signed(body: bytes, secret: bytes = SECRET, at: str = "") -> dict[str, str]:
    text = f"{at}.".encode() + body if at else body
    digest = hmac.new(secret, text, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}"} | (
        {"x-opendata-timestamp": at} if at else {}
    )


def post(client: TestClient, body: bytes, headers: dict[str, str]) -> Any:
    return client.post(HOOK, content=body, headers={"content-type": "application/json", **headers})


BODY = json.dumps(PAYLOAD).encode()


@pytest.mark.requirement("S0-7", "S0-8", "S0-10", "B5")
def test_a_signed_push_is_handed_on(ingress: Ingress) -> None:
    with Site().serving(hook_secret=SECRET, accept=ingress) as client:
        answer = post(client, BODY, signed(BODY))
    assert (answer.status_code, answer.json()) == (202, {"commit": "a" * 40, "files": []})
    assert ingress.taken == [PAYLOAD]


@pytest.mark.requirement("S0-8")
def test_a_push_that_is_not_signed_by_who_knows_the_secret_is_refused(ingress: Ingress) -> None:
    good = signed(BODY)["x-hub-signature-256"]
    with Site().serving(hook_secret=SECRET, accept=ingress) as client:
        assert post(client, BODY, {}).status_code == 401
        for wrong in (
            signed(BODY, b"another secret, which is wrong"),
            signed(BODY + b" "),
            {"x-hub-signature-256": good.removeprefix("sha256=")},
            {"x-hub-signature-256": good[:-1]},
            {"x-hub-signature-256": good.upper()},
            {"x-hub-signature-256": "sha256="},
        ):
            answer = post(client, BODY, wrong)
            assert (answer.status_code, answer.json()["code"]) == (403, "bad_signature")
        assert client.post(HOOK, headers={"authorization": "Bearer x"}).status_code == 401
    with Site().serving(accept=ingress) as client:
        assert post(client, BODY, signed(BODY)).json()["code"] == "hooks_off"
    assert ingress.taken == []


def test_a_signed_time_is_good_for_five_minutes(ingress: Ingress) -> None:
    site = Site()
    now = site.bundles.now().timestamp()
    with site.serving(hook_secret=SECRET, accept=ingress) as client:
        assert post(client, BODY, signed(BODY, at=str(int(now)))).status_code == 202
        for seconds in (-400, 400):
            answer = post(client, BODY, signed(BODY, at=str(int(now) + seconds)))
            assert (answer.status_code, answer.json()["code"]) == (403, "late_delivery")
        assert post(client, BODY, signed(BODY, at="noon")).status_code == 400
        moved = signed(BODY, at=str(int(now) - 400)) | {"x-opendata-timestamp": str(int(now))}
        assert post(client, BODY, moved).json()["code"] == "bad_signature"
    assert len(ingress.taken) == 1


def test_a_delivery_is_taken_once_and_one_that_failed_again(ingress: Ingress) -> None:
    numbered = {**signed(BODY), "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    with Site().serving(hook_secret=SECRET, accept=ingress) as client:
        ingress.fails = Unavailable("the store is away")
        assert post(client, BODY, numbered).status_code == 503
        ingress.fails = None
        answers = [post(client, BODY, numbered) for _ in range(3)]
        other = post(client, BODY, {**numbered, "x-github-delivery": "another"})
    assert {answer.status_code for answer in (*answers, other)} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len(ingress.taken) == 2


def test_a_number_that_comes_with_another_body_hides_nothing(ingress: Ingress) -> None:
    with Site().serving(hook_secret=SECRET, accept=ingress) as client:
        for body in (BODY, BODY + b" "):
            post(client, body, {**signed(body), "x-github-delivery": "72d3162e"})
    assert len(ingress.taken) == 2


def test_a_time_beyond_all_numbers_is_late(ingress: Ingress) -> None:
    with Site().serving(hook_secret=SECRET, accept=ingress) as client:
        for at in ("9" * 400, "-" + "9" * 400):
            answer = post(client, BODY, signed(BODY, at=at))
            assert (answer.status_code, answer.json()["code"]) == (403, "late_delivery")


@pytest.mark.requirement("S0-9", "S0-10", "B5")
def test_a_push_becomes_a_run_once_however_often_it_is_told() -> None:
    site, repo, room = Site(), FakeSpecRepo(), FakeControlRoom()
    path = PAYLOAD["client_payload"]["bundle_file"]
    commit = repo.commit({path: "meta: {}"})
    ports = replace(site.bundles, open_spec_repo=lambda: repo)
    told = {**PAYLOAD["client_payload"], "spec_repo_commit": commit}
    body = json.dumps({"event_type": "generate-data-index", "client_payload": told}).encode()
    bare = json.dumps(told).encode()
    with site.serving(hook_secret=SECRET, accept=partial(accept, ports, room)) as client:
        answers = [post(client, one, signed(one)) for one in (body, body, bare)]
        wrong = json.dumps({**told, "spec_repo_commit": "b" * 40}).encode()
        unknown = post(client, wrong, signed(wrong))
        other = json.dumps({"event_type": "something-else", "client_payload": told}).encode()
        refused = post(client, other, signed(other))
    assert [one.json()["files"][0]["outcome"] for one in answers] == ["launched", "known", "known"]
    assert [run.key for run in room.runs] == [f"{commit}:{path}"]
    assert (unknown.status_code, refused.json()["code"]) == (422, "unknown_event")


def test_a_ping_is_answered(ingress: Ingress) -> None:
    body = b'{"zen":"Keep it logically awesome."}'
    with Site().serving(hook_secret=SECRET, accept=ingress) as client:
        answer = post(client, body, {**signed(body), "x-github-event": "ping"})
    assert (answer.status_code, answer.json(), ingress.taken) == (200, {"pong": True}, [])


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 20_000])
def test_a_signed_body_that_is_no_message_is_told_so(ingress: Ingress, body: bytes) -> None:
    with Site().serving(hook_secret=SECRET, accept=ingress) as client:
        answer = post(client, body, signed(body))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_payload")


def test_a_body_beyond_64_kib_is_not_read(ingress: Ingress) -> None:
    body = b" " * (65 << 10)
    with Site().serving(hook_secret=SECRET, accept=ingress) as client:
        assert post(client, body, signed(body)).status_code == 413


@pytest.mark.requirement("S0-8")
def test_the_secret_comes_by_reference_and_is_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "hook.secret"
    path.write_bytes(SECRET + b"\n")
    path.chmod(0o600)
    assert hook_secret({"OPENDATA_HOOK_SECRET": f"file:{path}"}) == SECRET
    assert hook_secret({"OPENDATA_HOOK_SECRET": "env:S", "S": SECRET.decode()}) == SECRET
    assert hook_secret({}) is None
    path.chmod(0o640)
    for environ in (
        {"OPENDATA_HOOK_SECRET": f"file:{path}"},
        {"OPENDATA_HOOK_SECRET": f"file:{tmp_path}/none"},
        {"OPENDATA_HOOK_SECRET": "env:S"},
        {"OPENDATA_HOOK_SECRET": "env:S", "S": "short"},
    ):
        with pytest.raises(Denied):
            hook_secret(environ)
    with pytest.raises(InvalidInput) as error:
        hook_secret({"OPENDATA_HOOK_SECRET": "in-plain-text-by-mistake"})
    assert "plain" not in str(error.value)
