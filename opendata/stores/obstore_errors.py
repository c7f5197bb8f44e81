"""What S3 and HTTP servers report, in this project's words.

The client library puts the server's status and S3's error code into its message and nowhere
else, so they are read from there. Messages never repeat the server's text: it may quote keys of
requests, and people need one sentence and the next step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from obstore import exceptions as foreign

from opendata.stores.port import RATE_LIMITED, SLOW_DOWN, UNREACHABLE, WRITE_CONFLICT
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Unavailable

_STATUS = re.compile(r"status code: (\d{3})")
_NO_CONNECTION = re.compile(r"kind: Connect\b|Error\(\s*Connect,")
_CODE = re.compile(r"<Code>(\w+)</Code>|\(code: (\w+)\)")

FOREIGN_ERRORS = (foreign.BaseError, FileNotFoundError, ValueError)
"""Everything that the client library raises on purpose."""

NO_BUCKET = "NoSuchBucket"
TOO_MANY_REQUESTS = 429
CONFLICTING_WRITE = 409
_PASSING = (408, CONFLICTING_WRITE, TOO_MANY_REQUESTS)
_TOO_MANY = ("SlowDown", "TooManyRequests", "RequestLimitExceeded", "Throttling")
_EXPIRED = ("ExpiredToken", "ExpiredRequest", "ExpiredTokenException", "TokenRefreshRequired")
_UNKNOWN_KEYS = ("InvalidAccessKeyId", "InvalidToken", "UnrecognizedClientException")
_DENIALS = ("AccessDenied", *_EXPIRED, *_UNKNOWN_KEYS)
_OTHER_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint")
CREDENTIALS_HINT = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


@dataclass(frozen=True)
class Place:
    """Where a store is, for error messages: its address, its server, and its bucket if any."""

    url: str
    server: str
    bucket: str | None = None


def status_of(error: BaseException) -> int | None:
    """The HTTP status that the server answered, if it answered."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def code_of(error: BaseException) -> str:
    """S3's own name of the error, or nothing."""
    found = _CODE.search(str(error))
    return (found[1] or found[2]) if found else ""


def is_unconnected(error: BaseException) -> bool:
    """Whether no connection was made (no network, no such host, nobody listens): nothing was sent.

    The library tells it in the description of its error's origin.
    """
    return status_of(error) is None and _NO_CONNECTION.search(str(error)) is not None


def is_busy(error: BaseException) -> bool:
    """Whether the server refused without doing anything, and may accept in a moment."""
    return status_of(error) in (TOO_MANY_REQUESTS, CONFLICTING_WRITE)


def is_beyond_end(error: BaseException) -> bool:
    """Whether a range was asked that begins after the object's end."""
    # The memory store has no status; this is its wording.
    return status_of(error) == 416 or "Invalid range" in str(error)


def explain(error: BaseException, place: Place, what: str) -> OpenDataError:
    """The error of this project for a failed request; `what` completes "cannot …"."""
    code, status = code_of(error), status_of(error)
    if code == NO_BUCKET:
        return NotFound(
            f"there is no bucket {place.bucket!r} at {place.server}",
            code="no_bucket",
            hint="create the bucket, or correct OPENDATA_STORAGE and OPENDATA_S3_ENDPOINT",
        )
    if isinstance(error, FileNotFoundError) or status == 404:
        return NotFound(f"cannot {what} in {place.url}: it does not exist", code="no_object")
    if _is_denial(error, status, code):
        return _explain_denial(place, what, code)
    if status is None or status >= 500 or status in _PASSING:
        return _explain_silence(error, place, what, status)
    refusal = f"cannot {what} in {place.url}: {place.server} refuses the request"
    if code in _OTHER_REGION or status in (301, 307):
        message = f"{refusal}, because the bucket is in another region"
        return InvalidInput(message, code="wrong_region", hint="set AWS_REGION to the bucket's")
    return InvalidInput(
        f"{refusal} ({status}{' ' + code if code else ''})",
        code="store_refused",
        hint="check OPENDATA_STORAGE, OPENDATA_S3_ENDPOINT and AWS_REGION",
    )


def _is_denial(error: BaseException, status: int | None, code: str) -> bool:
    if isinstance(error, foreign.PermissionDeniedError | foreign.UnauthenticatedError):
        return True
    return status in (401, 403) or code in _DENIALS


def _explain_denial(place: Place, what: str, code: str) -> Denied:
    if code == "SignatureDoesNotMatch":
        message = f"{place.server} does not accept the secret key for {place.url}"
        return Denied(message, code="wrong_secret", hint="check AWS_SECRET_ACCESS_KEY")
    if code in _EXPIRED:
        message = f"the credentials (or the signed address) for {place.url} have expired"
        return Denied(message, code="expired_credentials", hint="get new ones, then try again")
    if code in _UNKNOWN_KEYS:
        message = f"{place.server} does not know these credentials for {place.url}, or no longer"
        return Denied(message, code="wrong_credentials", hint=CREDENTIALS_HINT)
    if code == "RequestTimeTooSkewed":
        message = f"{place.server} refuses requests because this machine's clock is wrong"
        return Denied(message, code="clock_skew", hint="set the clock: date --utc")
    return Denied(
        f"cannot {what} in {place.url}: these credentials do not carry the right",
        code="no_right",
        hint="use credentials with that right for this bucket, or another OPENDATA_STORAGE",
    )


def _explain_silence(
    error: BaseException, place: Place, what: str, status: int | None
) -> OpenDataError:
    if isinstance(error, foreign.NotSupportedError | foreign.InvalidPathError | ValueError):
        return InvalidInput(f"cannot {what} in {place.url}: the store cannot do that")
    if "Header missing from response" in str(error):
        return InvalidInput(
            f"cannot {what} in {place.url}: {place.server} answers without a length, a time or "
            "a version, as no store does",
            code="no_store_there",
            hint="check the address: OPENDATA_STORAGE",
        )
    code = code_of(error)
    if status == TOO_MANY_REQUESTS or code in _TOO_MANY:
        message = f"cannot {what} in {place.url}: {place.server} takes no more requests just now"
        busy = RATE_LIMITED if status == TOO_MANY_REQUESTS else SLOW_DOWN
        return Unavailable(message, code=busy, hint="wait a minute and try again")
    if status == CONFLICTING_WRITE:
        message = f"cannot {what} in {place.url}: other writes of the same object are under way"
        return Unavailable(message, code=WRITE_CONFLICT, hint="try again in a moment")
    answer = f"it answered {status}" if status else "it does not answer"
    return Unavailable(
        f"cannot {what} in {place.url}: {place.server} is out of order or out of reach ({answer})",
        code=UNREACHABLE if is_unconnected(error) else "store_unavailable",
        hint="check the address (OPENDATA_STORAGE, OPENDATA_S3_ENDPOINT) and the network, "
        "then try again",
    )
