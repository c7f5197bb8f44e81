"""Lent: what Arrow's threads may hold a moment longer than the read that gave it to them.

A thread of Arrow that lets go of Python's bytes needs the interpreter for it. Where that has begun
to end, the thread is ended inside of Arrow, and the process aborts (exit code 134) although all was
read. So an interpreter that ends waits until what was lent has come back, which takes a moment.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa

T = TypeVar("T")
WAIT_SECONDS: Final = 1.0
"""What is still held after that is held by the user's own objects, which end with the process."""


class _Loans:
    """How many things are lent; counted from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def begin(self, thing: object) -> None:
        with self._lock:
            self._count += 1
        weakref.finalize(thing, self._end).atexit = False

    def _end(self) -> None:
        with self._lock:
            self._count -= 1

    def wait(self) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while self._count > 0 and time.monotonic() < until:
            time.sleep(0.001)  # without the interpreter, so that Arrow's threads get it


_loans = _Loans()
atexit.register(_loans.wait)


def lend(thing: T) -> T:
    """The same thing, of which the interpreter's end waits until nobody holds it any more."""
    _loans.begin(thing)
    return thing


def lent_buffer(data: memoryview) -> pa.Buffer:
    """The bytes for Arrow to read, without a copy."""
    if not data:
        return pa.py_buffer(data)
    return pa.py_buffer(lend(np.frombuffer(data, np.uint8)))
