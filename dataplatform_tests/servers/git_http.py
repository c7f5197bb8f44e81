"""A forge in small: git's own HTTP backend behind basic authentication, in this process."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from dataplatform_tests.servers.web import web_server

USER, PASSWORD = "reader", "t0p/secret"


@dataclass
class GitForge:
    """Bare repositories below a folder, served at `url`; `asked` are the paths that were."""

    folder: Path
    port: int = 0
    asked: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The address without credentials."""
        return f"http://127.0.0.1:{self.port}"

    def address(self, name: str, user: str = USER, password: str = "t0p%2Fsecret") -> str:
        """The address of a repository with credentials in it."""
        return f"http://{user}:{password}@127.0.0.1:{self.port}/{name}"


@contextmanager
def git_forge(folder: Path) -> Iterator[GitForge]:
    """Serve the repositories below a folder until the end."""
    served = GitForge(folder)

    class Handler(_Backend):
        forge = served

    with web_server(Handler) as url:
        served.port = int(url.rpartition(":")[2])
        yield served


class _Backend(BaseHTTPRequestHandler):
    """One request, answered by `git http-backend` as a CGI program."""

    forge: GitForge

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads it."""

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        self.forge.asked.append(path)
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="forge"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if any(part in path for part in self.forge.refuses):
            self.send_error(403)
            return
        self._run(path, query, self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _run(self, path: str, query: str, body: bytes) -> None:
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            check=False,  # it tells the client itself
            env={
                "PATH": "/usr/bin:/bin",
                "GIT_PROJECT_ROOT": str(self.forge.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.receivepack",
                "GIT_CONFIG_VALUE_0": "true",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "CONTENT_LENGTH": str(len(body)),
                "REMOTE_USER": USER,
                "REMOTE_ADDR": "127.0.0.1",
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
