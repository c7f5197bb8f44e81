"""Keeping the state in the store and sending what it says: at least once, seldom twice.

A state is replaced by compare-and-set, so of two who look at once each continues the other's. A
message is recorded before it is sent, claimed by its sender, and taken out once the service has it:
who is killed between the two repeats that one message, after the claim has run out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from dataplatform.alerts.finding import Observation
from dataplatform.alerts.machine import acknowledge as acknowledged
from dataplatform.alerts.machine import advance, with_time
from dataplatform.alerts.outbox import claim, delivered, failed, prune
from dataplatform.alerts.policy import Policy
from dataplatform.alerts.ports import Notifier
from dataplatform.alerts.state import Alert, AlertState, Message, read_state
from dataplatform.ports import Clock
from opendata.stores.port import AlreadyExists, ObjectReader, ObjectStore, PreconditionFailed
from opendata.wire import keys
from opendata.wire.errors import Conflict, Corrupt, NotFound, OpenDataError
from opendata.wire.limits import CATALOGUE_MAX_BYTES

ALERTS_KEY: Final = keys.watch_state_key("alerts")
_TRIES: Final = 64
_JSON: Final = "application/json"
Told = TypeVar("Told")


@dataclass(frozen=True)
class Delivery:
    """What was sent now, what could not be, and the state after it."""

    sent: tuple[Message, ...]
    failed: tuple[Message, ...]
    state: AlertState


def read_alerts(reader: ObjectReader) -> AlertState:
    """The alerts as they were left; none where there never were any.

    Raises:
        Corrupt: if what is stored cannot be read; the next :func:`update_alerts` begins anew.
        Denied, Unavailable: if the store says so.
    """
    try:
        return read_state(reader.get(ALERTS_KEY, max_bytes=CATALOGUE_MAX_BYTES).data, ALERTS_KEY)
    except NotFound:
        return AlertState()


def update_alerts(
    store: ObjectStore, seen: Observation, policy: Policy, now: datetime
) -> AlertState:
    """Take in a look: the next state, stored, with all that is to be sent in its outbox.

    Raises:
        Conflict: if others kept changing it.
    """
    state, _ = _change(store, lambda state: (prune(advance(state, seen, policy, now)), None))
    return state


def acknowledge(store: ObjectStore, key: str, *, by: str, now: datetime) -> Alert:
    """Somebody is at it; see `machine.acknowledge`.

    Raises:
        NotFound: if no such alert is open.
    """
    state, _ = _change(store, lambda state: (acknowledged(state, key, by=by, now=now), None))
    return state.alerts[key]


def deliver(store: ObjectStore, notifier: Notifier, clock: Clock) -> Delivery:
    """Send what is due, one message after the other, each recorded before and after, each once.

    Args:
        clock: Asked for each message: services may be slow, and a claim counts from when it is
            made.
    """
    sent: list[Message] = []
    refused: list[Message] = []
    while True:
        tried = {one.id for one in (*sent, *refused)}
        now = clock()
        state, message = _change(store, partial(_claimed, now, tried))
        if message is None:
            return Delivery(tuple(sent), tuple(refused), state)
        try:
            notifier.send(message)
        except OpenDataError as error:
            _settle(store, message, clock(), error.message)
            refused.append(message)
        else:
            _settle(store, message, clock(), None)
            sent.append(message)


def _claimed(
    now: datetime, tried: Collection[str], state: AlertState
) -> tuple[AlertState, Message | None]:
    return claim(with_time(state, now), tried)


def _settle(store: ObjectStore, message: Message, now: datetime, error: str | None) -> None:
    def settle(state: AlertState) -> tuple[AlertState, None]:
        state = with_time(state, now)
        if error is None:
            return delivered(state, message), None
        return failed(state, message, error), None

    _change(store, settle)


def _change(
    store: ObjectStore, change: Callable[[AlertState], tuple[AlertState, Told]]
) -> tuple[AlertState, Told]:
    for _ in range(_TRIES):
        try:
            blob = store.get(ALERTS_KEY, max_bytes=CATALOGUE_MAX_BYTES)
        except NotFound:
            blob = None
        state, told = change(_readable(blob.data) if blob else AlertState())
        data = state.to_bytes()
        if blob is not None and blob.data == data:
            return state, told
        try:
            if blob is None:
                store.put_new(ALERTS_KEY, data, content_type=_JSON)
            else:
                store.put_if_match(ALERTS_KEY, data, blob.token, content_type=_JSON)
        except (AlreadyExists, PreconditionFailed):
            continue
        return state, told
    raise Conflict(
        f"{ALERTS_KEY} changed {_TRIES} times while it was being updated",
        hint="run the same command again; nothing of what others wrote was lost",
    )


def _readable(data: bytes) -> AlertState:
    try:
        return read_state(data, ALERTS_KEY)
    except Corrupt:
        # Begun anew, every open finding is told again: better twice than never.
        return AlertState()
