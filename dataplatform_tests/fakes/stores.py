"""Wrappers over a real store that make it fail, pause or die where a test wants it to.

`FaultyStore` follows a script of faults and counts what was asked of it. `CrashingStore` ends the
writer after so many writes, as a kill would: by an exception nobody catches, or by ending the
process.
"""

from __future__ import annotations

import fnmatch
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from opendata.stores.port import (
    Blob,
    ByteStream,
    ObjectReader,
    ObjectStat,
    ObjectStore,
    Opened,
    Payload,
    version_of,
)
from opendata.wire.errors import Unavailable

Answer = TypeVar("Answer")
Pieces = list[bytes]

WRITES = frozenset({"put", "put_new", "put_if_match", "delete"})
PAUSE_SECONDS = 300.0


class SimulatedCrash(BaseException):
    """The writer was killed here. No `except Exception` may survive it."""


@dataclass
class Fault:
    """What goes wrong with some calls: those of `operation` on keys that match `key`.

    `after` decides whether the call has its effect before it fails. The first `skip` matching
    calls go well, then `times` of them fail. `error` makes what is raised.
    """

    operation: str = "*"
    key: str = "*"
    after: bool = False
    skip: int = 0
    times: int = 1
    error: Callable[[], BaseException] = lambda: Unavailable("the store does not answer (scripted)")
    _seen: int = field(default=0, init=False, repr=False)

    def strikes(self, operation: str, key: str) -> bool:
        """Whether this call is one that fails; each call may be asked about once."""
        if not (_matches(self.operation, operation) and fnmatch.fnmatchcase(key, self.key)):
            return False
        self._seen += 1
        return self.skip < self._seen <= self.skip + self.times


@dataclass
class Pause:
    """Holds the first matching call at its door until the test lets it go on."""

    operation: str = "*"
    key: str = "*"
    reached: threading.Event = field(default_factory=threading.Event)
    _go_on: threading.Event = field(default_factory=threading.Event)

    def await_call(self) -> None:
        """Wait until a call is held."""
        assert self.reached.wait(PAUSE_SECONDS), f"no {self.operation} {self.key} came"

    def release(self) -> None:
        """Let the held call, and all later ones, pass."""
        self._go_on.set()

    def hold(self, operation: str, key: str) -> None:
        """Wait here, if this is a matching call."""
        if _matches(self.operation, operation) and fnmatch.fnmatchcase(key, self.key):
            self.reached.set()
            if not self._go_on.wait(PAUSE_SECONDS):
                raise TimeoutError(f"nobody released the pause at {operation} {key}")


