"""Errors as HTTP: the one place that decides which status an error has and what of it is told.

An error of the tree is answered as its `to_json()` with the request's id; anything else is logged
under that id and answered without a word of what it was.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from dataplatform.api.endpoint import JSON, Reply
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Unavailable

UNAUTHENTICATED: Final = "unauthenticated"
METHOD: Final = "method_not_allowed"
TOO_LARGE: Final = "body_too_large"
NOT_JSON: Final = "unsupported_media_type"
OVERLOADED: Final = "overloaded"
RETRY_SECONDS: Final = 2

_STATUS_OF_CODE: Final = {UNAUTHENTICATED: 401, METHOD: 405, TOO_LARGE: 413, NOT_JSON: 415}
OF_THE_CLIENT: Final = frozenset(
    {"bundle_not_granted", "wrong_host", "hooks_off", "bad_signature", "late_delivery"}
)
"""What the client is denied. Any other denial is the service's own: its store or its repository
refuses it, and no client's token mends that."""


class Failure(msgspec.Struct, frozen=True):
    """What is answered in place of a result. `code` is stable; `hint` is what to do about it."""

    category: str
    code: str
    message: str
    hint: str | None
    retryable: bool
    details: dict[str, Any]
    request_id: str


def status_of(error: OpenDataError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, Denied) and error.code not in {*OF_THE_CLIENT, UNAUTHENTICATED}:
        return Unavailable.http_status
    return _STATUS_OF_CODE.get(error.code, error.http_status)


def failure_reply(error: OpenDataError, request_id: str) -> Reply:
    """The answer that an error is."""
    status = status_of(error)
    headers = {"content-type": JSON, "cache-control": "no-store"}
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="opendata"'
    if status == 405:
        headers["allow"] = ", ".join(error.details.get("allowed", ()))
    if status == Unavailable.http_status:
        headers["retry-after"] = str(RETRY_SECONDS)
    told = error.to_json() | {"request_id": request_id}
    return Reply(msgspec.json.encode(told, enc_hook=str), status, headers)


def unexpected_reply(request_id: str) -> Reply:
    """The answer where the service itself is at fault."""
    failure = Failure(
        category="error",
        code="internal",
        message="the service failed on this request; its log says why under the request's id",
        hint=None,
        retryable=False,
        details={},
        request_id=request_id,
    )
    return Reply(msgspec.json.encode(failure), 500, {"content-type": JSON})


def no_such_path(path: str) -> OpenDataError:
    """For an address that no endpoint has."""
    return NotFound(
        f"there is nothing at {path[:200]}",
        code="no_endpoint",
        hint="GET /openapi.json describes every endpoint",
    )


def wrong_method(path: str, allowed: list[str]) -> OpenDataError:
    """For a method that an address does not have."""
    return InvalidInput(
        f"{path[:200]} answers {', '.join(allowed)}", code=METHOD, details={"allowed": allowed}
    )


def body_too_large(limit: int) -> OpenDataError:
    """For a body beyond what the endpoint takes."""
    return InvalidInput(
        f"the body has more than {limit:,} bytes", code=TOO_LARGE, details={"bytes_max": limit}
    )


def without_token(reason: str, hint: str | None = None) -> OpenDataError:
    """For a request that does not show who asks."""
    return Denied(reason, code=UNAUTHENTICATED, hint=hint)
