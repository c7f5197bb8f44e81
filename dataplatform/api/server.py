"""The web server that a service runs in: listening, stopping, and the processes of `--workers`.

The words on the terminal are `dataplatform.cli.serve`'s.
"""

from __future__ import annotations

import logging
import signal
import socket
from typing import Final

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from dataplatform.api.access import is_loopback
from opendata.stores.disk import explain_os_error
from opendata.wire.errors import Denied, InvalidInput, Unavailable

STOP_SECONDS: Final = 20
"""How long answers under way may go on after a stop; streams are cut then."""
IDLE_SECONDS: Final = 75
"""Longer than proxies keep a connection, so that it is the proxy that ends one."""
BACKLOG: Final = 2048
STALLED_SECONDS: Final = 600
"""After so long a reader that takes nothing is let go of."""
APP: Final = "dataplatform.api.service:app_of_environment"


def listen(host: str, port: int, *, has_tokens: bool) -> socket.socket:
    """A socket that listens there; port 0 is any that is free.

    Raises:
        Denied: for an address that others reach, where there are no tokens.
        InvalidInput: for what is no address of this machine.
        Unavailable: if the port is taken.
    """
    if not has_tokens and not is_loopback(host):
        raise Denied(
            f"without tokens everybody who reaches {host} could read everything",
            code="no_tokens",
            hint="od serve token add NAME makes one; or listen on 127.0.0.1",
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise InvalidInput(f"{host!r} is no address to listen on: {error}") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # connections take it over; Linux alone has it
            timeout = STALLED_SECONDS * 1000
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if isinstance(error, PermissionError):
            raise explain_os_error(error, f"port {port}") from error
        raise Unavailable(
            f"{host} port {port} cannot be listened on: {error.strerror}",
            code="port_taken",
            hint="od serve --port 0 takes any that is free",
        ) from error
    listening.set_inheritable(True)
    return listening


def serve(app: Starlette | None, listening: socket.socket, *, workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT, then let answers under way end.

    Args:
        app: What one process serves; several make their own, from the environment.
        workers: How many processes.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    config = uvicorn.Config(
        APP if app is None else app,
        factory=app is None,
        workers=workers,
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    # The server gives a signal on once it has stopped; that it stopped is all there is to it.
    signal.signal(signal.SIGTERM, _ignore)
    signal.signal(signal.SIGINT, _ignore)
    if app is None:
        Multiprocess(config, sockets=[listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])


def _ignore(number: int, frame: object) -> None:
    del number, frame
