"""A bad network in front of a real HTTP server: a proxy that loses, cuts, delays and refuses.

Which request suffers, and how, is decided by a function of the test's. Faults happen on the socket,
as they do in life: a status line from a machine in between, a reset before or after the effect, a
body that is shorter than its length, a body that falls silent.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

from dataplatform_tests.servers.web import await_hang_up, web_server

TOO_MANY = "429"
BROKEN = "500"
OVERLOADED = "503"
RESET_BEFORE = "reset before the effect"
RESET_AFTER = "reset after the effect"
HANG_UP = "closed after the effect without an answer"
CUT = "reset in the middle of the body"
ENDED = "closed in the middle of the body"
STALLED = "silent in the middle of the body"
SLOW = "slow"

KINDS = (TOO_MANY, BROKEN, OVERLOADED, RESET_BEFORE, RESET_AFTER, HANG_UP, CUT, ENDED, SLOW)
SLOW_SECONDS = 0.02
_CODES = {TOO_MANY: "TooManyRequests", BROKEN: "InternalError", OVERLOADED: "SlowDown"}

Choose = Callable[[str, str], str | None]
"""From a method and a path to the fault that the request suffers, or None."""


class BadNetwork:
    """Where the proxy listens, and what it did."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.requests = 0
        self.sent_bytes = 0
        self.faults: Counter[str] = Counter()


@contextlib.contextmanager
def bad_network(upstream: str, choose: Choose) -> Iterator[BadNetwork]:
    """Stand in front of the server at `upstream` (`http://host:port`)."""
    host = upstream.removeprefix("http://")

    class Handler(_Proxy):
        server_host = host

        def chosen(self) -> str | None:
            network.requests += 1
            fault = choose(self.command, self.path)
            if fault:
                network.faults[fault] += 1
            return fault

        def sent(self, size: int) -> None:
            network.sent_bytes += size

    with web_server(Handler) as url:
        network = BadNetwork(url)
        yield network


def three_of_ten(seed: int, kinds: tuple[str, ...] = KINDS) -> Choose:
    """Of any ten requests in a row that begin a ten, three suffer; each kind has its turn."""
    dice, lock = random.Random(seed), threading.Lock()
    deck: list[bool] = []
    turns: list[str] = []

    def choose(method: str, path: str) -> str | None:
        with lock:
            if not deck:
                deck.extend(dice.sample([True] * 3 + [False] * 7, 10))
            if not turns:
                turns.extend(dice.sample(kinds, len(kinds)))
            return turns.pop() if deck.pop() else None

    return choose


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_host: str

    def chosen(self) -> str | None:
        raise NotImplementedError

    def sent(self, size: int) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.chosen()
        if fault in _CODES:
            self._answer(int(fault), [], _error_body(fault))
        elif fault == RESET_BEFORE:
            self._reset()
        else:
            if fault == SLOW:
                time.sleep(SLOW_SECONDS)
            self._pass_on(fault, *self._ask_upstream(body))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Tests read results, not logs."""

    def _ask_upstream(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(self.server_host, timeout=60)
        try:
            # As it came, byte by byte: the signature covers path, host and headers.
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            data = answer.read()
            headers = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() not in ("content-length", "transfer-encoding", "connection")
            ]
            length = answer.getheader("Content-Length")
            if self.command == "HEAD" and length:
                headers.append(("Content-Length", length))
            return answer.status, headers, data
        finally:
            upstream.close()

    def _pass_on(
        self, fault: str | None, status: int, headers: list[tuple[str, str]], data: bytes
    ) -> None:
        if fault == HANG_UP:
            self.close_connection = True
        elif fault == RESET_AFTER or (fault in (CUT, ENDED, STALLED) and not data):
            self._reset()
        elif fault in (CUT, ENDED, STALLED):
            self._answer(status, headers, data, sent=len(data) // 2)
            if fault == STALLED:
                await_hang_up(self.connection)
            if fault == CUT:
                self._reset()
            self.close_connection = True
        else:
            self._answer(status, headers, data)

    def _answer(
        self, status: int, headers: list[tuple[str, str]], data: bytes, *, sent: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD" or not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[:sent])
            self.sent(len(data[:sent]))

    def _reset(self) -> None:
        """End the connection as a crashed machine's kernel does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


def _error_body(fault: str) -> bytes:
    return f"<Error><Code>{_CODES[fault]}</Code><Message>scripted</Message></Error>".encode()
