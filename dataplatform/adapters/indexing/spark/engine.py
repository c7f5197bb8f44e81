"""The Spark engine: describes files on as many machines as Spark has (requirement B45).

Here belongs one conversation with the process that Spark lives in. It is started when files are
first described, so that whoever needs no Spark waits for none, and serves every channel after that.
Nothing falls back: where Spark cannot run, describing fails and says what to install.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from dataplatform.adapters.indexing.spark.frames import Kind, PipeClosed, read_frame, write_frame
from dataplatform.adapters.indexing.spark.launch import LaunchedProcess
from dataplatform.adapters.indexing.spark.parcels import (
    parcels_of,
    unpack_failure,
    unpack_outcomes,
)
from dataplatform.channels.ports import DescribeTask, Outcome, StoredFile
from opendata.wire.errors import OpenDataError, Unavailable

DEFAULT_MASTER: Final = "local[*]"


class SparkEngine:
    """Describes files on Spark.

    Args:
        root: The folder that relative storage paths belong to.
        work: The folder for logs and scratch.
        python: The interpreter that starts Spark; None for this one.
        master: Where Spark runs: `local[*]`, `spark://…`, `yarn`, `k8s://…`, `sc://…` (Connect).
        config: Further settings of the session, by Spark's own names.
    """

    name = "spark"

    def __init__(
        self,
        root: Path | str,
        *,
        work: Path | str,
        python: str | None = None,
        master: str | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self._root, self._work, self._python = str(root), Path(work), python
        self._master, self._config = master or DEFAULT_MASTER, dict(config or {})
        self._busy = threading.Lock()
        self._process: LaunchedProcess | None = None
        self._finalizer: Any = None

    def configured(self, config: Mapping[str, object]) -> SparkEngine:
        """An engine like this one with further settings, such as those of a Dagster resource."""
        further = {str(name): _setting(value) for name, value in config.items()}
        return SparkEngine(
            self._root,
            work=self._work,
            python=self._python,
            master=further.pop("spark.master", self._master),
            config=self._config | further,
        )

    def describe(
        self, task: DescribeTask, files: Sequence[StoredFile]
    ) -> Iterator[Sequence[Outcome]]:
        """One outcome for each file, in any order; whoever stops asking ends the process.

        Raises:
            Unavailable: if Spark cannot run here (`no_spark`, `no_java`, `spark_start_failed`), or
                does not get through (`spark_failed`, `spark_ended`); details name its log.
        """
        if not files:
            return
        with self._busy:
            process = self._started(task.environ)
            parcels = parcels_of(files, task.digests)
            sending = _Sending(process, self._job(task), parcels)
            keeps = False
            try:
                yield from _outcomes(process)
                keeps = True
            except Unavailable:
                raise
            except OpenDataError:
                keeps = True  # the job failed, and Spark is as good as before
                raise
            finally:
                if not keeps:
                    self.close()
                sending.stop()

    @property
    def pid(self) -> int | None:
        """The number of the process that Spark lives in, or None while there is none."""
        return self._process.pid if self._process and self._process.is_running() else None

    def close(self) -> None:
        """End the process, if there is one; the next files start another."""
        if self._process is not None:
            self._finalizer.detach()
            self._process.end()
            self._process = None

    def _started(self, environ: Mapping[str, str]) -> LaunchedProcess:
        if self._process is not None and self._process.is_running():
            return self._process
        self.close()
        process = LaunchedProcess(self._python, self._work, environ)
        self._process = process
        self._finalizer = weakref.finalize(self, process.end)
        with contextlib.suppress(PipeClosed):  # it has ended already: reading says so
            start = {"master": self._master, "config": self._config}
            write_frame(process.asks, Kind.START, msgspec.json.encode(start))
        return process

    def _job(self, task: DescribeTask) -> bytes:
        return msgspec.json.encode(
            {
                "storage_path": task.storage_path,
                "spec": dict(task.spec),
                "environ": dict(task.environ),
                "root": self._root,
            }
        )


class _Sending:
    """Sends a job and its files beside whoever reads the answers, for both pipes have an end."""

    def __init__(self, process: LaunchedProcess, job: bytes, parcels: Iterator[bytes]) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._send, args=(process, job, parcels), name="spark-files", daemon=True
        )
        self._thread.start()

    def _send(self, process: LaunchedProcess, job: bytes, parcels: Iterator[bytes]) -> None:
        with contextlib.suppress(PipeClosed):  # whoever reads the answers sees the end as well
            write_frame(process.asks, Kind.JOB, job)
            for parcel in parcels:
                if self._stopped.is_set():
                    break
                write_frame(process.asks, Kind.FILES, parcel)
            write_frame(process.asks, Kind.END)

    def stop(self) -> None:
        """Send no more files, and wait until the end of the job was sent."""
        self._stopped.set()
        self._thread.join()


def _outcomes(process: LaunchedProcess) -> Iterator[list[Outcome]]:
    """The outcomes of the job that is under way, until it is done."""
    while True:
        try:
            kind, payload = read_frame(process.answers)
        except PipeClosed as closed:
            raise _ended(process) from closed
        if kind is Kind.OUTCOMES:
            yield unpack_outcomes(payload)
        elif kind is Kind.FAILURE:
            raise _with_log(unpack_failure(payload), process)
        elif kind is Kind.DONE:
            return


def _ended(process: LaunchedProcess) -> Unavailable:
    lines = process.last_lines()
    missing = next((line for line in lines if "No module named" in line), None)
    if missing:
        return Unavailable(
            f"the interpreter for Spark lacks opendata: {missing.strip()}",
            code="no_spark",
            hint="OPENDATA_SPARK_PYTHON names an interpreter that has pyspark and opendata",
            details={"log": str(process.log), "last_lines": lines},
        )
    return Unavailable(
        "the process that Spark lives in ended before all files were described",
        code="spark_ended",
        hint=f"its log says more: {process.log}; what was described until now is kept",
        details={"log": str(process.log), "last_lines": lines},
    )


def _with_log(error: OpenDataError, process: LaunchedProcess) -> OpenDataError:
    """What failed in Spark itself, with the place where it says more."""
    if not isinstance(error, Unavailable):
        return error
    return Unavailable(
        error.message,
        hint=f"{error.hint}; its log: {process.log}",
        code=error.code,
        details={**error.details, "log": str(process.log)},
    )


def _setting(value: object) -> str:
    """A setting's value as Spark writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
