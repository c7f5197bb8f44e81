"""What `context.fetch` gives back: a response, or an error that says what the source did.

The errors are also what Python calls them, so that main.py catches them without an import:
`ConnectionError` (not reachable, class network), `PermissionError` (401, 403), `FileNotFoundError`
(404, 410), `ValueError` (a web page, too large, no address). Each has `.status` and `.url`.
The download itself happens in the platform's process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_GONE = frozenset({404, 410})


class SourceError(Exception):
    """A fetch that failed."""

    failure_class = "parse"

    def __init__(self, message: str, url: str, status: int | None, hint: str | None) -> None:
        super().__init__(message)
        self.url = url
        self.status = status
        self.hint = hint


class SourceUnreachable(SourceError, ConnectionError):
    """Nobody answered, or only to say: later."""

    failure_class = "network"


class SourceDenied(SourceError, PermissionError):
    """The source wants a key, or another one; or the address is out of bounds."""

    failure_class = "permission"


class SourceMissing(SourceError, FileNotFoundError):
    """The source is there and has no such page."""


class SourceUnusable(SourceError, ValueError):
    """An answer came that cannot be data."""


class PlatformFailed(SourceError, OSError):
    """Not the source's fault: the platform could not store or read something."""

    failure_class = "upload"


def source_error(error: Mapping[str, Any]) -> SourceError:
    """The exception for what the platform answered."""
    status = error.get("status")
    kind = {
        "network": SourceUnreachable,
        "permission": SourceDenied,
        "upload": PlatformFailed,
    }.get(error["class"], SourceMissing if status in _GONE else SourceUnusable)
    return kind(error["message"], error.get("url", ""), status, error.get("hint"))


class Headers(Mapping[str, str]):
    """Names in any case, as HTTP has them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Response:
    """A download: `path` is its file; `content`, `text` and `json()` read it."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.url: str = answer["url"]
        self.status: int = answer["status"]
        self.headers = Headers(answer["headers"])
        self.path: str = answer["path"]
        self.sha256: str = answer["sha256"]

    @property
    def content(self) -> bytes:
        """All bytes."""
        with open(self.path, "rb") as file:
            return file.read()

    @property
    def text(self) -> str:
        """All text, in the declared character set, else UTF-8; a byte order mark is dropped."""
        return self.content.decode(self._charset())

    def json(self) -> Any:
        """The parsed document."""
        return json.loads(self.text)

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.url}>"

    def _charset(self) -> str:
        for parameter in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset" and value.strip(" \"'").lower() != "utf-8":
                return value.strip(" \"'")
        return "utf-8-sig"
