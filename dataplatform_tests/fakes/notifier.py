"""A notifier that keeps what it was given, knows only some targets, and fails where it is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dataplatform.alerts.state import Message
from opendata.wire.errors import NotFound, Unavailable


class FakeNotifier:
    """`received` holds every message in order, repeated ones too; `down` names targets that fail.

    With `known` all other targets stand for nothing. `dies` is raised once after the next message
    was received, as a kill would end the sender between sending and recording it.
    """

    def __init__(self, known: Collection[str] | None = None) -> None:
        self.known = known
        self.down: set[str] = set()
        self.received: list[Message] = []
        self.dies: BaseException | None = None

    def problems(self, targets: Sequence[str]) -> Mapping[str, str]:
        return {
            target: "nothing says what it stands for"
            for target in targets
            if self.known is not None and target not in self.known
        }

    def send(self, message: Message) -> None:
        if self.problems([message.target]):
            raise NotFound(f"{message.target} stands for nothing", code="unresolved_target")
        if message.target in self.down:
            raise Unavailable(f"{message.target} does not answer (scripted)")
        self.received.append(message)
        if self.dies is not None:
            death, self.dies = self.dies, None
            raise death

    def heard(self, target: str) -> list[str]:
        """The kinds of messages that a target got, in order."""
        return [one.kind for one in self.received if one.target == target]
