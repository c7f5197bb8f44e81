"""One producer process: how it is started, what it may see, and how it is stopped for certain.

Here belong descriptors, the environment and the lifeline to the guardian (see
`producer_process.supervise`). What is said over the descriptors does not.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from opendata.wire.errors import Unavailable

_CHILD = Path(__file__).with_name("producer_process")
_PIPE_BYTES = 1024 * 1024
_GUARDIAN_SECONDS = 15.0


class ProducerProcess:
    """A running main.py with its guardian; `close` leaves nothing of it behind."""

    def __init__(
        self,
        python: str,
        folder: Path,
        job: Mapping[str, Any],
        *,
        secrets: Mapping[str, str],
        grace_seconds: float,
    ) -> None:
        tables, tables_end = os.pipe()
        _widen(tables)
        self.tables = os.fdopen(tables, "rb", buffering=_PIPE_BYTES)
        self.control, control_end = socket.socketpair()
        self._lifeline, lifeline_end = socket.socketpair()
        self._patience_seconds = grace_seconds + _GUARDIAN_SECONDS
        self._impatience: threading.Timer | None = None
        ends = {"tables": tables_end, "control": control_end.fileno()}
        job_path = folder / "job.json"
        job_path.write_text(json.dumps({**job, **ends}), encoding="utf-8")
        arguments = [str(job_path), str(lifeline_end.fileno()), str(grace_seconds)]
        try:
            self._guardian = _start(
                [python, str(_CHILD), *arguments],
                folder=Path(job["main_path"]).parent,
                environment=_environment(python, folder, secrets),
                descriptors=[*ends.values(), lifeline_end.fileno()],
            )
        except BaseException:
            self._close_descriptors()
            raise
        finally:
            os.close(tables_end)
            control_end.close()
            lifeline_end.close()

    @property
    def outputs(self) -> Iterator[tuple[BufferedReader, str]]:
        """The pipes of standard output and error, with the level of their lines."""
        for pipe, level in ((self._guardian.stdout, "info"), (self._guardian.stderr, "warning")):
            yield cast(BufferedReader, pipe), level

    def stop(self) -> None:
        """Ask the guardian to end everything; returns at once. Harmless after the end."""
        try:
            self._lifeline.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it has ended already
        if self._impatience is None:
            # A guardian that does not answer was itself stopped; the worker dies with it.
            self._impatience = threading.Timer(self._patience_seconds, self._guardian.kill)
            self._impatience.daemon = True
            self._impatience.start()

    def wait(self) -> int | None:
        """Wait for the end; the worker's wait status, or None where the guardian was killed too."""
        self._guardian.wait()
        return self._status

    def close(self) -> None:
        """Stop what still runs and close the descriptors that nobody else reads."""
        self.stop()
        self.wait()
        if self._impatience is not None:
            self._impatience.cancel()
        self._close_descriptors()

    @cached_property
    def _status(self) -> int | None:
        """What the guardian told of the worker; where it could not, the worker's group is ended."""
        words: dict[str, Any] = {}
        with self._lifeline.makefile("rb") as file:
            for line in file:
                words.update(json.loads(line))
        if "status" not in words and "worker" in words:
            try:
                os.killpg(words["worker"], signal.SIGKILL)
            except OSError:
                return None  # nothing of it is left
        return words.get("status")

    def _close_descriptors(self) -> None:
        self.control.close()
        self._lifeline.close()
        self.tables.close()


def _start(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    descriptors: Sequence[int],
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(
            f"the interpreter {command[0]} cannot be started: {error.strerror}",
            hint="install the platform again: make setup",
        ) from error


def _environment(python: str, folder: Path, secrets: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of main.py: what Python needs, and the secrets it declares."""
    home, temporary = folder / "home", folder / "tmp"
    for place in (home, temporary):
        place.mkdir()
    path = os.pathsep.join([os.path.dirname(python), os.environ.get("PATH", os.defpath)])
    return {
        **secrets,
        "PATH": path,
        "HOME": str(home),  # credentials in the user's own are none of main.py's business
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(temporary),
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",  # sets keep their order, so the same input gives the same rows
        "PYTHONDONTWRITEBYTECODE": "1",  # the producer's folder stays as its author left it
        "PYTHONFAULTHANDLER": "1",  # a crash in native code says where
        "PYTHONNOUSERSITE": "1",
    }


def _widen(descriptor: int) -> None:
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return  # a limit of this machine; the pipe works as it is, with more turns
