"""Where alerts arrive in tests: a web server that takes what Slack and PagerDuty would, and an SMTP
server that keeps its mail."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller

from dataplatform_tests.servers.web import web_server


@dataclass
class WebSink:
    """What was posted, in order: path and JSON. `answers` holds statuses for the next requests."""

    url: str = ""
    posted: list[tuple[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextlib.contextmanager
def web_sink() -> Iterator[WebSink]:
    """Take posts on loopback during the block."""
    sink = WebSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = sink.answers.pop(0) if sink.answers else 200
            if status == 200:
                sink.posted.append((urlsplit(self.path).path, json.loads(body)))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            """Tests read results, not logs."""

    with web_server(Handler) as url:
        sink.url = url
        yield sink


@dataclass
class MailSink:
    """The mail that arrived."""

    port: int = 0
    mail: list[EmailMessage] = field(default_factory=list)


@contextlib.contextmanager
def mail_sink() -> Iterator[MailSink]:
    """Take mail on loopback during the block."""
    sink = MailSink()

    class Keep:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
            sink.mail.append(message_from_bytes(envelope.content, policy=policy.default))
            return "250 kept"

    class OnFreePort(Controller):
        """Its own check of readiness dials the port that was asked for, which is 0 here."""

        def _trigger_server(self) -> None:
            listening: Any = self.server
            self.port = listening.sockets[0].getsockname()[1]
            super()._trigger_server()  # type: ignore[no-untyped-call]

    controller = OnFreePort(Keep(), hostname="127.0.0.1", port=0)
    controller.start()
    try:
        sink.port = controller.port
        yield sink
    finally:
        controller.stop()
