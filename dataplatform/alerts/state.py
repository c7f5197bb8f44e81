"""What alerting remembers: one stored value, so that a restart forgets nothing.

Here belong the stored types. How one state follows from another stands in `machine` and `outbox`.
All spans of time are counted in `elapsed`, the microseconds that have passed while somebody looked;
instants are there for people. So a clock that jumps moves no escalation.
"""

from __future__ import annotations

from typing import Any, Final

from opendata.wire.codec import Wire, decoder_of, read_wire

ALERTS_FORMAT: Final = "opendata-alerts/1"


class Alert(Wire):
    """One finding under way, or one that was over a short while ago (`closed`).

    `opened`, `cleared`, `closed`, `last_told` and `relapses` are values of `elapsed`. `cleared` is
    since when the finding is gone, if it is; `steps` are those taken, `told` who knows of it, and
    `told_severity` as how bad.
    """

    key: str
    severity: str
    summary: str
    cause: str
    repair: str
    details: dict[str, Any]
    opened_at: str
    seen_at: str
    opened: int
    cleared: int | None = None
    closed: int | None = None
    last_told: int | None = None
    steps: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    told_severity: str = ""
    relapses: tuple[int, ...] = ()
    acknowledged_by: str | None = None
    acknowledged_at: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is under way."""
        return self.closed is None


class Message(Wire):
    """One message that is to be sent; recorded before it is, and gone once it was.

    `id` is the same for the same message, however often it is tried. `due` and `claimed_until` are
    values of `elapsed`: when to try (again), and until when somebody is at it. With `is_first` it
    took the place of the first word about an alert that its target would have had.
    """

    id: str
    target: str
    kind: str
    key: str
    severity: str
    title: str
    body: str
    created_at: str
    queued: int
    due: int
    attempts: int = 0
    claimed_until: int | None = None
    last_error: str | None = None
    is_first: bool = False


class AlertState(Wire):
    """All alerts by key, and what is still to be sent, in the order in which it came up."""

    ticked_at: str | None = None
    elapsed: int = 0
    alerts: dict[str, Alert] = {}
    outbox: tuple[Message, ...] = ()
    format: str = ALERTS_FORMAT

    @property
    def open(self) -> list[Alert]:
        """The alerts under way, in the order of their keys."""
        return [self.alerts[key] for key in sorted(self.alerts) if self.alerts[key].is_open]


decoder_of(AlertState)


def read_state(data: bytes, what: str) -> AlertState:
    """Read a stored state.

    Raises:
        Corrupt: naming `what`.
    """
    return read_wire(AlertState, data, what)