class WatchedStore:
    """A store that passes every call on, and lets a subclass stand before and after it."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self.calls: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def count(self, operation: str = "*", key: str = "*") -> int:
        """How many calls of that operation on such keys were made."""
        with self._lock:
            return sum(
                _matches(operation, made) and fnmatch.fnmatchcase(of, key)
                for made, of in self.calls
            )

    def before(self, operation: str, key: str) -> None:
        """Called before the effect."""

    def after(self, operation: str, key: str) -> None:
        """Called after the effect."""

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def serves_ranges(self) -> bool:
        return self.inner.serves_ranges

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        return self._call("get", key, lambda: self.inner.get(key, max_bytes=max_bytes))

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Pieces:
        return self._call("get_ranges", key, lambda: self.inner.get_ranges(key, ranges))

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> ByteStream:
        return ByteStream(partial(self._pieces, key, chunk_bytes))

    def stat(self, key: str) -> ObjectStat | None:
        return self._call("stat", key, lambda: self.inner.stat(key))

    def local_path(self, key: str) -> str | None:
        return self._call("local_path", key, lambda: self.inner.local_path(key))

    def put(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        return self._call("put", key, lambda: self.inner.put(key, data, content_type=content_type))

    def put_new(self, key: str, data: Payload, *, content_type: str | None = None) -> str:
        return self._call(
            "put_new", key, lambda: self.inner.put_new(key, data, content_type=content_type)
        )

    def put_if_match(
        self, key: str, data: bytes, token: str, *, content_type: str | None = None
    ) -> str:
        return self._call(
            "put_if_match",
            key,
            lambda: self.inner.put_if_match(key, data, token, content_type=content_type),
        )

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        return self._call("list", prefix, lambda: self.inner.list(prefix))

    def delete(self, key: str) -> None:
        self._call("delete", key, lambda: self.inner.delete(key))

    def _pieces(self, key: str, chunk_bytes: int, opened: Opened) -> Iterator[bytes]:
        self._enter("stream", key)
        stream = self.inner.stream(key, chunk_bytes)
        for piece in stream:
            if version := version_of(stream):
                opened(version)
            yield piece
            self.before("stream_piece", key)  # a connection breaks in the middle, too
        if version := version_of(stream):
            opened(version)
        self.after("stream", key)

    def _enter(self, operation: str, key: str) -> None:
        with self._lock:
            self.calls.append((operation, key))
        self.before(operation, key)

    def _call(self, operation: str, key: str, act: Callable[[], Answer]) -> Answer:
        self._enter(operation, key)
        answer = act()
        self.after(operation, key)
        return answer


class FaultyStore(WatchedStore):
    """A store that fails and pauses by a script.

    The script may grow while the store is in use: append to `script`. Operations are named as the
    port names them; `write` stands for all that write, `stream_piece` for the gap after each
    piece of a stream.
    """

    def __init__(self, inner: ObjectStore, script: Sequence[Fault | Pause] = ()) -> None:
        super().__init__(inner)
        self.script = list(script)

    def before(self, operation: str, key: str) -> None:
        for pause in [step for step in self.script if isinstance(step, Pause)]:
            pause.hold(operation, key)
        self._strike(operation, key, after=False)

    def after(self, operation: str, key: str) -> None:
        self._strike(operation, key, after=True)

    def _strike(self, operation: str, key: str, *, after: bool) -> None:
        with self._lock:
            faults = [one for one in self.script if isinstance(one, Fault) and one.after == after]
            striking = [one for one in faults if one.strikes(operation, key)]
        if striking:
            raise striking[0].error()


class CrashingStore(WatchedStore):
    """A store whose user dies at its `at_write`-th write (1 is the first).

    With `after` the write has happened, else not. `die` raises SimulatedCrash by default; pass
    :func:`exit_at_once` in a process of its own. After the crash every further call crashes too:
    the dead do not clean up.
    """

    def __init__(
        self,
        inner: ObjectStore,
        at_write: int,
        *,
        after: bool = True,
        die: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(inner)
        self._at_write = at_write
        self._die_after = after
        self._die = die or _raise_crash
        self.writes = 0
        self.crashed = False

    def before(self, operation: str, key: str) -> None:
        if self.crashed:
            self._crash()
        if operation in WRITES:
            self.writes += 1
            if self.writes >= self._at_write and not self._die_after:
                self._crash()

    def after(self, operation: str, key: str) -> None:
        if operation in WRITES and self.writes >= self._at_write and self._die_after:
            self._crash()

    def _crash(self) -> None:
        self.crashed = True
        self._die()


class ReadOnlyView:
    """The reading half of a store, as a public address offers it."""

    def __init__(self, inner: ObjectReader) -> None:
        self._inner = inner

    @property
    def url(self) -> str:
        return self._inner.url

    @property
    def serves_ranges(self) -> bool:
        return self._inner.serves_ranges

    def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
        return self._inner.get(key, max_bytes=max_bytes)

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Pieces:
        return self._inner.get_ranges(key, ranges)

    def stream(self, key: str, chunk_bytes: int = 8 << 20) -> Iterator[bytes]:
        return self._inner.stream(key, chunk_bytes)

    def stat(self, key: str) -> ObjectStat | None:
        return self._inner.stat(key)

    def local_path(self, key: str) -> str | None:
        return None


def exit_at_once() -> None:
    """End this process as a kill does: nothing is flushed, nothing is cleaned up."""
    os._exit(137)


def _raise_crash() -> None:
    raise SimulatedCrash("the writer was killed here")


def _matches(pattern: str, operation: str) -> bool:
    if pattern == "write":
        return operation in WRITES
    return fnmatch.fnmatchcase(operation, pattern)
