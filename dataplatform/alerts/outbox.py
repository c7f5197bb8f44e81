"""What is to be sent: put in line, claimed by one sender at a time, settled.

Pure, like `machine`. A message that fails stays in line and is tried again, ever more seldom. What
a newer message about the same alert makes pointless is replaced by it, so the line never holds more
than one message about an alert for a target. A target hears what is news to it: whoever was never
told that an alert was over is not told that it was raised once more, but that it is still open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from dataplatform.alerts.finding import Severity
from dataplatform.alerts.state import Alert, AlertState, Message
from dataplatform.alerts.words import body_of, title_of
from opendata.wire.codec import replace
from opendata.wire.times import format_instant

SECOND: Final = 1_000_000
LEASE: Final = 120 * SECOND
"""For so long nobody else sends what somebody is sending; whoever died at it is followed then."""
FIRST_PAUSE: Final = 60 * SECOND
LONGEST_PAUSE: Final = 3_600 * SECOND
GIVE_UP_AFTER: Final = 7 * 86_400 * SECOND
"""A message about an alert that is over is dropped then; about an open one never."""
ERROR_MAX_CHARS: Final = 300


def queue(state: AlertState, alert: Alert, target: str, kind: str, now: datetime) -> AlertState:
    """Put a message about an alert in line for a target."""
    waiting = [one for one in state.outbox if (one.key, one.target) == (alert.key, target)]
    if kind == "reminder" and waiting:
        return state  # what was never delivered needs no reminder
    if kind == "raised":
        kind = _raised_for(alert, waiting)
    identity = f"{alert.key}\n{alert.opened}\n{kind}\n{state.elapsed}\n{target}"
    message = Message(
        id=hashlib.sha256(identity.encode()).hexdigest()[:16],
        target=target,
        kind=kind,
        key=alert.key,
        severity=alert.severity,
        title=title_of(alert, kind),
        body=body_of(alert, kind, now),
        created_at=format_instant(now),
        queued=state.elapsed,
        due=state.elapsed,
        is_first=any(one.is_first or one.kind == "raised" for one in waiting if _is_untaken(one)),
    )
    if any(one.id == message.id for one in waiting):
        return state
    kept = tuple(one for one in state.outbox if one not in waiting)
    return replace(state, outbox=(*kept, message))


def _raised_for(alert: Alert, waiting: Sequence[Message]) -> str:
    """What an alert that was opened again is to a target that has not heard yet of its end."""
    for one in waiting:
        if one.kind == "recovered" and not one.is_first and _is_untaken(one):
            worse = Severity(alert.severity).rank > Severity(one.severity).rank
            return "worse" if worse else "reminder"
    return "raised"


def _is_untaken(message: Message) -> bool:
    """Whether its service surely has not taken it; of one that is being sent nobody knows."""
    return message.claimed_until is None


def claim(state: AlertState) -> tuple[AlertState, Message | None]:
    """The next message that is due and that nobody is at, now claimed; None if there is none."""
    for at, one in enumerate(state.outbox):
        if one.due > state.elapsed or (one.claimed_until or 0) > state.elapsed:
            continue
        claimed = replace(one, attempts=one.attempts + 1, claimed_until=state.elapsed + LEASE)
        outbox = (*state.outbox[:at], claimed, *state.outbox[at + 1 :])
        return replace(state, outbox=outbox), claimed
    return state, None


def delivered(state: AlertState, message: Message) -> AlertState:
    """The message was taken by its service: it leaves the line."""
    return replace(state, outbox=tuple(one for one in state.outbox if one.id != message.id))


def failed(state: AlertState, message: Message, error: str) -> AlertState:
    """The message was not taken: it is tried again, after a pause that doubles each time."""
    pause = min(FIRST_PAUSE * 2 ** min(message.attempts - 1, 16), LONGEST_PAUSE)
    told = error[:ERROR_MAX_CHARS]
    outbox = tuple(
        replace(one, claimed_until=None, due=state.elapsed + pause, last_error=told)
        if one.id == message.id
        else one
        for one in state.outbox
    )
    return replace(state, outbox=outbox)


def prune(state: AlertState) -> AlertState:
    """The state without messages about alerts that are long over."""
    over = state.elapsed - GIVE_UP_AFTER
    is_open = {alert.key for alert in state.open}
    outbox = tuple(one for one in state.outbox if one.key in is_open or one.queued > over)
    return replace(state, outbox=outbox)
