"""An S3 endpoint that answers writes by a script: for what a well-behaved server never does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG_UP = 0
"""In a script: close the connection without an answer."""


class ScriptedS3:
    """What was asked of the server, and where it listens."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.requests: list[str] = []

    def environ(self) -> dict[str, str]:
        """The settings that lead here."""
        return {
            "OPENDATA_S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }


@contextlib.contextmanager
def scripted_s3(statuses: Sequence[int]) -> Iterator[ScriptedS3]:
    """Answer the first requests with these statuses, and all later ones with the last of them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.requests.append(self.command)
            status = statuses[min(len(asked.requests), len(statuses)) - 1]
            if status == HANG_UP:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("ETag", '"scripted"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_PUT(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:
            """Tests read results, not logs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    asked = ScriptedS3(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
