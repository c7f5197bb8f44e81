"""Load over HTTP/1.1: a few connections that ask and wait for the answer, over and over.

The client parses no more than it must, so that the server is what is measured; the processor time
that the server used for a request is asked of the kernel.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

CONNECTIONS = 8
SECONDS = 3.0
WARM_SECONDS = 1.0
_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass
class Load:
    """What was answered so far."""

    requests: Sequence[bytes]
    seconds: list[float] = field(default_factory=list)
    received: int = 0
    next: int = 0
    is_over: bool = False
    refused: str | None = None

    def take(self) -> bytes:
        """The next request, in turn."""
        self.next += 1
        return self.requests[self.next % len(self.requests)]


class _Connection(asyncio.Protocol):
    """Asks, waits for all of the answer, asks again."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._began = 0.0
        self._left = -1
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._load.received += len(data)
        if self._left < 0:
            data = self._head + data
            end = data.find(_END)
            if end < 0:
                self._head = data
                return
            head = data[:end].lower()
            if head[9:12] not in (b"200", b"304"):
                self._load.refused = data.decode("latin-1")
                self._transport.close()
                return
            at = head.find(_LENGTH)
            length = int(head[at + len(_LENGTH) :].split(b"\r", 1)[0]) if at >= 0 else 0
            self._left = length - (len(data) - end - len(_END))
        else:
            self._left -= len(data)
        if self._left == 0:
            self._load.seconds.append(time.perf_counter() - self._began)
            if self._load.is_over:
                self._transport.close()
            else:
                self._ask()

    def _ask(self) -> None:
        self._left, self._head, self._began = -1, b"", time.perf_counter()
        self._transport.write(self._load.take())


def request(path: str, *headers: str) -> bytes:
    """A GET as it is sent."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]
    return "\r\n".join(lines).encode()


def ask_for_a_while(port: int, pid: int, requests: Sequence[bytes]) -> dict[str, float]:
    """Figures of asking a server in turn for `SECONDS`, after warming it up."""
    return uvloop.run(_measure(port, pid, requests))


async def _measure(port: int, pid: int, requests: Sequence[bytes]) -> dict[str, float]:
    load = Load(requests)
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port)
    await asyncio.sleep(WARM_SECONDS)
    load.seconds.clear()
    load.received = 0
    began, used = time.perf_counter(), cpu_seconds(pid)
    await asyncio.sleep(SECONDS)
    took, used = time.perf_counter() - began, cpu_seconds(pid) - used
    if load.refused is not None:
        raise RuntimeError(load.refused)
    if not load.seconds:
        raise RuntimeError("the server answered nothing while it was measured")
    seconds, received = sorted(load.seconds), load.received
    load.is_over = True
    return {
        "requests_per_second": len(seconds) / took,
        "cpu_us_per_request": used / len(seconds) * 1e6,
        "p50_ms": statistics.median(seconds) * 1e3,
        "p99_ms": seconds[int(len(seconds) * 0.99)] * 1e3,
        "answer_kilobytes": received / len(seconds) / 1000,
    }


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far, all its threads together."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        parts = file.read().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
