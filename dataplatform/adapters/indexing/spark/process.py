"""The process that Spark lives in: takes jobs from standard input, answers on a descriptor.

Started by `engine` as `python -m dataplatform.adapters.indexing.spark.process DESCRIPTOR`. It ends
when its standard input does, so it never outlives whoever started it; Java goes with it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec

from dataplatform.adapters.indexing.spark.frames import Kind, PipeClosed, read_frame, write_frame
from dataplatform.adapters.indexing.spark.parcels import pack_failure
from dataplatform.adapters.indexing.spark.rounds import Pace, run_rounds
from dataplatform.adapters.indexing.spark.session import open_session
from dataplatform.adapters.indexing.spark.work import OUTCOME_COLUMNS, DescribeParcels
from dataplatform.channels.ports import DescribeTask
from opendata.wire.errors import OpenDataError, Unavailable

_AHEAD_FRAMES: Final = 1024
_ORPHANED: Final = 3


class Settings(msgspec.Struct):
    """What the session is started with."""

    master: str
    config: dict[str, str]


class Job(msgspec.Struct):
    """One job: what every parcel's files have in common."""

    storage_path: str
    spec: dict[str, Any]
    environ: dict[str, str]
    root: str


class SparkProcess:
    """Serves jobs until the engine closes the pipe."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._frames: queue.Queue[tuple[Kind, bytes] | None] = queue.Queue(_AHEAD_FRAMES)
        self._in_job = threading.Event()
        self._session: Any = None
        self._pace = Pace()
        self._settings = Settings("", {})

    def serve(self, asked: BinaryIO) -> None:
        """Take frames until there are no more."""
        threading.Thread(target=self._listen, args=(asked,), daemon=True).start()
        while (frame := self._frames.get()) is not None:
            kind, payload = frame
            if kind is Kind.START:
                self._settings = msgspec.json.decode(payload, type=Settings)
            elif kind is Kind.JOB:
                self._in_job.set()
                self._serve_job(msgspec.json.decode(payload, type=Job))
                self._in_job.clear()
        if self._session is not None:
            self._session.stop()

    def _listen(self, asked: BinaryIO) -> None:
        """Read ahead, so that the end of whoever asked is seen while a job runs."""
        with contextlib.suppress(PipeClosed):
            while True:
                self._frames.put(read_frame(asked))
        if self._in_job.is_set():
            os._exit(_ORPHANED)  # nobody waits for the outcomes; Java sees its own pipe close
        self._frames.put(None)

    def _serve_job(self, job: Job) -> None:
        try:
            if self._session is None:
                self._session = open_session(self._settings.master, self._settings.config)
            failure = self._run(job)
        except OpenDataError as error:
            failure = pack_failure(error)
        if failure is None:
            self._answer(Kind.DONE)
        else:
            self._answer(Kind.FAILURE, failure)

    def _answer(self, kind: Kind, payload: bytes = b"") -> None:
        try:
            write_frame(self._answers, kind, payload)
        except PipeClosed:
            os._exit(_ORPHANED)  # at once: rounds that are under way would be waited for

    def _run(self, job: Job) -> bytes | None:
        """Send all outcomes; the first failure of a parcel ends the job."""
        from pyspark.errors import PySparkException

        task = DescribeTask(job.storage_path, job.spec, job.environ)
        rounds = run_rounds(
            self._session,
            self._parcels(),
            lambda parcels: DescribeParcels(task, job.root, parcels),
            OUTCOME_COLUMNS,
            pace=self._pace,
        )
        try:
            for outcomes, failure in rounds:
                if failure is not None:
                    return failure
                self._answer(Kind.OUTCOMES, outcomes or b"")
        except PySparkException as error:
            raise _broken(error) from error
        except Exception as error:
            if type(error).__module__.startswith("py4j"):  # Java's own, and a Java that is gone
                raise _broken(error) from error
            raise
        return None

    def _parcels(self) -> Iterator[bytes]:
        while (frame := self._frames.get()) is not None and frame[0] is Kind.FILES:
            yield frame[1]


def _broken(error: Exception) -> Unavailable:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in reversed(lines) if "Error" in line), lines[0] if lines else "")
    return Unavailable(
        f"Spark could not describe the files: {told[:300] or type(error).__name__}",
        code="spark_failed",
        hint="what was described until now is kept",
    )


def main() -> None:
    """Serve on standard input and the descriptor that the command line names."""
    with os.fdopen(int(sys.argv[1]), "wb") as answers:
        SparkProcess(answers).serve(sys.stdin.buffer)


if __name__ == "__main__":
    main()
