"""Who may ask: bearer tokens, or on this machine alone where there are none (requirement S0-37)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dataplatform.api.failures import without_token
from dataplatform.api.token_file import Tokens
from dataplatform.api.tokens import EVERYTHING, Grant
from dataplatform.ports import Clock
from opendata.wire.errors import Denied

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SCHEME: Final = "bearer "


@dataclass(frozen=True)
class Access:
    """How a request's right is found out.

    Without `tokens` everybody who reaches the service may read, so it listens on loopback only and
    answers only to the names in `hosts`: a page in a browser on this machine that was led here
    under a name of its own (DNS rebinding) is refused. With tokens, `hosts` is None.
    """

    tokens: Tokens | None
    now: Clock
    hosts: frozenset[str] | None = LOOPBACK_NAMES

    def grant_of(self, headers: Mapping[bytes, bytes]) -> Grant:
        """What the sender of these headers may read.

        Raises:
            Denied: without a token that is good, or for a name that is not this service's.
            Unavailable: if the tokens cannot be read now.
        """
        if self.tokens is None:
            self._check_host(headers.get(b"host", b"").decode("latin-1"))
            return EVERYTHING
        sent = headers.get(b"authorization", b"").decode("latin-1")
        if not sent:
            raise without_token(
                "a token is needed: send Authorization: Bearer TOKEN",
                hint="od serve token add NAME makes one; clients read OPENDATA_API_KEY",
            )
        if sent[: len(_SCHEME)].lower() != _SCHEME:
            raise without_token("the Authorization header has to be Bearer TOKEN")
        grant = self.tokens.grant_of(sent[len(_SCHEME) :].strip(), self.now())
        if grant is None:
            raise without_token(
                "the token is none of this service's, or it has ended",
                hint="od serve token list shows those that there are",
            )
        return grant

    def _check_host(self, host: str) -> None:
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self.hosts is not None and name.lower() not in self.hosts:
            raise Denied(
                f"this service answers to {', '.join(sorted(self.hosts))}, not to {host[:80]!r}",
                code="wrong_host",
                hint="with tokens it answers to every name: od serve token add NAME",
            )


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
