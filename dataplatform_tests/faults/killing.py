"""Publishers in processes of their own, which are killed: at a chosen write, call or moment.

Children come from a fork server that has imported everything and started nothing, so that a kill
costs milliseconds. What a child was told to be true it writes into a file, line by line, as soon as
it is told: those lines are the acknowledged publishes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from dataplatform.releases.derive import derive_copies
from dataplatform.releases.freeze import Unchanged, freeze_candidate
from dataplatform.releases.health import record_outcome, succeeded_outcome
from dataplatform.releases.publish import publish_release
from dataplatform_tests.fakes.stores import CrashingStore
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from opendata.stores import ObjectStore, disk, folder, open_store

SECTIONS: dict[str, Any] = {
    "time": "day",
    "release": {"shard": "month"},
    "contract": {"primary_key": ["day"]},
}
DAYS = 40  # two shards


@dataclass(frozen=True)
class Place:
    """A store that several processes open, each for itself."""

    url: str
    scratch: str
    environ: dict[str, str] = field(default_factory=dict)

    def open(self) -> ObjectStore:
        return open_store(self.url, environ=self.environ)

    def bench(self, store: ObjectStore | None = None) -> Bench:
        return make_bench(store or self.open(), Path(self.scratch), **SECTIONS)

    @property
    def acknowledged(self) -> list[str]:
        """What publishers were told is published, in order."""
        path = Path(self.scratch) / "acknowledged"
        return path.read_text().split() if path.exists() else []

    def acknowledge(self, release: str) -> None:
        file = os.open(Path(self.scratch) / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{release}\n".encode())
        os.close(file)


def table_of(value: float) -> pa.Table:
    """Forty days that all have this rate: a mixture of two releases would show."""
    return rates(*[float(value)] * DAYS)


def publish_value(place: Place, store: ObjectStore, value: float) -> None:
    """The whole way of one release, acknowledged as soon as the pointer has moved."""
    bench = place.bench(store)
    digest = bench.stage(table_of(value))
    frozen = freeze_candidate(bench.ports, bench.dataset, digest, RUN)
    if isinstance(frozen, Unchanged):
        place.acknowledge(str(frozen.current.version))
    else:
        published = publish_release(bench.ports, bench.dataset, frozen.release.version)
        place.acknowledge(published.pointer.release)
    derive_copies(bench.ports, bench.dataset)
    release = str(bench.current.version)
    outcome = succeeded_outcome(RUN, bench.ports.now(), release, published=True)
    record_outcome(bench.store, bench.dataset, outcome)


# --- what children do ----------------------------------------------------------------


def publish_until_write(place: Place, value: float, at_write: int, after: bool) -> None:
    """Publish, and be killed before or after the n-th write to the store."""
    store = CrashingStore(place.open(), at_write, after=after, die=kill_myself)
    publish_value(place, store, value)


def publish_until_call(place: Place, value: float, at_call: int) -> None:
    """Publish what is staged, and be killed before the store's n-th call to the system."""
    bench = place.bench()
    digest = bench.stage(table_of(value))
    calls = CountedCalls(at_call, kill_myself)
    with calls.watching():
        frozen = bench.freeze(digest)
        published = publish_release(bench.ports, bench.dataset, frozen.release.version)
        place.acknowledge(published.pointer.release)
        derive_copies(bench.ports, bench.dataset)


def publish_for_ever(place: Place, first_value: int) -> None:
    """Publish one release after the other until killed."""
    store, value = place.open(), first_value
    while True:
        publish_value(place, store, value)
        value += 1


def kill_myself() -> None:
    """End this process as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


class CountedCalls:
    """Stands between the folder store and the system, and acts before the n-th changing call."""

    NAMES = ("open", "write", "fchmod", "fsync", "rename", "mkdir", "unlink", "utime", "rmdir")

    def __init__(self, at_call: int, act: Callable[[], None]) -> None:
        self.count = 0
        self._at_call = at_call
        self._act = act

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        watched = self._watched(os)
        for module in (disk, folder):
            module.os = watched  # type: ignore[attr-defined]
        try:
            yield
        finally:
            for module in (disk, folder):
                module.os = os  # type: ignore[attr-defined]

    def _watched(self, real: ModuleType) -> ModuleType:
        watched = ModuleType("os")
        watched.__dict__.update(real.__dict__)
        for name in self.NAMES:
            setattr(watched, name, self._counted(getattr(real, name)))
        return watched

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self._at_call:
                self._act()
            return call(*args, **kwargs)

        return counted


# --- starting them -------------------------------------------------------------------


def fork_server() -> ForkServerContext:
    """Where children come from; it has imported this module and started nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "opendata.stores.s3"])
    return context


def run(act: Callable[..., None], *args: Any) -> int | None:
    """Run `act` in a child and wait for its end; returns its exit code (-9 when killed)."""
    child: BaseProcess = fork_server().Process(target=act, args=args)
    child.start()
    child.join(300)
    assert not child.is_alive(), "the child neither ended nor was killed"
    return child.exitcode


def in_parallel(act: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> list[int | None]:
    """Run `act` in as many children as there are arguments, all at once; their exit codes."""
    children = [fork_server().Process(target=act, args=args) for args in arguments]
    for child in children:
        child.start()
    for child in children:
        child.join(300)
    assert not any(child.is_alive() for child in children)
    return [child.exitcode for child in children]
