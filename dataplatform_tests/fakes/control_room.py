"""A control room in memory: runs by id, known by their key, and a door that is sometimes shut.

It is a `RunRequests` for whoever asks from outside, and what Dagster's daemon does with the run
requests of a sensor: a key that a run has is not begun again, but for a run that was created and
never submitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from dataplatform.bundles.ports import UNSETTLED
from dataplatform.bundles.requests import BundleRequest
from opendata.wire.errors import Rejected, Unavailable


@dataclass
class FakeRun:
    """One run; `submitted` is False for one that was created by a server that died then."""

    id: str
    key: str
    by: str
    channels: tuple[str, ...] = ()
    submitted: bool = True


@dataclass
class FakeControlRoom:
    """`known` are the channels that have a step there; None for any.

    `away`: it does not answer. `deaf`: the answers are lost. `half`: it dies between creating and
    submitting. `refuses`: it says no.
    """

    runs: list[FakeRun] = field(default_factory=list)
    partitions: set[str] = field(default_factory=set)
    away: bool = False
    deaf: bool = False
    half: bool = False
    refuses: str | None = None
    known: frozenset[str] | None = None
    _numbers: count[int] = field(default_factory=count)

    def launch(self, request: BundleRequest, channels: Sequence[str]) -> str:
        if self.away:
            raise Unavailable("the control room does not answer")
        if self.refuses is not None:
            raise Rejected(self.refuses, code="not_launched")
        self.partitions.add(request.partition)
        steps = tuple(one for one in channels if self.known is None or one in self.known)
        run = FakeRun(self._next(), request.run_key, "hook", steps, not self.half)
        self.runs.append(run)
        if self.deaf or self.half:
            raise Unavailable("whether the run is launched is not known", code=UNSETTLED)
        return run.id

    def ask(self, requests: Sequence[BundleRequest]) -> None:
        """What the daemon does with a tick's run requests."""
        for request in requests:
            self.partitions.add(request.partition)
            known = next((run for run in self.runs if run.key == request.run_key), None)
            if known is None:
                self.runs.append(FakeRun(self._next(), request.run_key, "sensor"))
            else:
                known.submitted = True

    def _next(self) -> str:
        return f"run-{next(self._numbers)}"

    def keys(self) -> list[str]:
        """What was begun, as often as it was."""
        return [run.key for run in self.runs if run.submitted]
