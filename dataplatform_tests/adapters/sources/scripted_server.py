"""A loopback HTTP server whose every answer is scripted: the ways in which real sources fail."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers with the path's next script; the last one stays."""

    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        answers = self.server.answers.get(self.path, [status(404)])
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, format: str, *args: object) -> None:
        pass  # the tests say what matters

    def reply(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a reader may hang up, and some must
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def script(self, path: str, *answers: Answer) -> str:
        """Answer `path` with each of `answers` in turn; returns the full address."""
        self.answers[path] = list(answers)
        return self.root + path

    def asked(self, path: str) -> int:
        return sum(1 for seen, _ in self.seen if seen == path)


@contextmanager
def scripted_server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def body(content: bytes, content_type: str = "text/csv", **headers: str) -> Answer:
    return lambda handler: handler.reply(200, content, Content_Type=content_type, **headers)


def status(code: int, **headers: str) -> Answer:
    return lambda handler: handler.reply(code, b"no", **headers)


def redirect(target: str, code: int = 302) -> Answer:
    return lambda handler: handler.reply(code, Location=target)


def truncated(content: bytes, promised: int) -> Answer:
    """Promises more bytes than it sends, then hangs up."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(promised))
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def truncated_chunks(content: bytes) -> Answer:
    """Sends one chunk and hangs up before the last one."""

    def answer(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        handler.close_connection = True

    return answer


@dataclass
class Gate:
    """An answer that waits until the test opens it."""

    opened: threading.Event = field(default_factory=threading.Event)

    def silent(self) -> Answer:
        return lambda handler: (self.opened.wait(30), handler.reply(200, b"late"))[1]

    def trickling(self) -> Answer:
        def answer(handler: Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "40000")
            handler.end_headers()
            while not self.opened.wait(0.05):
                try:
                    handler.wfile.write(b"x")
                except OSError:
                    return  # the reader has lost patience, as it should

        return answer
