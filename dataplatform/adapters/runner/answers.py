"""What main.py asks the platform for: bytes of a source, files of a release.

Here belong the answers and the record of them, from which a candidate's provenance is written.
How bytes are fetched is the fetcher's business.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dataplatform.datasets.fetching import SourceFetcher, SourceRequest
from dataplatform.datasets.producing import (
    FetchedFile,
    FetchedSource,
    ProduceRequest,
    ReleaseInput,
)
from dataplatform.errors import FailureClass, failure_class_of
from opendata.wire.digest import parse_digest
from opendata.wire.errors import OpenDataError

Message = Mapping[str, Any]


class FetchDesk:
    """Answers `context.fetch` and records what was fetched."""

    def __init__(
        self,
        fetcher: SourceFetcher,
        request: ProduceRequest,
        folder: Path,
        *,
        redact: Callable[[str], str],
        stopped: Callable[[], bool],
    ) -> None:
        self._fetcher = fetcher
        self._request = request
        self._folder = folder
        self._redact = redact
        self._stopped = stopped
        self._deadline = time.monotonic() + request.timeout_seconds
        self._count = 0
        self._files: list[FetchedFile] = []
        folder.mkdir()

    @property
    def sources(self) -> tuple[FetchedSource, ...]:
        """What was fetched, in order."""
        return tuple(file.source for file in self._files)

    def untouched(self) -> list[FetchedFile]:
        """The fetched files that still hold what came: main.py may do with them as it likes."""
        return [file for file in self._files if _is_as_fetched(file)]

    def answer(self, question: Message) -> Message:
        """Fetch; an error is an answer too."""
        self._count += 1
        path = str(self._folder / f"{self._count:05d}")
        request = self._source_request(question)
        try:
            found = self._fetcher.fetch(request, path, self._stopped)
        except (OpenDataError, OSError) as error:
            return {"error": error_answer(error, self._redact)}
        record = FetchedSource(
            request.public_url, found.sha256, found.size_bytes, found.fetched_at, found.mirrored
        )
        self._files.append(FetchedFile(record, found.path))
        return {
            "url": self._redact(found.url),
            "status": found.status,
            "headers": dict(found.headers),
            "path": found.path,
            "sha256": found.sha256,
        }

    def _source_request(self, question: Message) -> SourceRequest:
        url = str(question.get("url"))
        return SourceRequest(
            url=url,
            public_url=self._redact(url),
            timeout_seconds=max(self._deadline - time.monotonic(), 0.1),
            headers=question.get("headers") or {},
            html=bool(question.get("html")),
            mirror=self._request.mirror,
        )


def _is_as_fetched(file: FetchedFile) -> bool:
    try:
        with open(file.path, "rb") as opened:
            now = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return False
    return now == parse_digest(file.source.sha256)


class ReleaseDesk:
    """Answers which files a pinned release has; keeps our own failure to read one."""

    def __init__(self, request: ProduceRequest, redact: Callable[[str], str]) -> None:
        self._request = request
        self._redact = redact
        self.failure: BaseException | None = None

    def answer(self, question: Message) -> Message:
        """The paths of verified files, or the error."""
        pinned = self._pinned(question.get("input"))
        if pinned is None:
            return {"error": {"class": "parse", "message": "no such release is pinned"}}
        try:
            return {"paths": [os.path.abspath(path) for path in pinned.local_files()]}
        except (OpenDataError, OSError) as error:
            self.failure = error
            return {"error": {**error_answer(error, self._redact), "class": "upload"}}

    def _pinned(self, input_id: str | None) -> ReleaseInput | None:
        return self._request.previous if input_id is None else self._request.inputs.get(input_id)


def error_answer(error: OpenDataError | OSError, redact: Callable[[str], str]) -> dict[str, Any]:
    """An error as main.py will see it."""
    if isinstance(error, OSError):
        return {"class": FailureClass.UPLOAD.value, "message": redact(str(error))}
    return {
        "class": failure_class_of(error).value,
        "message": redact(error.message),
        "hint": error.hint,
        "status": error.details.get("status"),
        "url": redact(str(error.details.get("url") or "")),
    }
