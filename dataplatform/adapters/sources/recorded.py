"""Recorded sources: a producer that is run again gets exactly the bytes that it got then.

Answers go by the recorded digest: from what the release kept, else from a mirror or the live source
if the same bytes still come from there. Other bytes are an error that names the source, and never
reach the producer.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from dataplatform.datasets.fetching import SourceAnswer, SourceFetcher, SourceRequest
from dataplatform.errors import FailureClass, ProducerFailed
from dataplatform.releases.recipe import Recording
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.digest import parse_digest, prefixed
from opendata.wire.errors import NotFound


class RecordedSources:
    """A `SourceFetcher` over recordings; it lives for one run.

    `problem` is the first difference that was met: main.py may hide it behind an error of its own.

    Args:
        otherwise: What is asked for bytes that were not kept.
        clock: When an answer is said to have been fetched.
    """

    def __init__(
        self,
        reader: ObjectReader,
        recordings: Iterable[Recording],
        otherwise: SourceFetcher,
        clock: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._otherwise = otherwise
        self._clock = clock
        self._waiting: dict[str, deque[Recording]] = {}
        for recording in recordings:
            self._waiting.setdefault(recording.url, deque()).append(recording)
        self.problem: ProducerFailed | None = None

    def fetch(
        self, request: SourceRequest, path: str, stopped: Callable[[], bool] = lambda: False
    ) -> SourceAnswer:
        """As `SourceFetcher.fetch`; the n-th request of an address gets its n-th recording."""
        recording = self._next(request.public_url)
        if recording.kept:
            return self._from_store(request, recording, path)
        answer = self._otherwise.fetch(request, path, stopped)
        now = parse_digest(answer.sha256)
        if now != recording.sha256:
            raise self._differs(
                f"{request.public_url} has other bytes now: recorded sha256 "
                f"{recording.sha256[:12]}…, now {now[:12]}…",
                "set OPENDATA_MIRROR to a mirror of that time",
            )
        return answer

    def _next(self, url: str) -> Recording:
        waiting = self._waiting.get(url)
        if not waiting:
            raise self._differs(
                f"{url} is asked for, and was not fetched when the release was made",
                "main.py may go by today's date, or by what it is told of earlier answers",
            )
        # Asked once more than then, as after a retry of its own: the last bytes again.
        return waiting.popleft() if len(waiting) > 1 else waiting[0]

    def _from_store(self, request: SourceRequest, recording: Recording, path: str) -> SourceAnswer:
        key = keys.object_key(recording.sha256)
        sha = hashlib.sha256()
        try:
            with Path(path).open("wb") as file:
                for piece in self._reader.stream(key):
                    sha.update(piece)
                    file.write(piece)
        except NotFound as error:
            lost = f"the kept bytes of {recording.url} are gone: {key}"
            raise self._differs(lost, "od verify names all losses") from error
        if sha.hexdigest() != recording.sha256:
            damaged = f"the kept bytes of {recording.url} are damaged: {key}"
            raise self._differs(damaged, "od verify names all damage")
        return SourceAnswer(
            url=request.public_url,
            status=200,
            headers={"content-length": str(recording.size_bytes)},
            path=path,
            sha256=prefixed(recording.sha256),
            size_bytes=recording.size_bytes,
            fetched_at=self._clock(),
            mirrored=True,
        )

    def _differs(self, message: str, hint: str) -> ProducerFailed:
        problem = ProducerFailed(message, failure_class=FailureClass.PARSE, hint=hint)
        self.problem = self.problem or problem
        return problem
