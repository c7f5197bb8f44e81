"""A body on its way to disk: hashed, counted, limited, and looked at before it is believed.

Here belongs what holds for bytes from anywhere, the web or a mirror. Where they come from does
not belong here.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from dataplatform.datasets.fetching import SourceRequest, html_title, is_html_page
from dataplatform.errors import FailureClass, ProducerFailed

_HEAD_BYTES = 4096
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class SavedBody:
    """What was written: its digest, its size, and its first bytes."""

    sha256: str
    size_bytes: int
    head: bytes


def save_body(chunks: Iterable[bytes], path: str, *, limit_bytes: int, name: str) -> SavedBody:
    """Write `chunks` to a new file at `path`.

    Raises:
        ProducerFailed: class parse above `limit_bytes`, class upload when the disk is full.
    """
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        with open(path, "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > limit_bytes:
                    raise too_large(name, limit_bytes)
                digest.update(chunk)
                head += chunk[: _HEAD_BYTES - len(head)]
                file.write(chunk)
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise ProducerFailed(
            f"{name} did not fit on the disk: {size:,} bytes came, then {error.strerror}",
            failure_class=FailureClass.UPLOAD,
            hint="free some space where the runs work, or ask for a shorter interval",
        ) from error
    return SavedBody(f"sha256:{digest.hexdigest()}", size, head)


def refuse_html(request: SourceRequest, content_type: str | None, head: bytes) -> None:
    """Refuse a web page where data was expected: log-in walls and error pages answer 200.

    Raises:
        ProducerFailed: class parse, quoting the page's title.
    """
    if request.html or not is_html_page(content_type, head):
        return
    raise ProducerFailed(
        f"{request.public_url} answered a web page ({html_title(head)!r}) where data was expected",
        failure_class=FailureClass.PARSE,
        hint="open the address in a browser; where a page is what you want, pass html=True",
        details={"url": request.public_url, "status": 200},
    )


def too_large(name: str, limit_bytes: int) -> ProducerFailed:
    """The error for a body above the limit."""
    return ProducerFailed(
        f"{name} sends more than the {limit_bytes:,} bytes that one fetch may take",
        failure_class=FailureClass.PARSE,
        hint="fetch the source in parts, for example one address per year",
        details={"url": name},
    )
