"""The worker: load main.py, call produce, send what it gives, say how it went.

Here belongs the order of these steps. It ends the process itself, because what a producer leaves
behind (threads, exit hooks) must not keep a finished run waiting.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any, NoReturn

from .channel import Channel
from .failure import failure_of, place_of_frame

_STOPPED = 143


class NoProduce(Exception):
    """main.py has no function that could be called."""

    failure_class = "parse"


class NoRows(Exception):
    """produce ended without a single row."""

    failure_class = "parse"


def run_job(job_path: str) -> NoReturn:
    """Run one job and exit with 0 (rows were sent) or 1 (a failure was told)."""
    with open(job_path, encoding="utf-8") as file:
        job = json.load(file)
    channel = Channel(job["control"])
    for name in ("control", "tables"):
        os.set_inheritable(job[name], False)
    main_path = job["main_path"]
    _prepare_process(main_path)
    signal.signal(signal.SIGTERM, _tell_where_and_end(channel, main_path))
    run = _Run(channel, job)
    try:
        answer = run.to_the_end()
    except BaseException as error:  # noqa: BLE001 - whatever main.py raises becomes an answer
        answer = failure_of(_exits_explained(error), main_path, run.code, run.line)
    channel.send(answer)
    _leave(0 if answer["type"] == "done" else 1)


class _Run:
    """One run, and how far it has come, for errors that have no line of their own."""

    def __init__(self, channel: Channel, job: dict[str, Any]) -> None:
        self._channel = channel
        self._job = job
        self._result: Any = None
        self.code: CodeType | None = None

    @property
    def line(self) -> int | None:
        """Where a generator stands: at the yield whose table was refused."""
        frame = getattr(self._result, "gi_frame", None)
        return frame.f_lineno if frame is not None else None

    def to_the_end(self) -> dict[str, Any]:
        import pyarrow as pa  # here, so that an environment without it is a failure with a name

        from .context import Context
        from .lazy_pandas import delay_pandas
        from .tables import TableWriter, batches_of

        delay_pandas()
        produce = _produce_of(_load(self._job["main_path"]))
        self.code = getattr(produce, "__code__", None)
        writer = TableWriter(self._job["tables"])
        self._result = produce(Context(self._channel, self._job))
        for number, batch in batches_of(self._result):
            writer.write(batch, number)
        self._require_rows(writer.row_count, writer.columns)
        writer.close()
        return {
            "type": "done",
            "rows": writer.row_count,
            "columns": writer.columns,
            "tools": {"python": platform.python_version(), "pyarrow": pa.__version__},
        }

    def _require_rows(self, count: int, columns: Sequence[str]) -> None:
        """A part of time may have no rows, if main.py says so by a table that has columns."""
        if count:
            return
        if not (self._job["start"] or self._job["end"]):
            raise NoRows("produce gave no rows; a run without data is no release")
        if not columns:
            raise NoRows(
                "produce gave no table; where there is nothing for the asked interval, give an "
                "empty table with the same columns"
            )


def _load(main_path: str) -> ModuleType:
    # Under a name that other processes can import it by, and that is not __main__: a guarded
    # block for trying things out stays quiet.
    spec = importlib.util.spec_from_file_location("main", main_path)
    if spec is None or spec.loader is None:
        raise NoProduce(f"{main_path} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules["main"] = module
    spec.loader.exec_module(module)
    return module


def _produce_of(module: ModuleType) -> Callable[..., Any]:
    produce = getattr(module, "produce", None)
    if produce is None:
        raise NoProduce("main.py defines no function produce(context)")
    if not callable(produce):
        raise NoProduce(f"produce is a {type(produce).__name__}, not a function")
    if inspect.iscoroutinefunction(produce) or inspect.isasyncgenfunction(produce):
        raise NoProduce("produce is async; make it a plain function or generator")
    return produce


def _prepare_process(main_path: str) -> None:
    sys.argv = [main_path]
    sys.path.insert(0, os.path.dirname(main_path))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]


def _tell_where_and_end(channel: Channel, main_path: str) -> Callable[[int, Any], None]:
    """A handler that uses the last moment before a stop to say where main.py stands."""

    def handle(signum: int, frame: FrameType | None) -> None:
        file, line = place_of_frame(frame, main_path)
        if channel.is_ours:
            channel.send({"type": "stopped", "file": file, "line": line}, patience_seconds=0.2)
        os._exit(_STOPPED)

    return handle


def _exits_explained(error: BaseException) -> BaseException:
    if isinstance(error, SystemExit):
        explained = NoRows(f"main.py ended itself with sys.exit({error.code!r})")
        return explained.with_traceback(error.__traceback__)
    return error


def _leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # main.py closed it
    os._exit(code)
