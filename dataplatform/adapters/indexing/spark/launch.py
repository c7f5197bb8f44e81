"""The life of the process that Spark lives in: started, spoken to, ended, its log kept.

It has a session of its own, so that an interruption at the terminal reaches the engine alone, which
then ends it. It ends by itself when its standard input does: nothing outlives whoever started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

import dataplatform
from opendata.wire.errors import Unavailable

_PROCESS: Final = "dataplatform.adapters.indexing.spark.process"
_LOGS_KEPT: Final = 10
_TAIL_BYTES: Final = 8192
_TAIL_LINES: Final = 20
_END_SECONDS: Final = 20.0


class LaunchedProcess:
    """A started process with its two pipes: `asks` to write to, `answers` to read from.

    Args:
        python: The interpreter; None for this one.
        work: The folder for its logs and scratch.
        environ: What it finds in its environment, beside this process's.

    Raises:
        Unavailable: if the interpreter cannot be started.
    """

    def __init__(self, python: str | None, work: Path, environ: Mapping[str, str]) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.log = _new_log(work)
        read_end, write_end = os.pipe()
        self.answers: BinaryIO = os.fdopen(read_end, "rb")
        try:
            self._process = _start(python or sys.executable, work, self.log, write_end, environ)
        except BaseException:
            self.answers.close()
            raise
        finally:
            os.close(write_end)
        self.asks = cast(BinaryIO, self._process.stdin)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def last_lines(self) -> list[str]:
        """The end of its log."""
        with self.log.open("rb") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
            return log.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]

    def end(self, *, patience_seconds: float = _END_SECONDS) -> None:
        """End it and all that it started, now. Harmless twice.

        Signals come before pipes are closed: somebody may be writing to one that nobody reads.
        """
        if self.is_running():
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
        for pipe in (self.asks, self.answers):
            with contextlib.suppress(OSError):  # what was not sent yet has nobody to read it
                pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _start(
    python: str, work: Path, log: Path, answers: int, environ: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    try:
        with log.open("ab") as written:
            return subprocess.Popen(
                [python, "-m", _PROCESS, str(answers)],
                cwd=work,  # where Spark leaves what it writes beside itself
                env=_environment(python, environ),
                stdin=subprocess.PIPE,
                stdout=written,
                stderr=written,
                pass_fds=[answers],
                start_new_session=True,
            )
    except OSError as error:
        raise Unavailable(
            f"the interpreter for Spark cannot be started: {python}: {error.strerror}",
            code="no_spark",
            hint="OPENDATA_SPARK_PYTHON names an interpreter that has pyspark and opendata",
        ) from error


def _environment(python: str, environ: Mapping[str, str]) -> dict[str, str]:
    found = {**os.environ, **environ}
    found["PYTHONUNBUFFERED"] = "1"
    if python == sys.executable:
        # Executors on this machine import the same code, wherever it lies.
        root = str(Path(dataplatform.__file__).parents[1])
        found["PYTHONPATH"] = os.pathsep.join(filter(None, [root, found.get("PYTHONPATH")]))
    else:
        found.pop("PYTHONPATH", None)  # another environment has its own
    return found


def _new_log(work: Path) -> Path:
    for old in sorted(work.glob("spark-*.log"))[: -_LOGS_KEPT + 1]:
        old.unlink(missing_ok=True)
    return work / f"spark-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}.log"
