"""How long a request to a store is tried again, and how long it rests in between.

Here belong the policy and its arithmetic of tries and seconds; what is repeated, and how a lost
answer is settled, stands in `patient_reader` and `patient_store`. Time comes in through the
policy, so that tests wait in a clock of their own.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from opendata.stores.port import LASTING, RATE_LIMITED, SLOW_DOWN, UNREACHABLE
from opendata.wire.errors import Unavailable

BUSY = frozenset({RATE_LIMITED, SLOW_DOWN})

_log = logging.getLogger("opendata.stores")


@dataclass(frozen=True)
class Patience:
    """Tries and seconds for one request.

    Of three requests in ten that fail, twelve in a row are one request in two million; a whole
    publish makes some sixty. Pauses double, with jitter, so that writers that collided do not
    collide again. A store that cannot be reached at all is given up early: whoever has no network
    wants to hear it, and reads on from the cache. One that answered a moment ago is being
    restarted, perhaps, and is waited for. Once a request was given up, the next ones are given
    less, until one succeeds: what makes a hundred requests must not wait a hundred times.
    """

    tries: int = 12
    """At most; but a server that says that it is busy is asked as long as there is time."""
    least_tries: int = 3
    """However long they take: an hour of uploading is not given up for one reset."""
    budget_seconds: float = 120.0
    """After so long no other try begins."""
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 5.0
    busy_pause_seconds: float = 1.0
    """The least pause after "too many requests": R2 takes one write a second per key."""
    unreachable_seconds: float = 3.0
    recently_seconds: float = 60.0
    silent_seconds: float = 5.0
    """Whoever waits longer is told what for."""
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    dice: Callable[[], float] = random.random

    def pause_after(self, failures: int, error: Unavailable) -> float:
        """How long to rest after so many failures, the last being `error`."""
        pause = min(self.first_pause_seconds * 2 ** (failures - 1), self.longest_pause_seconds)
        if error.code in BUSY:
            pause = max(pause, self.busy_pause_seconds)
        pause *= 0.5 + self.dice()
        asked = error.details.get("retry_after_seconds")
        return max(pause, float(asked)) if isinstance(asked, int | float) else pause


class Contact:
    """When a store was last heard of, and when it was last given up; shared by all requests."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._heard_at: float | None = None
        self._lost_at: float | None = None
        self._told_at: float | None = None

    def tell(self, error: Unavailable) -> None:
        """Say why somebody is kept waiting, once a minute at most."""
        if not self._is_recent(self._told_at):
            self._told_at = self._patience.now()
            _log.warning("%s; trying again", error.message)

    def heard(self) -> None:
        """The store said something, if only that it cannot just now."""
        self._heard_at = self._patience.now()

    def answered(self) -> None:
        """The store did what it was asked for, or said why not."""
        self._heard_at, self._lost_at = self._patience.now(), None

    def given_up(self) -> None:
        """Somebody has waited in vain."""
        self._lost_at = self._patience.now()

    @property
    def is_lost(self) -> bool:
        """Whether it was given up a moment ago and has not answered since."""
        return self._is_recent(self._lost_at)

    @property
    def tries(self) -> int:
        """How often a request is tried now."""
        return self._patience.least_tries if self.is_lost else self._patience.tries

    def budget_seconds(self) -> float:
        """How long to go on trying a store to which no connection is made."""
        if self.is_lost:
            return 0.0
        if self._is_recent(self._heard_at):
            return self._patience.budget_seconds
        return self._patience.unreachable_seconds

    def _is_recent(self, at: float | None) -> bool:
        return at is not None and self._patience.now() - at < self._patience.recently_seconds


class Request:
    """One request on its way: counts its failures, and rests or gives up after each."""

    def __init__(self, patience: Patience, contact: Contact) -> None:
        self._patience = patience
        self._contact = contact
        self._began_at = patience.now()
        self._failures = 0

    def rest_or_give_up(self, error: Unavailable) -> None:
        """Rest before the next try.

        Raises:
            Unavailable: the error itself, if it does not pass by waiting, or tries or seconds are
                used up.
        """
        if error.code in LASTING:
            raise error
        self._failures += 1
        if error.code != UNREACHABLE:
            self._contact.heard()
        pause = self._patience.pause_after(self._failures, error)
        if self._is_enough(error, pause):
            self._contact.given_up()
            raise error
        if self._seconds + pause > self._patience.silent_seconds:
            self._contact.tell(error)
        self._patience.sleep(pause)

    @property
    def _seconds(self) -> float:
        return self._patience.now() - self._began_at

    def _is_enough(self, error: Unavailable, pause: float) -> bool:
        if error.code == UNREACHABLE:
            is_late = self._seconds + pause > self._contact.budget_seconds()
        elif self._failures < self._patience.least_tries:
            is_late = pause > self._patience.budget_seconds
        else:
            is_late = self._seconds + pause > self._patience.budget_seconds
        is_used_up = self._failures >= self._contact.tries
        return is_late or (is_used_up and (error.code not in BUSY or self._contact.is_lost))
