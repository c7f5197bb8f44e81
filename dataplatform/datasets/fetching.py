"""The port behind `context.fetch`: one download, its answer, and what an answer means.

Here belong the request, the answer and the pure judgements on them (is this page an error in
disguise, which class of failure is this status). Sockets, files, retries and mirrors belong to
`dataplatform.adapters.sources`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dataplatform.errors import FailureClass

_RETRYABLE_STATUS = frozenset({408, 425, 429})
_FORBIDDEN_STATUS = frozenset({401, 402, 403, 407, 451})
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html\b)", re.I | re.S
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.I | re.S)
TITLE_MAX_CHARS = 120


@dataclass(frozen=True)
class SourceRequest:
    """One download.

    Args:
        url: The complete address, parameters included.
        public_url: The same with secrets replaced: what is recorded, shown and looked up in a
            mirror, so that a recording never carries a key.
        html: An HTML page is what is wanted; otherwise one counts as a failure.
        timeout_seconds: All attempts and pauses together.
    """

    url: str
    public_url: str
    timeout_seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)
    html: bool = False
    mirror: str | None = None


@dataclass(frozen=True)
class SourceAnswer:
    """Downloaded bytes, as a file, and how they came."""

    url: str
    status: int
    headers: Mapping[str, str]
    path: str
    sha256: str
    size_bytes: int
    fetched_at: datetime
    mirrored: bool


class SourceFetcher(Protocol):
    """Fetches a source into a file."""

    def fetch(
        self, request: SourceRequest, path: str, stopped: Callable[[], bool] = lambda: False
    ) -> SourceAnswer:
        """Write the body of `request.url` to `path`; gives up soon after `stopped()` is true.

        Raises:
            SourceUnavailable: not reachable, or busy after all attempts; `details` carries
                `status` where there was an answer.
            ProducerFailed: class permission (401, 403, an address that may not be asked), parse
                (not found, HTML where data was expected, too large) or upload (disk full).
        """
        ...


def failure_class_of_status(status: int) -> FailureClass:
    """How an HTTP status that is no success is counted: only what may pass later is network."""
    if status in _RETRYABLE_STATUS or status >= 500:
        return FailureClass.NETWORK
    if status in _FORBIDDEN_STATUS:
        return FailureClass.PERMISSION
    return FailureClass.PARSE


def is_html_page(content_type: str | None, head: bytes) -> bool:
    """Whether an answer is a web page, by its declared type or by its first bytes."""
    declared = (content_type or "").partition(";")[0].strip().lower()
    return declared in _HTML_TYPES or _HTML_START.match(head) is not None


def html_title(head: bytes) -> str:
    """The title of a page, on one line; often the only readable part of an error page."""
    match = _TITLE.search(head.decode("utf-8", errors="replace"))
    title = " ".join(html.unescape(match.group(1)).split()) if match else ""
    return title[:TITLE_MAX_CHARS] or "without a title"
