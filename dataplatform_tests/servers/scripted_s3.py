"""A server that answers by a script: for what a well-behaved S3 or web server never does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from dataplatform_tests.servers.web import await_hang_up, web_server

HANG_UP = 0
"""In a script: close the connection without an answer."""
LAST_MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"
PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class Answer:
    """One answer; `length` is what the header says, whatever the body is (None: nothing is said).

    A body that `falls_silent` is followed by nothing, not even an end; one that is `endless` is
    repeated until the client has had enough.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = -1
    falls_silent: bool = False
    endless: bool = False


def s3_error(status: int, code: str) -> Answer:
    """A refusal as S3 words it."""
    body = f"<Error><Code>{code}</Code><Message>Scripted &quot;words&quot;</Message></Error>"
    return Answer(status, body.encode())


class ScriptedS3:
    """What was asked of the server, and where it listens."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.requests: list[str] = []
        self.ranges: list[str] = []
        self.sent_bytes = 0

    def environ(self) -> dict[str, str]:
        """The settings that lead here."""
        return {
            "OPENDATA_S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }


@contextlib.contextmanager
def scripted_s3(script: Sequence[int | Answer]) -> Iterator[ScriptedS3]:
    """Answer the first requests with these, and all later ones with the last of them."""

    class Handler(_ScriptedHandler):
        def next_answer(self) -> int | Answer:
            asked.requests.append(self.command)
            asked.ranges.append(self.headers.get("Range", ""))
            return script[min(len(asked.requests), len(script)) - 1]

        def sent(self, size: int) -> None:
            asked.sent_bytes += size

    with web_server(Handler) as url:
        asked = ScriptedS3(url)
        yield asked


class _ScriptedHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def next_answer(self) -> int | Answer:
        raise NotImplementedError

    def sent(self, size: int) -> None:
        raise NotImplementedError

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.next_answer()
        if answer == HANG_UP:
            self.close_connection = True
            return
        answer = answer if isinstance(answer, Answer) else Answer(answer)
        self._send_head(answer)
        if self.command != "HEAD":
            self._send_body(answer)

    def do_GET(self) -> None:
        self.do_PUT()

    def do_HEAD(self) -> None:
        self.do_PUT()

    def do_DELETE(self) -> None:
        self.do_PUT()

    def log_message(self, format: str, *args: object) -> None:
        """Tests read results, not logs."""

    def _send_head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        usual = {"ETag": '"scripted"', "Last-Modified": LAST_MODIFIED}
        for name, value in (usual | dict(answer.headers)).items():
            self.send_header(name, value)
        length = len(answer.body) if answer.length == -1 else answer.length
        if length is None:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
            self.close_connection = length != len(answer.body)
        self.end_headers()

    def _send_body(self, answer: Answer) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                self.wfile.write(answer.body)
                self.sent(len(answer.body))
                if not answer.endless:
                    break
        if answer.falls_silent:
            await_hang_up(self.connection)
