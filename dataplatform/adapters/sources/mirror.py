"""A mirror answers in place of the live source, and never half: what it lacks is missing.

Here belongs looking an address up below a mirror's root, a folder or a URL. The names of answers
stand in `dataplatform.datasets.mirror`; filling a mirror is `dataplatform.adapters.mirrors`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from dataplatform.adapters.sources.body import refuse_html, save_body
from dataplatform.adapters.sources.http import HttpDownloads
from dataplatform.datasets.fetching import SourceAnswer, SourceRequest
from dataplatform.datasets.mirror import mirror_path, mirror_spellings
from dataplatform.errors import ProducerFailed, SourceUnavailable

_CHUNK_BYTES = 1024 * 1024


def from_folder(
    root: str, request: SourceRequest, path: str, *, limit_bytes: int, clock: Callable[[], datetime]
) -> SourceAnswer:
    """Copy the answer out of a mirror folder; a copy, so that a producer cannot spoil the mirror.

    Raises:
        SourceUnavailable: naming the file that was looked for.
    """
    for spelling in mirror_spellings(request.public_url):
        source = os.path.join(root, *spelling.split("/"))
        if os.path.isfile(source):
            saved = save_body(
                _chunks_of(source), path, limit_bytes=limit_bytes, name=request.public_url
            )
            refuse_html(request, None, saved.head)
            return SourceAnswer(
                url=request.public_url,
                status=200,
                headers={"content-length": str(saved.size_bytes)},
                path=path,
                sha256=saved.sha256,
                size_bytes=saved.size_bytes,
                fetched_at=clock(),
                mirrored=True,
            )
    raise _missing(request, os.path.join(root, *mirror_path(request.public_url).split("/")))


def from_url(
    root: str,
    request: SourceRequest,
    path: str,
    downloads: HttpDownloads,
    stopped: Callable[[], bool],
) -> SourceAnswer:
    """Fetch the answer from a mirror that is served over HTTP.

    Raises:
        SourceUnavailable: naming the address that was looked for.
    """
    address = f"{root.rstrip('/')}/{quote(mirror_path(request.public_url))}"
    # The server that hands recorded bytes out guesses types; only the bytes themselves count.
    stored = replace(request, url=address, public_url=address, headers={}, html=True)
    try:
        answer = downloads.download(stored, path, stopped)
    except ProducerFailed as error:
        if error.details.get("status") != 404:
            raise
        raise _missing(request, address) from error
    with open(path, "rb") as file:
        refuse_html(request, None, file.read(4096))
    return replace(answer, url=request.public_url, headers={}, mirrored=True)


def _chunks_of(source: str) -> Iterator[bytes]:
    with open(source, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _missing(request: SourceRequest, looked_for: str) -> SourceUnavailable:
    return SourceUnavailable(
        f"the mirror has no answer for {request.public_url}: looked for {looked_for}",
        hint="record the answer there, or unset OPENDATA_MIRROR to ask the live source",
        details={"url": request.public_url, "looked_for": looked_for},
    )
