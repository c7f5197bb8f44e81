"""A web server of this process on loopback; what it answers is said by its handler."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST_SILENCE_SECONDS = 60.0


def await_hang_up(connection: socket.socket) -> None:
    """Stay silent for as long as the other side can bear it."""
    with contextlib.suppress(OSError):  # it may be gone already, or never go
        connection.settimeout(LONGEST_SILENCE_SECONDS)
        connection.recv(1)


@contextlib.contextmanager
def web_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve during the block; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
