"""Free loopback ports, handed out several at a time so that they differ from one another.

They lie below those that the kernel gives to connections, so that none is taken by a connection of
another test between the moment it is chosen and the moment a server listens on it.
"""

from __future__ import annotations

import contextlib
import random
import socket

FIRST, LAST = 10_000, 32_000
"""The kernel's own begin at 32,768, or higher."""


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; all are held at once while they are chosen."""
    dice = random.SystemRandom()  # not the seed that tests share, or two processes would agree
    with contextlib.ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            port = dice.randint(FIRST, LAST)
            with contextlib.suppress(OSError):  # taken: another one, then
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
                found.append(port)
        return found
