"""What went wrong in main.py, where, and of which class (network, permission, upload, parse).

Here belongs reading an exception from inside. The sentence that people see is written by the
platform.
"""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_TRACEBACK_MAX_CHARS = 20_000
_FILES_OF_OS = ([os.__file__], ["<frozen os>"])
_NETWORK_KINDS = frozenset(
    {
        "socket.gaierror", "socket.herror", "ssl.SSLError", "urllib.error.URLError",
        "http.client.HTTPException", "urllib3.exceptions.HTTPError", "httpx.TransportError",
        "requests.exceptions.ConnectionError", "requests.exceptions.Timeout",
        "requests.exceptions.ChunkedEncodingError", "aiohttp.client_exceptions.ClientError",
        "botocore.exceptions.EndpointConnectionError",
    }
)  # fmt: skip


def failure_of(
    error: BaseException, main_path: str, code: CodeType | None = None, line: int | None = None
) -> dict[str, Any]:
    """The facts of a failure, JSON-ready; `code` and `line` place what has no frame in main.py."""
    file, at = place_of(error, main_path)
    if at is None and code is not None:
        file, at = code.co_filename, line or code.co_firstlineno
    text = "".join(traceback.format_exception(error))
    return {
        "type": "failure",
        "class": class_of(error),
        "error": type(error).__name__,
        "message": _message(error),
        "hint": getattr(error, "hint", None),
        "secret": _missing_variable(error),
        "speaks_for_itself": hasattr(error, "failure_class"),
        "file": file,
        "line": at,
        "traceback": text[-_TRACEBACK_MAX_CHARS:],
    }


def class_of(error: BaseException) -> str:
    """The class of the first exception in the chain that has one; all else is parse."""
    found = (_class_of_one(one) for one in _chain(error))
    return next((name for name in found if name is not None), "parse")


def place_of(error: BaseException, main_path: str) -> tuple[str | None, int | None]:
    """The innermost line of main.py, or of a module beside it, on the way to the error."""
    folder = os.path.dirname(main_path) + os.sep
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(folder):
        return error.filename, error.lineno
    best: tuple[str | None, int | None] = (None, None)
    for file, line in _lines(error.__traceback__):
        if file == main_path or (file.startswith(folder) and best[0] != main_path):
            best = (file, line)
    return best


def place_of_frame(frame: FrameType | None, main_path: str) -> tuple[str | None, int | None]:
    """The innermost line of main.py that is running."""
    while frame is not None:
        if frame.f_code.co_filename == main_path:
            return main_path, frame.f_lineno
        frame = frame.f_back
    return None, None


def _class_of_one(error: BaseException) -> str | None:
    declared = getattr(error, "failure_class", None)
    if isinstance(declared, str):
        return declared
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return "upload"
    status = _status_of(error)
    if status is not None:
        return _class_of_status(status)
    if isinstance(error, PermissionError) or _missing_variable(error):
        return "permission"
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if isinstance(error, ConnectionError | TimeoutError) or kinds & _NETWORK_KINDS:
        return "network"
    return None


def _status_of(error: BaseException) -> int | None:
    """The HTTP status that a client library's error carries."""
    response = getattr(error, "response", None)
    for value in (getattr(error, "code", None), getattr(response, "status_code", None)):
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _class_of_status(status: int) -> str:
    if status in (408, 425, 429) or status >= 500:
        return "network"
    return "permission" if status in (401, 402, 403, 407, 451) else "parse"


def _missing_variable(error: BaseException) -> str | None:
    """The variable that `os.environ[...]` did not have: a secret that was not handed over."""
    if not isinstance(error, KeyError) or not error.args:
        return None
    raised_in = [file for file, _ in _lines(error.__traceback__)][-1:]
    return str(error.args[0]) if raised_in in _FILES_OF_OS else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _lines(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg or "invalid syntax"
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0])
    return str(error)
