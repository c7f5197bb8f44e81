"""Alerts to Slack, PagerDuty, e-mail and whatever else apprise knows.

A target's name resolves through the secrets map to an apprise address. What apprise says of a
failure is told without anything that the address holds; its own log goes nowhere, because it names
addresses that it cannot read.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from dataplatform.alerts.state import Message
from opendata.wire.errors import NotFound, Unavailable

SEND_SECONDS: Final = 60.0
"""For so long one message may take; less than a claim holds."""
_HIDDEN: Final = "…"
_SECRET_PIECE: Final = re.compile(r"[^/?&=@:,;\s]+")


class AppriseNotifier:
    """Sends through apprise; `addresses` are apprise URLs by the names that policies use.

    With a `problem` nobody can be told, and that is why: a file of addresses that cannot be used
    must not keep anybody from looking.
    """

    def __init__(self, addresses: Mapping[str, str], problem: str | None = None) -> None:
        self._addresses = dict(addresses)
        self._broken = problem

    def __repr__(self) -> str:
        return f"{type(self).__name__}({sorted(self._addresses)})"

    def problems(self, targets: Sequence[str]) -> Mapping[str, str]:
        """Which targets cannot be told, and why."""
        found = {target: self._problem(target) for target in dict.fromkeys(targets)}
        return {target: problem for target, problem in found.items() if problem}

    def send(self, message: Message) -> None:
        """Hand a message over.

        Raises:
            NotFound: code `unresolved_target`.
            Unavailable: if the service did not take it, with what it said.
        """
        problem = self._problem(message.target)
        if problem:
            raise NotFound(
                f"{message.target} cannot be told: {problem}",
                code="unresolved_target",
                hint=f"add the line `{message.target} = ADDRESS` to the file of OPENDATA_ALERTS",
            )
        address = self._addresses[message.target]
        service = _service(address)
        if _is_pagerduty(service):
            # One incident for each alert: repeats fall together, the recovery resolves it.
            service.action = "map"
            service.dedup = hashlib.sha256(message.key.encode()).hexdigest()
        said = _notify(service, message)
        if said is not None:
            raise Unavailable(
                f"{message.target} did not take the message: {_without(address, said)}",
                code="not_sent",
                hint="it is tried again; od bundle status shows what waits",
            )

    def _problem(self, target: str) -> str | None:
        if self._broken is not None:
            return self._broken
        if target not in self._addresses:
            return "OPENDATA_ALERTS has no address for it"
        if _service(self._addresses[target]) is None:
            return "its address in OPENDATA_ALERTS is none that apprise reads"
        return None


def _apprise() -> Any:
    log = logging.getLogger("apprise")
    log.propagate = False
    log.setLevel(logging.WARNING)  # its debug lines hold whole addresses
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else the last resort prints it
    import apprise

    return apprise


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep the path of a webhook, which is its secret, out of the log of web requests."""
    log = logging.getLogger("urllib3.connectionpool")

    def is_worth_telling(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    log.addFilter(is_worth_telling)
    try:
        yield
    finally:
        log.removeFilter(is_worth_telling)


def _service(address: str) -> Any:
    """What apprise makes of an address; None if it makes nothing."""
    return _apprise().Apprise.instantiate(address, suppress_exceptions=True)


def _is_pagerduty(service: Any) -> bool:
    from apprise.plugins.pagerduty import NotifyPagerDuty

    return isinstance(service, NotifyPagerDuty)


def _notify(service: Any, message: Message) -> str | None:
    """Send; None if it was taken, else what was said of why not."""
    apprise = _apprise()
    kinds = apprise.NotifyType
    kind = {"critical": kinds.FAILURE, "warning": kinds.WARNING}.get(message.severity, kinds.INFO)
    said: list[str] = []
    sender = apprise.Apprise()
    sender.add(service)
    with _hushed():
        taken = sender.notify(
            title=message.title,
            body=message.body,
            notify_type=kinds.SUCCESS if message.kind == "recovered" else kind,
            body_format=apprise.NotifyFormat.TEXT,
            timeout=SEND_SECONDS,
            log_callback=lambda entry, _: said.append(str(entry.message)),
            log_level=logging.WARNING,
        )
    return None if taken else "; ".join(said) or "it gave no reason"


def _without(address: str, text: str) -> str:
    """Text without any piece of an address that could be a secret."""
    for piece in sorted(_pieces(address), key=len, reverse=True):
        text = text.replace(piece, _HIDDEN)
    return text


def _pieces(address: str) -> Iterator[str]:
    rest = address.partition("://")[2]
    for match in _SECRET_PIECE.finditer(rest):
        for piece in (match[0], unquote(match[0])):
            if len(piece) > 3:
                yield piece
