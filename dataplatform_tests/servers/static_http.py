"""A static web server over a folder, as a public bucket's address behaves: ranges, ETags, no list.

With `ranges=False` it answers every request with the whole file, as the simplest servers do.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dataplatform_tests.servers.web import web_server

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@contextlib.contextmanager
def serving(folder: Path, *, ranges: bool = True, asked: list[str] | None = None) -> Iterator[str]:
    """Serve the folder on loopback; yields its address. `asked` hears of every path asked for."""

    class Handler(_StaticHandler):
        root = folder
        with_ranges = ranges
        asked_paths = [] if asked is None else asked

    with web_server(Handler) as url:
        yield url


class _StaticHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path
    with_ranges: bool
    asked_paths: list[str]

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Tests read results, not logs."""

    def _answer(self, *, with_body: bool) -> None:
        self.asked_paths.append(self.path)
        path = self.root / unquote(urlsplit(self.path).path).lstrip("/")
        if not path.is_file():
            self._send(HTTPStatus.NOT_FOUND, {}, b"not found" if with_body else b"", 9)
            return
        data = path.read_bytes()
        headers = {"Last-Modified": formatdate(path.stat().st_mtime, usegmt=True)}
        status = HTTPStatus.OK
        if self.with_ranges:
            headers["ETag"] = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            if asked:
                status, data = self._cut(data, asked, headers)
        self._send(status, headers, data if with_body else b"", len(data))

    def _cut(
        self, data: bytes, asked: re.Match[str], headers: dict[str, str]
    ) -> tuple[HTTPStatus, bytes]:
        begin, end = int(asked[1]), int(asked[2] or len(data)) + 1
        if begin >= len(data):
            headers["Content-Range"] = f"bytes */{len(data)}"
            return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b""
        piece = data[begin:end]
        headers["Content-Range"] = f"bytes {begin}-{begin + len(piece) - 1}/{len(data)}"
        return HTTPStatus.PARTIAL_CONTENT, piece

    def _send(self, status: HTTPStatus, headers: dict[str, str], body: bytes, length: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
