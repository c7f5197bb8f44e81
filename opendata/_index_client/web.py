"""Requests to the API: the token, patience with a busy server, and its errors as ours.

A request is sent again where the server says that it is busy, or was not reached; how often and
how long apart is urllib3's own arithmetic. The token goes to no other server, and never unencrypted
over a network.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from opendata.stores.addresses import parse_web_address
from opendata.stores.port import UNREACHABLE
from opendata.wire import errors
from opendata.wire.errors import Denied, InvalidInput, OpenDataError, Unavailable

BUSY: Final = (429, 502, 503, 504)
ANSWER_BYTES_MAX: Final = 256 << 20
ERROR_BYTES_MAX: Final = 1 << 20
CONNECT_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = 0.5
"""Before a request is sent again; each further pause is twice as long."""
LONGEST_PAUSE_SECONDS: Final = 20.0
POOL_SIZE: Final = 16
TOKEN_HINT: Final = "set OPENDATA_API_KEY to a token of this API, or give token=…"
_CATEGORIES: Final[dict[str, type[OpenDataError]]] = {
    kind.category: kind
    for kind in (
        errors.InvalidInput,
        errors.Denied,
        errors.NotFound,
        errors.Conflict,
        errors.Rejected,
        errors.Unavailable,
    )
}
_BY_STATUS: Final[dict[int, type[OpenDataError]]] = {
    **{kind.http_status: kind for kind in _CATEGORIES.values()},
    401: Denied,
    429: Unavailable,
}

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """A whole answer; names of headers are lower-case."""

    data: bytes
    headers: dict[str, str]


class _Failure(msgspec.Struct):
    """An error as the API answers it."""

    message: str
    category: str = ""
    code: str | None = None
    hint: str | None = None
    details: dict[str, Any] = {}


class Web:
    """One server and the token for it.

    Args:
        base_url: `https://host` or `https://host/path`; `http://` on this machine alone.
        token: Sent as a bearer token, and to this server alone.
        timeout: Seconds of silence after which a request is given up.
        retries: How often a request is sent again to a server that is busy or out of reach.

    Raises:
        InvalidInput: for an address that is none, or that would send in the clear.
    """

    def __init__(self, base_url: str, token: str | None, *, timeout: float, retries: int) -> None:
        address = parse_web_address(base_url)
        if not (address.is_encrypted or address.is_loopback):
            raise InvalidInput(
                f"{base_url} is not encrypted, so anyone between could read the token and change "
                "the answers",
                code="invalid_address",
                hint=f"use https://{address.host}…",
            )
        self.url = address.url
        self._authorization = {"authorization": f"Bearer {_checked(token)}"} if token else {}
        self._retries = urllib3.Retry(
            total=retries,
            redirect=0,
            status_forcelist=BUSY,
            allowed_methods=None,
            backoff_factor=PAUSE_SECONDS,
            backoff_max=LONGEST_PAUSE_SECONDS,
            backoff_jitter=PAUSE_SECONDS,
            raise_on_status=False,
            raise_on_redirect=False,
        )
        self._pool = urllib3.PoolManager(
            maxsize=POOL_SIZE,
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, timeout), read=timeout),
            ssl_context=ssl.create_default_context() if address.is_encrypted else None,
        )

    def read(
        self, path: str, fields: Fields = (), *, accept: str = "application/json",
        body: Any = None,
    ) -> Answer:  # fmt: skip
        """An answer, whole; with a `body`, which is sent as JSON, to a POST.

        Raises:
            InvalidInput, Denied, NotFound, Conflict, Rejected, Unavailable: as the server says.
        """
        response = self.open(path, fields, accept=accept, body=body)
        try:
            with self._telling():
                data = response.read(ANSWER_BYTES_MAX + 1)
        finally:
            response.release_conn()
        if len(data) > ANSWER_BYTES_MAX:
            raise Unavailable(
                f"{self.url} answered with more than {ANSWER_BYTES_MAX:,} bytes",
                code="answer_too_large",
                hint="ask for fewer files at once",
            )
        return Answer(data, {name.lower(): value for name, value in response.headers.items()})

    def open(
        self, path: str, fields: Fields = (), *, accept: str, body: Any = None
    ) -> urllib3.BaseHTTPResponse:
        """An answer that is read as it comes; whoever opened it closes it.

        Raises:
            InvalidInput, Denied, NotFound, Conflict, Rejected, Unavailable: as the server says.
        """
        headers = {"user-agent": "opendata", "accept": accept, **self._authorization}
        address = f"{self.url}{path}{_query(fields)}"
        data = None
        if body is not None:
            data = msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        with self._telling():
            response = self._pool.request(
                "GET" if body is None else "POST",
                address,
                body=data,
                headers=headers,
                retries=self._retries,
                preload_content=False,
            )
        if response.status != 200:
            raise self._failed(response)
        return response

    def close(self) -> None:
        """Let go of all connections."""
        self._pool.clear()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (HTTPError, OSError) as error:
            raise unreachable(self.url, error) from error

    def _failed(self, response: urllib3.BaseHTTPResponse) -> OpenDataError:
        with self._telling():
            data = response.read(ERROR_BYTES_MAX)
        response.release_conn()
        status = response.status
        kind = _BY_STATUS.get(status, Unavailable if status >= 500 else InvalidInput)
        try:
            told = msgspec.json.decode(data, type=_Failure)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = f"{self.url} answered {status}, and not as this API does"
            hint = "is that the address of an OpenData API? od serve starts one"
            return kind(message, code=f"http_{status}", hint=hint)
        kind = _CATEGORIES.get(told.category, kind)
        meant = TOKEN_HINT if status == 401 else told.hint
        return kind(told.message, code=told.code, hint=meant, details=told.details)


def unreachable(url: str, error: BaseException) -> Unavailable:
    """The error for a server that does not answer, or stopped in the middle."""
    reason = getattr(error, "reason", None) or error
    return Unavailable(
        f"{url} does not answer: {reason}",
        code=UNREACHABLE,
        hint="is the address right, and the API running? od serve starts one",
    )


def segment(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")


def _query(fields: Fields) -> str:
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _checked(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInput("the token holds what no token holds", hint=TOKEN_HINT)
    return token
