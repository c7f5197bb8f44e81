"""Endpoints as routes: what stands between a decoded request and an endpoint's handler."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dataplatform.api.decoding import decode_body, decode_parameters
from dataplatform.api.endpoint import Call, Endpoint, Streamed
from dataplatform.api.exchange import (
    Receive,
    Scope,
    Send,
    Workers,
    first_piece,
    named_headers,
    raw_headers,
    read_body,
    send_streamed,
    send_whole,
)
from dataplatform.api.failures import failure_reply, no_such_path, wrong_method
from dataplatform.api.front import GRANT, HEADERS, KEEP, REQUEST_ID
from dataplatform.api.kept_pages import kept_page


class _Served:
    """One endpoint as an ASGI application."""

    def __init__(self, endpoint: Endpoint, workers: Workers) -> None:
        self._endpoint = endpoint
        self._workers = workers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = await self._decode(scope, receive)
        answer = await self._workers.run(lambda: self._endpoint.handle(call))
        if isinstance(answer, Streamed):
            if scope["method"] == "HEAD":  # nothing is made that nobody gets
                await send_whole(send, 200, named_headers(answer.headers), b"")
                return
            with self._workers.streaming():
                first = await first_piece(answer, self._workers)
                await send_streamed(answer, self._workers, first, receive, send)
            return
        headers = raw_headers(answer)
        if answer.binding is not None and answer.status == 200 and scope["method"] == "GET":
            scope[KEEP](scope, kept_page(answer, headers))
        await send_whole(send, answer.status, headers, answer.body)

    async def _decode(self, scope: Scope, receive: Receive) -> Call:
        endpoint, headers = self._endpoint, scope[HEADERS]
        parameters = decode_parameters(
            endpoint.parameters, scope["path_params"], scope["query_string"]
        )
        raw, body = b"", None
        if endpoint.body_bytes_max:
            raw = await read_body(headers, receive, endpoint.body_bytes_max)
        if endpoint.body is not None:
            content_type = headers.get(b"content-type", b"").decode("latin-1")
            body = decode_body(endpoint.body, content_type, raw)
        return Call(parameters, headers, raw, body, scope[GRANT])


def routes_of(endpoints: Sequence[Endpoint], workers: Workers) -> list[Route]:
    """A route for each endpoint; one that answers GET answers HEAD too."""
    return [
        Route(_starlette_path(one), _Served(one, workers), methods=[one.method], name=one.name)
        for one in endpoints
    ]


def _starlette_path(endpoint: Endpoint) -> str:
    path = endpoint.path
    for name in endpoint.wide:
        path = path.replace(f"{{{name}}}", f"{{{name}:path}}")
    return path


def unrouted(endpoints: Sequence[Endpoint]) -> Callable[[Request, Exception], Response]:
    """What answers where no endpoint does: in the words of all other failures."""
    methods: dict[str, set[str]] = {}
    for one in endpoints:
        also = {"HEAD"} if one.method == "GET" else set()
        methods.setdefault(_starlette_path(one), set()).update({one.method} | also)

    def answer(request: Request, error: Exception) -> Response:
        scope = request.scope
        failure = no_such_path(scope["path"])
        if isinstance(error, HTTPException) and error.status_code == 405:
            failure = wrong_method(scope["path"], sorted(methods[scope["route"].path]))
        reply = failure_reply(failure, scope[REQUEST_ID])
        return Response(bytes(reply.body), reply.status, dict(reply.headers))

    return answer
