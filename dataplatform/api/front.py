"""The front of the service: every request passes here, whatever it is about.

Here belong the request's id, who asks, answers that are kept, the access log, and that nothing of
a fault gets out. What an endpoint does stands behind it.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from dataplatform.api.access import Access
from dataplatform.api.access_log import AccessLog
from dataplatform.api.at_once import AtOnce
from dataplatform.api.exchange import HungUp, Receive, Scope, Send, raw_headers, send_whole
from dataplatform.api.failures import failure_reply, unexpected_reply
from dataplatform.api.kept_pages import KeptPage, KeptPages, PageKey, kept_page
from dataplatform.api.library import Library
from dataplatform.api.tokens import EVERYTHING, Grant
from opendata.wire.errors import OpenDataError

CLIENT_CLOSED: Final = 499
"""The status in the log of a request whose client went away; it is never sent."""
GRANT: Final = "opendata.grant"
REQUEST_ID: Final = "opendata.request_id"
HEADERS: Final = "opendata.headers"
KEEP: Final = "opendata.keep"
"""A function of the scope, by which an endpoint has its answer kept."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_log = logging.getLogger("opendata.api")


@dataclass
class _Told:
    """What was answered so far."""

    request_id: str
    status: int = 0
    sent: int = 0
    token: str = "-"
    error: str | None = None
    began: float = field(default_factory=time.perf_counter)


class Front:
    """ASGI middleware around the routes.

    Args:
        public: Paths that need no token.
    """

    def __init__(
        self,
        app: Any,
        *,
        access: Access,
        log: AccessLog,
        pages: KeptPages,
        library: Library,
        at_once: AtOnce,
        public: frozenset[str],
    ) -> None:
        self._app = app
        self._access = access
        self._log = log
        self._pages = pages
        self._library = library
        self._at_once = at_once
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        told = _Told(_request_id(headers))
        try:
            await self._answer(scope, headers, receive, _telling(send, told), told)
        finally:
            self._write(scope, told)

    async def _answer(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
        told: _Told,
    ) -> None:
        try:
            if scope["path"] in self._public:
                grant = EVERYTHING
            else:
                grant = self._access.grant_of(headers)
                told.token = grant.name
            if scope["method"] == "GET" and await self._answer_now(scope, headers, grant, send):
                return
            own = {GRANT: grant, REQUEST_ID: told.request_id, HEADERS: headers, KEEP: self._keep}
            scope.update(own)
            await self._app(scope, receive, send)
        except HungUp:
            told.status = CLIENT_CLOSED
        except OpenDataError as error:
            told.error = error.code
            if told.status:  # a stream broke: only an answer without its end says so
                _log.error("request %s broke off: %s", told.request_id, error.message)
                raise
            reply = failure_reply(error, told.request_id)
            await send_whole(send, reply.status, raw_headers(reply), reply.body)
        except Exception:
            told.error = "internal"
            _log.exception("request %s failed", told.request_id)
            if told.status:
                raise
            reply = unexpected_reply(told.request_id)
            await send_whole(send, reply.status, raw_headers(reply), reply.body)

    # --- answers that are there --------------------------------------------------------

    async def _answer_now(
        self, scope: Scope, headers: dict[bytes, bytes], grant: Grant, send: Send
    ) -> bool:
        """Answer what is kept, or can be answered at once; False where it has to be worked on."""
        page = self._kept(scope, headers, grant)
        if page is None:
            reply = self._at_once.reply(scope, headers, grant)
            if reply is None:
                return False
            named = raw_headers(reply)
            if reply.status == 200 and reply.binding is not None:
                self._pages.put(_page_key(scope, headers), kept_page(reply, named))
            await send_whole(send, reply.status, named, reply.body)
        elif page.etag in headers.get(b"if-none-match", b""):
            await send_whole(send, 304, _of_304(page.headers), b"")
        else:
            await send_whole(send, 200, page.headers, page.body)
        return True

    def _kept(self, scope: Scope, headers: dict[bytes, bytes], grant: Grant) -> KeptPage | None:
        page = self._pages.get(_page_key(scope, headers))
        if page is None or not grant.may_read(page.binding.selector.name):
            return None
        found = self._library.known(page.binding.selector)
        if found is None or found.lock_sha256 != page.binding.lock_sha256:
            return None  # perhaps the same still, but that has to be looked up
        return page

    def _keep(self, scope: Scope, page: KeptPage) -> None:
        self._pages.put(_page_key(scope, scope[HEADERS]), page)

    def _write(self, scope: Scope, told: _Told) -> None:
        client = scope.get("client")
        self._log.write(
            request_id=told.request_id,
            client=str(client[0]) if client else "-",
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"],
            status=told.status,
            sent=told.sent,
            seconds=time.perf_counter() - told.began,
            token=told.token,
            error=told.error,
        )


def _telling(send: Send, told: _Told) -> Send:
    """`send`, noting what goes out and adding the request's id to it."""
    named = (b"x-request-id", told.request_id.encode())

    async def tell(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            told.status = message["status"]
            message = {**message, "headers": [*message["headers"], named]}
        elif message["type"] == "http.response.body":
            told.sent += len(message.get("body", b""))
        await send(message)

    return tell


def _request_id(headers: dict[bytes, bytes]) -> str:
    sent = headers.get(b"x-request-id", b"")
    return sent.decode() if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)


def _page_key(scope: Scope, headers: dict[bytes, bytes]) -> PageKey:
    return (
        scope["path"],
        scope["query_string"],
        headers.get(b"accept", b""),
        headers.get(b"accept-encoding", b""),
    )


def _of_304(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name not in (b"content-length",)]
