"""What alerting needs from the outside world: somebody who sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from dataplatform.alerts.state import Message


class Notifier(Protocol):
    """Sends messages to targets, which are names such as `slack://data-ops` and no addresses."""

    def problems(self, targets: Sequence[str]) -> Mapping[str, str]:
        """Which of them cannot be told, and why; says nothing of what an address holds."""
        ...

    def send(self, message: Message) -> None:
        """Hand a message to its target's service.

        Raises:
            NotFound: code `unresolved_target`, where nothing says what the target stands for.
            Unavailable: where the service did not take it.
        """
        ...
