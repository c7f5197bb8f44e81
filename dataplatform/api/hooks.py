"""Webhooks: a push that is told by the spec repository's side (requirements S0-7…S0-10, B5).

Here belong who may tell it and the shape of the message; what follows from it is the feature's
(`bundles.ingress`). Who knows the secret signs the body's bytes (HMAC-SHA256, as GitHub does), so
no token is needed. The message asks for nothing that its repetition would do twice; all the same a
delivery that has a number, or a signed time, is taken once and within five minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Protocol

import msgspec

from dataplatform.api.endpoint import JSON, Body, Call, Endpoint, Reply, Response
from dataplatform.api.failures import without_token
from dataplatform.ports import Clock
from opendata.wire.errors import Denied, InvalidInput

PATH: Final = "/api/v1/hooks/bundle"
SIGNATURE: Final = "x-hub-signature-256"
TIMESTAMP: Final = "x-opendata-timestamp"
DELIVERY: Final = "x-github-delivery"
EVENT: Final = "x-github-event"
BODY_BYTES_MAX: Final = 64 << 10
WINDOW_SECONDS: Final = 300
DELIVERIES_MAX: Final = 4096
SECRET_BYTES_MIN: Final = 16
_PREFIX: Final = "sha256="
_DELIVERY_CHARS_MAX: Final = 128
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Accepted(Protocol):
    """What the feature says came of a message."""

    def to_json(self) -> dict[str, Any]:
        """As it is answered."""
        ...


Delivery = tuple[str, bytes]
Accept = Callable[[Mapping[str, Any]], Accepted]


class BundlePayload(Body, frozen=True, kw_only=True):
    """What was pushed (S0-10). `bundle_file` is one path, several as lines, or a list."""

    bundle_file: str | list[str]
    spec_repo_commit: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}([0-9a-f]{24})?$")]
    bundle_type: str | None = None
    bundle_name: str | None = None


class DispatchPayload(Body, frozen=True, kw_only=True):
    """A repository dispatch (S0-9); GitHub's own webhook calls `event_type` `action`."""

    client_payload: BundlePayload
    event_type: str = "generate-data-index"


class AskedFile(msgspec.Struct, frozen=True):
    """What came of one file. `outcome`: `launched` (a run was asked for now), `known` (before),
    `left_to_sensor` (the control room is away; it asks itself later), `deleted`."""

    bundle_file: str
    outcome: str
    spec_repo_commit: str | None
    run_id: str | None
    reason: str | None


class HookAnswer(msgspec.Struct, frozen=True):
    """What came of a message, file by file."""

    commit: str
    files: list[AskedFile]


class BundleHook:
    """Takes signed messages and hands them on.

    Args:
        secret: What both sides know; None refuses every message.
        accept: The feature's verb.
    """

    def __init__(
        self,
        secret: bytes | None,
        accept: Accept,
        now: Clock,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = secret
        self._accept = accept
        self._now = now
        self._taken = _Deliveries(clock)

    def handle(self, call: Call) -> Reply:
        """Check a message and ask for its runs.

        Raises:
            Denied: without a secret, without a signature (401), or with one that is not the body's.
            InvalidInput: for a body that is no such message.
        """
        self._check(call)
        if call.header(EVENT) == "ping":
            return _json({"pong": True}, 200)
        delivery = _named(call.header(DELIVERY), call.raw_body)
        before = self._taken.get(delivery)
        if before is not None:
            return _json(before, 202)
        told = self._accept(_payload(call.raw_body)).to_json()
        self._taken.put(delivery, told)
        return _json(told, 202)

    def _check(self, call: Call) -> None:
        if self._secret is None:
            raise Denied(
                "this service takes no webhooks: it has no secret to check them by",
                code="hooks_off",
                hint="export OPENDATA_HOOK_SECRET=env:NAME or file:PATH, then start it again",
            )
        sent = call.header(SIGNATURE)
        if not sent:
            raise without_token(
                f"the signature is missing: send {SIGNATURE}: sha256=<hex HMAC of the body>"
            )
        at = call.header(TIMESTAMP)
        signed = f"{at}.".encode() + call.raw_body if at else call.raw_body
        wanted = _PREFIX + hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(sent.encode("latin-1"), wanted.encode()):
            raise Denied(
                "the signature is not that of this body",
                code="bad_signature",
                hint="both sides need the same secret, and the body must be signed as it is sent",
            )
        if at:
            self._check_time(at)

    def _check_time(self, at: str) -> None:
        try:
            seconds = int(at)
        except ValueError:
            raise InvalidInput(f"{TIMESTAMP} is no number of seconds", code="bad_header") from None
        now = int(self._now().timestamp())  # whole, since no fraction reaches as far as numbers do
        if abs(now - seconds) > WINDOW_SECONDS:
            raise Denied(
                f"the message was signed more than {WINDOW_SECONDS // 60} minutes from now",
                code="late_delivery",
                hint="compare the clocks of both machines; send it again with a new signature",
            )


class _Deliveries:
    """What was answered to deliveries that have a number, for as long as one may be repeated."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: OrderedDict[Delivery, tuple[float, dict[str, Any]]] = OrderedDict()

    def get(self, delivery: Delivery) -> dict[str, Any] | None:
        """The earlier answer, if there was one a moment ago."""
        with self._lock:
            at, answer = self._answers.get(delivery, (0.0, None))
        return answer if answer is not None and self._clock() - at < WINDOW_SECONDS else None

    def put(self, delivery: Delivery, answer: dict[str, Any]) -> None:
        """Remember an answer; a delivery without a number is not remembered."""
        if not delivery[0]:
            return
        with self._lock:
            self._answers[delivery] = (self._clock(), answer)
            while len(self._answers) > DELIVERIES_MAX:
                self._answers.popitem(last=False)


def _named(number: str, body: bytes) -> Delivery:
    """A delivery's number and its body: the number is not signed, so it says nothing alone."""
    return number[:_DELIVERY_CHARS_MAX], hashlib.sha256(body).digest()


def _payload(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except _UNREADABLE as error:
        raise InvalidInput(
            f"the body is no JSON object: {error}", code="invalid_payload"
        ) from error


def _json(value: Any, status: int) -> Reply:
    headers = {"content-type": JSON, "cache-control": "no-store"}
    return Reply(msgspec.json.encode(value), status, headers)


def hook_endpoints(hook: BundleHook) -> list[Endpoint]:
    """The endpoint of webhooks."""
    return [
        Endpoint(
            "POST",
            PATH,
            "bundle_hook",
            "Tell that a bundle's spec was pushed",
            hook.handle,
            {
                200: Response("The answer to GitHub's `ping`."),
                202: Response("What was asked for.", HookAnswer),
            },
            body_bytes_max=BODY_BYTES_MAX,
            raw_bodies=(DispatchPayload, BundlePayload),
            failures=(401, 404, 409, 413, 422),
            public=True,
            tag="hooks",
            description="Signed with the secret that both sides know: `X-Hub-Signature-256: "
            "sha256=<hex>` is the HMAC-SHA256 of the body's bytes, as GitHub makes it. With "
            "`X-OpenData-Timestamp: <seconds since 1970>` the signature is of that text, a full "
            "stop and the body, and is good for five minutes. Repeating a message asks for "
            "nothing twice.",
        )
    ]
