"""A real API on a port of this machine, over a store; and ways to make it fail."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import uvicorn

from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform.api.app import ServiceOptions, create_app
from dataplatform_tests.api.site import ports_over
from opendata.stores.port import ObjectStore

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGI = Callable[[Message, Receive, Send], Awaitable[None]]


class Dropped(Exception):
    """The connection is cut here."""


@dataclass
class Faults:
    """What goes wrong: the next answers' statuses, and after how many bytes streams are cut."""

    statuses: list[int] = field(default_factory=list)
    cut_after: list[int] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def around(self, app: ASGI) -> ASGI:
        """The same application, failing as told."""

        async def run(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            query = scope["query_string"].decode()
            self.seen.append(f"{scope['path']}?{query}")
            headers = dict(scope["headers"])
            self.tokens.append(headers.get(b"authorization", b"").decode())
            if self.statuses:
                await _refuse(send, self.statuses.pop(0))
                return
            cut = self.cut_after.pop(0) if self.cut_after and "/stream" in scope["path"] else None
            await app(scope, receive, send if cut is None else _cutting(send, cut))

        return run


def _cutting(send: Send, after: int) -> Send:
    left = after

    async def sending(message: Message) -> None:
        nonlocal left
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or len(body) <= left:
            left -= len(body)
            await send(message)
            return
        await send({"type": "http.response.body", "body": bytes(body[:left]), "more_body": True})
        raise Dropped

    return sending


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"retry-after", b"0"), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"not now"})


@contextmanager
def serving(
    store: ObjectStore,
    faults: Faults | None = None,
    environ: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[str]:
    """The address of an API over the store; it has ended when the block has."""
    ports = ports_over(store, lambda place: open_channel_files(place, environ or {}, root="/"))

    @dataclass
    class Site:
        bundles: Any

    app = cast(ASGI, create_app(Site(ports), ServiceOptions(**options)))
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        cast(Any, faults.around(app) if faults else app), log_level="critical", lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
