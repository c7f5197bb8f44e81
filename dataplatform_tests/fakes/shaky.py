"""A store behind a bad network: a share of all calls goes wrong, in every way that calls go wrong.

Which call fails, and how, follows from a seed alone. It stands around a real store, which stays
sound and can be looked at beside it; slow answers take virtual time.
"""

from __future__ import annotations

import fnmatch
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from dataplatform_tests.fakes.clock import VirtualTime
from dataplatform_tests.fakes.stores import WatchedStore
from opendata.stores.port import RATE_LIMITED, ObjectStore, Opened
from opendata.wire.errors import Conflict, NotFound, Unavailable

Answer = TypeVar("Answer")

SLOW = "answers after half a minute"
REFUSED = "429, with a time to wait"
BROKEN = "500 or a reset before the effect"
LOST = "a reset after the effect"
LATE = "no answer, and the effect comes after the next calls"
SHORT = "the answer arrives short"
CONDITIONAL = frozenset({"put_new", "put_if_match"})
PIECE_BYTES = 700
"""Small, so that the small objects of tests come in several pieces and break in between."""
LATE_BY_CALLS = 2
WORST_SHARE = 0.75


class ShakyStore(WatchedStore):
    """A store of whose calls a share fails; `faults` counts what was done to them.

    Calls on keys that match `worst` fail more often than not. Of answers to ranges the share
    `short` arrives short, a quarter of the others' where nothing is said.
    """

    def __init__(
        self,
        inner: ObjectStore,
        time: VirtualTime,
        *,
        seed: int,
        share: float = 0.3,
        worst: str = "",
        short: float | None = None,
    ) -> None:
        super().__init__(inner)
        self.share = share
        self._short = share / 4 if short is None else short
        self._worst = worst
        self.faults: Counter[str] = Counter()
        self._time = time
        self._dice = random.Random(seed)
        self._late: list[tuple[int, Callable[[], object]]] = []

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        pieces = super().get_ranges(key, ranges)
        if pieces and self._strikes(SHORT, self._short):
            pieces[-1] = pieces[-1][: len(pieces[-1]) // 2]
        return pieces

    def let_all_land(self) -> None:
        """What is still on its way arrives."""
        self._land(self._late)
        self._late = []

    def _call(self, operation: str, key: str, act: Callable[[], Answer]) -> Answer:
        self._enter(operation, key)
        self._let_late_ones_land()
        share = WORST_SHARE if fnmatch.fnmatchcase(key, self._worst) else self.share
        if operation == "local_path" or self._dice.random() >= share:
            return act()
        kinds = [SLOW, REFUSED, BROKEN, LOST] + [LATE] * (operation in CONDITIONAL)
        return self._suffer(self._dice.choice(kinds), act)

    def _suffer(self, kind: str, act: Callable[[], Answer]) -> Answer:
        self.faults[kind] += 1
        if kind == SLOW:
            self._time.sleep(30)
            return act()
        if kind == REFUSED:
            raise Unavailable(kind, code=RATE_LIMITED, details={"retry_after_seconds": 2})
        if kind == LOST:
            act()
        if kind == LATE:
            self._late.append((len(self.calls) + LATE_BY_CALLS, act))
        raise Unavailable(kind, code="store_unavailable")

    def _pieces(self, key: str, chunk_bytes: int, opened: Opened) -> Iterator[bytes]:
        if self._strikes(BROKEN, self.share):
            raise Unavailable(BROKEN, code="store_unavailable")
        for piece in super()._pieces(key, min(chunk_bytes, PIECE_BYTES), opened):
            yield piece
            if self._strikes(SHORT, self.share):
                raise Unavailable(SHORT, code="store_unavailable")

    def _strikes(self, kind: str, share: float) -> bool:
        strikes = self._dice.random() < share
        self.faults[kind] += strikes
        return strikes

    def _let_late_ones_land(self) -> None:
        due = [one for one in self._late if one[0] <= len(self.calls)]
        self._late = [one for one in self._late if one[0] > len(self.calls)]
        self._land(due)

    def _land(self, due: list[tuple[int, Callable[[], object]]]) -> None:
        for _, act in due:
            # Somebody wrote meanwhile, the same writer perhaps; or the file to send is gone.
            with suppress(Conflict, NotFound):
                act()
