"""The exchange with the web server: how bytes come in, and how answers go out.

An endpoint's handler blocks, so it runs in a worker thread; so many at once, so many waiting, and
the rest is turned away. A stream's next piece is made while the last one is sent, and no further:
a slow reader holds two pieces, no thread, and whoever hangs up ends the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from dataplatform.api.endpoint import Bytes, Headers, Reply, Streamed
from dataplatform.api.failures import OVERLOADED, body_too_large
from opendata.wire.errors import InvalidInput, Unavailable

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
STREAMS: Final = 128
"""So many at once, of one process."""
_END: Final = object()


class HungUp(Exception):
    """The client went away; nobody waits for the answer."""


class Workers:
    """The threads that queries run in: `threads` at once, and at most `waiting` that wait; and room
    for `streams`, which hold no thread and yet what was decoded for them, while a reader rests."""

    def __init__(self, threads: int, waiting: int, streams: int = STREAMS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="opendata-api")
        self._free = threads + waiting
        self._streams = streams

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns, once a thread has done it.

        Raises:
            Unavailable: if too many wait already.
        """
        if self._free <= 0:
            raise Unavailable("the service is busy", code=OVERLOADED)
        return await self.go_on(work)

    async def go_on(self, work: Callable[[], T]) -> T:
        """The same for what was begun and is not turned away any more."""
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._free += 1

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Room for one stream.

        Raises:
            Unavailable: if there are too many already.
        """
        if self._streams <= 0:
            raise Unavailable("the service has too many streams under way", code=OVERLOADED)
        self._streams -= 1
        try:
            yield
        finally:
            self._streams += 1

    def close(self) -> None:
        """Wait for what runs; nothing new begins."""
        self._pool.shutdown(wait=True, cancel_futures=True)


async def read_body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The body, if it has at most `limit` bytes; what is longer is not read to its end.

    Raises:
        InvalidInput: if it is longer.
        HungUp: if the client went away before its end.
    """
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise InvalidInput("Content-Length is no number", code="bad_header")
    if int(length) > limit:
        raise body_too_large(limit)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise body_too_large(limit)
        if not message.get("more_body", False):
            return b"".join(pieces)


def named_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Headers as the server takes them."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def raw_headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    """A reply's headers as the server takes them, with its length."""
    named = named_headers(reply.headers)
    if reply.status != 304:
        named.append((b"content-length", str(len(reply.body)).encode()))
    return named


async def send_whole(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: Bytes
) -> None:
    """Answer with bytes that are there."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_streamed(
    answer: Streamed, workers: Workers, first: Bytes, receive: Receive, send: Send
) -> None:
    """Answer piece by piece; `first` was made already, so that its failure could be told.

    A later failure leaves the answer without its end, which every client notices.

    Raises:
        HungUp: if the client went away.
        OpenDataError: what making a piece raised.
    """
    headers = named_headers(answer.headers)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.create_task(_until_gone(receive))
    piece: Bytes | object = first
    coming: asyncio.Task[Bytes | object] | None = None
    sending: asyncio.Task[None] | None = None
    try:
        while piece is not _END:
            coming = asyncio.create_task(workers.go_on(lambda: next(answer.pieces, _END)))
            sending = asyncio.create_task(
                _forward(send, {"type": "http.response.body", "body": piece, "more_body": True})
            )
            await _first_of(sending, gone)
            await _first_of(coming, gone)
            sending.result()
            piece = coming.result()
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        if sending is not None:
            sending.cancel()
        await asyncio.shield(_end(coming, answer.pieces, workers))


async def first_piece(answer: Streamed, workers: Workers) -> Bytes:
    """The first piece of a stream.

    Raises:
        OpenDataError: what making it raised, while there is still a status to answer with.
    """
    return await workers.run(lambda: next(answer.pieces, b""))


async def _forward(send: Send, message: MutableMapping[str, Any]) -> None:
    await send(message)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _first_of(wanted: asyncio.Task[Any], gone: asyncio.Task[None]) -> None:
    if not wanted.done():
        await asyncio.wait((wanted, gone), return_when=asyncio.FIRST_COMPLETED)
    if gone.done() and not wanted.done():
        raise HungUp


async def _end(coming: asyncio.Task[Any] | None, pieces: Iterator[Bytes], workers: Workers) -> None:
    """Close the stream's source, once no thread works on it any more: none can be interrupted."""
    if coming is not None:
        await asyncio.wait((coming,))
        if not coming.cancelled():
            coming.exception()  # the stream has ended anyhow, and why is known
    close = getattr(pieces, "close", None)
    if close is not None:
        await workers.go_on(close)
