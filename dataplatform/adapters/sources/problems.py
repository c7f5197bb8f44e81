"""The sentences in which a download says what went wrong, each with its class and a way out.

Here belong the errors of live downloads as values. When they are raised stands in `http`.
"""

from __future__ import annotations

import re

from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import HTTPError

from dataplatform.datasets.fetching import SourceRequest, failure_class_of_status
from dataplatform.errors import FailureClass, ProducerFailed, SourceUnavailable

TRY_LATER = (
    "the source may be down: try again later, or answer it from recorded bytes with OPENDATA_MIRROR"
)
_CONNECTION_NAME = re.compile(r"^(?:<[^>]*>|\w*HTTPS?Connection(?:Pool)?\([^)]*\)): ")


class Busy(Exception):
    """An answer that asks to come again later."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        super().__init__(status_line(response))
        self.status = response.status
        self.retry_after_seconds = _retry_after(response)


def wrong_status(request: SourceRequest, response: BaseHTTPResponse) -> Exception:
    """The error for an answer that is no success."""
    failure_class = failure_class_of_status(response.status)
    if failure_class is FailureClass.NETWORK:
        return Busy(response)
    return ProducerFailed(
        f"{request.public_url} answers {status_line(response)}",
        failure_class=failure_class,
        hint=_HINTS[failure_class],
        details={"url": request.public_url, "status": response.status},
    )


def wrong_redirect(
    request: SourceRequest, what: str, failure_class: FailureClass
) -> ProducerFailed:
    """The error for a redirect that is not followed."""
    return ProducerFailed(
        f"{request.public_url} {what}",
        failure_class=failure_class,
        hint="open the address in a browser and fetch the one where it ends",
        details={"url": request.public_url},
    )


def gave_up(
    request: SourceRequest, problem: Exception, attempts: int, wait_seconds: float = 0.0
) -> SourceUnavailable:
    """The error after the last attempt, or when the source asks for more time than there is."""
    status = getattr(problem, "status", None)
    reason = f"answers {problem}" if status else f"cannot be reached ({_plain(problem)})"
    tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    then = f"; it asks to wait {wait_seconds:.0f} s more" if wait_seconds else ""
    return SourceUnavailable(
        f"{request.public_url} {reason} after {tries}{then}",
        hint=TRY_LATER,
        details={"url": request.public_url, "status": status, "attempts": attempts},
    )


def too_slow(request: SourceRequest) -> SourceUnavailable:
    """The error for a body that did not end in time."""
    return SourceUnavailable(
        f"{request.public_url} did not end within {request.timeout_seconds:.0f} s",
        hint=TRY_LATER,
        details={"url": request.public_url},
    )


def no_address(request: SourceRequest, error: Exception) -> ProducerFailed:
    """The error for what cannot be fetched at all."""
    return ProducerFailed(
        str(error) if request.public_url in str(error) else f"{request.public_url!r}: {error}",
        failure_class=FailureClass.PARSE,
        hint=getattr(error, "hint", None) or "fetch an address that begins http:// or https://",
        details={"url": request.public_url},
    )


def status_line(response: BaseHTTPResponse) -> str:
    """`503 Service Unavailable`."""
    return f"{response.status} {response.reason or ''}".strip()


def _retry_after(response: BaseHTTPResponse) -> float:
    try:
        return float(Retry().get_retry_after(response) or 0.0)
    except HTTPError:
        return 0.0  # a header that says nothing readable asks for nothing


def _plain(problem: Exception) -> str:
    return _CONNECTION_NAME.sub("", str(problem))


_HINTS = {
    FailureClass.PERMISSION: "check the key: name it under `secrets:` in opendata.yaml and set it",
    FailureClass.PARSE: "check the address; where a gap is normal, catch FileNotFoundError",
}
