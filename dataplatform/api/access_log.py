"""The access log: one JSON line per request, gathered for a moment, encoded and written together.

Here belongs what of a request is told. Headers are not, so that no token gets there; what a client
wrote is cut and escaped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TextIO

import msgspec

from dataplatform.ports import Clock
from opendata.wire.times import format_instant

FLUSH_SECONDS: Final = 0.25
_CHARS_MAX: Final = 1000


class Line(msgspec.Struct, frozen=True):
    """One request: when it was answered, how, and how long that took in milliseconds.

    `sent` counts the body's bytes. `token` is the name of the token, never the token.
    """

    at: str
    id: str
    client: str
    method: str
    path: str
    query: str
    status: int
    sent: int
    ms: float
    token: str
    error: str | None = None


class AccessLog:
    """Writes lines to a text stream; one that is gone is written to no more."""

    def __init__(self, stream: TextIO | None, now: Clock) -> None:
        self._stream = stream
        self._now = now
        self._encode: Callable[[list[Line]], bytes] = msgspec.json.Encoder().encode_lines
        self._told: list[tuple[Any, ...]] = []

    def write(
        self,
        *,
        request_id: str,
        client: str,
        method: str,
        path: str,
        query: bytes,
        status: int,
        sent: int,
        seconds: float,
        token: str,
        error: str | None,
    ) -> None:
        """Note a request that has been answered, or that ended otherwise."""
        if self._stream is None:
            return
        if not self._told:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        path, query = path[:_CHARS_MAX], query[:_CHARS_MAX]
        self._told.append(
            (
                self._now(), request_id, client, method, path, query, status, sent, seconds,
                token, error,
            )
        )  # fmt: skip

    def flush(self) -> None:
        """Write what was gathered."""
        told, self._told = self._told, []
        if not told or self._stream is None:
            return
        lines = self._encode([_line(*one) for one in told])
        try:
            self._stream.write(lines.decode())
            self._stream.flush()
        except (OSError, ValueError):  # the reader of a pipe went away; serving goes on
            self._stream = None


def _line(
    at: datetime,
    request_id: str,
    client: str,
    method: str,
    path: str,
    query: bytes,
    status: int,
    sent: int,
    seconds: float,
    token: str,
    error: str | None,
) -> Line:
    return Line(
        at=format_instant(at),
        id=request_id,
        client=client,
        method=method,
        path=path,
        query=query.decode("latin-1"),
        status=status,
        sent=sent,
        ms=round(seconds * 1000, 2),
        token=token,
        error=error,
    )
