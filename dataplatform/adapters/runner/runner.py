"""One run of main.py from its request to its outcome; everything it started has ended by then.

Here belongs the order of the parts: environment, process, conversation, rows, end. Each part
stands in a module of its own.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from io import BufferedReader
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataplatform.adapters.processes.folders import living_folder
from dataplatform.adapters.runner.answers import FetchDesk, ReleaseDesk
from dataplatform.adapters.runner.conversation import Conversation
from dataplatform.adapters.runner.endings import Ending, error_of, producer_frames
from dataplatform.adapters.runner.environments import Environment, Environments
from dataplatform.adapters.runner.process import ProducerProcess
from dataplatform.adapters.runner.run_log import RunLog
from dataplatform.adapters.runner.stream import StreamBroken, TableStream
from dataplatform.datasets.fetching import SourceFetcher
from dataplatform.datasets.producing import ProduceOutcome, ProduceRequest
from dataplatform.errors import FailureClass, ProducerFailed
from opendata.wire.errors import OpenDataError

Receive = Callable[[pa.RecordBatch], None]
_THREAD_SECONDS = 5.0


class SubprocessRunner:
    """The `ProducerRunner` of this machine.

    Args:
        work_root: Where runs have their folders (downloads, temporary files), removed afterwards.
        environments_root: Where environments for declared dependencies are kept.
        fetcher: What answers `context.fetch`.
        python: The interpreter for producers that declare no dependencies.
        grace_seconds: Between asking a process to end and ending it.
    """

    def __init__(
        self,
        *,
        work_root: Path,
        environments_root: Path,
        fetcher: SourceFetcher,
        python: str = sys.executable,
        grace_seconds: float = 3.0,
    ) -> None:
        # A producer's process has a working folder of its own, so relative paths would mislead it.
        self._work_root = work_root.absolute()
        self._environments = Environments(environments_root.absolute(), python)
        self._fetcher = fetcher
        self._grace_seconds = grace_seconds

    def run(
        self, request: ProduceRequest, receive: Receive, log: Callable[[str, str], None]
    ) -> ProduceOutcome:
        """As `ProducerRunner.run`."""
        if not os.path.isfile(request.main_path):
            raise ProducerFailed(
                f"there is no {request.main_path}",
                failure_class=FailureClass.PARSE,
                hint=f"write one, or begin with: od init {request.id}",
            )
        run_log = RunLog(log, request.secrets)
        environment = self._environments.for_script(request.main_path, run_log.say)
        with living_folder(self._work_root, "run-") as folder:
            run = _Run(request, run_log, self._fetcher, folder)
            try:
                return run.to_the_end(environment, receive, self._grace_seconds)
            finally:
                if run_log.listener_error is not None:
                    raise run_log.listener_error


class _Run:
    """The parts of one run, while it lasts."""

    def __init__(
        self, request: ProduceRequest, log: RunLog, fetcher: SourceFetcher, folder: Path
    ) -> None:
        self._request = request
        self._log = log
        self._folder = folder
        self._timed_out = threading.Event()
        self._over = threading.Event()
        self._releases = ReleaseDesk(request, log.redact)
        self._fetches = FetchDesk(
            fetcher, request, folder / "fetched", redact=log.redact, stopped=self._over.is_set
        )

    def to_the_end(
        self, environment: Environment, receive: Receive, grace_seconds: float
    ) -> ProduceOutcome:
        process = ProducerProcess(
            environment.python,
            self._folder,
            self._job(),
            secrets=self._request.secrets,
            grace_seconds=grace_seconds,
        )
        stream = TableStream(process.tables)
        talk = Conversation(
            process.control, self._log, fetch=self._fetches.answer, files=self._releases.answer
        )
        problem: str | None = None
        with self._attended(process, talk):
            try:
                stream.hand_over(self._guarded(receive))
            except StreamBroken as error:
                problem = str(error)
                process.stop()
            status = process.wait()
        if talk.error is not None:
            raise talk.error
        ending = Ending(
            status=status,
            timed_out=self._timed_out.is_set(),
            reports=talk.reports,
            row_count=stream.row_count,
            stream_problem=problem,
            last_lines=self._log.last_lines,
        )
        self._raise_error_of(ending)
        if self._request.keep is not None:
            self._request.keep(self._fetches.untouched())
        tools = {**talk.reports["done"]["tools"], "opendata": version("opendata")}
        if environment.digest:
            tools["environment"] = environment.digest
        schema = stream.schema
        if schema is None:  # a table without rows, by the names of its columns
            schema = pa.schema([(name, pa.null()) for name in talk.reports["done"]["columns"]])
        return ProduceOutcome(schema, stream.row_count, self._fetches.sources, tools)

    @contextmanager
    def _attended(self, process: ProducerProcess, talk: Conversation) -> Iterator[None]:
        """Listen to the process and its clock until the block ends, then end all of it."""
        clock = threading.Timer(self._request.timeout_seconds, self._time_out, [process])
        clock.daemon = True
        readers = [
            threading.Thread(target=self._read_to_the_end, args=output, daemon=True)
            for output in process.outputs
        ]
        for thread in (clock, talk, *readers):
            thread.start()
        try:
            yield
        finally:
            clock.cancel()
            self._over.set()
            process.stop()
            process.wait()
            for thread in (talk, *readers):
                thread.join(_THREAD_SECONDS)
            process.close()

    def _read_to_the_end(self, pipe: BufferedReader, level: str) -> None:
        with pipe:
            self._log.follow(pipe, level)

    def _time_out(self, process: ProducerProcess) -> None:
        self._timed_out.set()
        self._over.set()
        process.stop()

    def _raise_error_of(self, ending: Ending) -> None:
        failure: Mapping[str, Any] = ending.reports.get("failure", {})
        if "traceback" in failure:
            for frame in producer_frames(failure["traceback"], self._request.main_path):
                self._log.say("info", frame)
            self._log.say("debug", failure["traceback"])
        ours = self._releases.failure
        if isinstance(ours, OpenDataError) and failure.get("class") == FailureClass.UPLOAD:
            raise ours  # main.py only passed on that our own store could not be read
        error = error_of(ending, self._request)
        if error is not None:
            raise self._redacted(error)

    def _redacted(self, error: OpenDataError) -> OpenDataError:
        error.message = self._log.redact(error.message)
        error.args = (error.message,)
        error.hint = self._log.redact(error.hint or "")
        return error

    def _guarded(self, receive: Receive) -> Receive:
        """`receive`, with a full disk told as the platform's failure that it is."""

        def take(batch: pa.RecordBatch) -> None:
            try:
                receive(batch)
            except OSError as error:
                raise ProducerFailed(
                    f"upload failure: the rows of {self._request.id} could not be kept: {error}",
                    failure_class=FailureClass.UPLOAD,
                    hint=f"make room, then try again: od run {self._request.id} --dry-run",
                ) from error

        return take

    def _job(self) -> dict[str, Any]:
        request = self._request
        previous = request.previous
        return {
            "id": str(request.id),
            "main_path": os.path.abspath(request.main_path),
            "start": request.start_at.isoformat() if request.start_at else None,
            "end": request.end_at.isoformat() if request.end_at else None,
            "previous": dict(previous.manifest) if previous else None,
            "inputs": {name: dict(pinned.manifest) for name, pinned in request.inputs.items()},
        }
