"""Who is told when: the steps of an escalation, and the pace of everything else.

Here belong the values and the policy that holds where none is defined. Reading them from a file is
the matter of whoever has the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from dataplatform.alerts.finding import Severity

STEP_APART: Final = timedelta(minutes=30)


@dataclass(frozen=True)
class Step:
    """`notify` is told once an alert is `after` old and nobody acknowledged it.

    A step with `severities` is taken for those alone.
    """

    after: timedelta
    notify: tuple[str, ...]
    severities: tuple[Severity, ...] = ()

    @property
    def id(self) -> str:
        """What it is known by once taken; places shift when a policy is edited."""
        return f"{self.after.total_seconds():.0f}s {' '.join(self.notify)}"

    def concerns(self, severity: Severity) -> bool:
        """Whether alerts of that severity take this step."""
        return not self.severities or severity in self.severities


@dataclass(frozen=True)
class Policy:
    """Steps, and when to say it again, when to call it over, and what counts as flapping.

    An alert is over once its finding was gone for `recover_after`. Each time that it came back
    within `flap_window` doubles that, so one that flaps stays open and is told once.
    `remind_after` of zero reminds never.
    """

    steps: tuple[Step, ...] = ()
    remind_after: timedelta = timedelta(hours=24)
    recover_after: timedelta = timedelta(minutes=10)
    flap_window: timedelta = timedelta(hours=6)
    name: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """Everyone who may be told, each once."""
        return tuple(dict.fromkeys(one for step in self.steps for one in step.notify))


def steps_in_order(targets: Sequence[str], apart: timedelta = STEP_APART) -> tuple[Step, ...]:
    """The policy of targets alone, in the order in which they are written.

    The first is told at once and each further one `apart` later, unless somebody acknowledges; what
    is critical goes to all at once.
    """
    if not targets:
        return ()
    gradual = tuple(
        Step(after=at * apart, notify=(target,), severities=(Severity.WARNING,))
        for at, target in enumerate(targets)
    )
    return (*gradual, Step(timedelta(), tuple(targets), (Severity.CRITICAL,)))
