"""Which addresses a fetch may reach: the web, yes; the machine's own neighbourhood, hardly.

A source is a stranger, and a redirect is a stranger's wish. So the address that is connected to is
checked, not the name (which may resolve to something else a second later): never link-local or
metadata services, and inside addresses (loopback, private networks) only where main.py itself or
the mirror's setting named one. Here belong address rules alone; following redirects does not.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from dataplatform.errors import FailureClass, ProducerFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Services that hand a machine's credentials to whoever asks from the machine; the link-local ones
# are refused with their whole network.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)


def is_forbidden(address: Address) -> bool:
    """Whether no fetch may ever connect there."""
    return (
        address in _METADATA
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
    )


def is_inside(address: Address) -> bool:
    """Whether an address is of this machine or its private network."""
    return address.is_loopback or address.is_private


def address_of(text: str) -> Address | None:
    """The IP address that a host or peer name spells, IPv4 in its IPv6 dress included."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def check_address(host: str, peer: str, *, inside_allowed: bool) -> None:
    """Refuse a peer that a fetch of `host` may not reach.

    Raises:
        ProducerFailed: class permission.
    """
    address = address_of(peer)
    if address is None:
        return
    if is_forbidden(address) or (is_inside(address) and not inside_allowed):
        raise ProducerFailed(
            f"{host} leads to {address}, an address that a source may not lead to",
            failure_class=FailureClass.PERMISSION,
            hint="fetch from the source's public address",
        )


def resolves_inside(url: str) -> bool:
    """Whether a URL that main.py wrote itself names an inside address.

    The guess of one look-up decides only whether redirects may stay inside; what is connected to
    is checked again.
    """
    host = urlsplit(url).hostname or ""
    literal = address_of(host)
    if literal is not None:
        return is_inside(literal)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False  # the connection itself will fail, and say so better
    addresses = (address_of(str(entry[4][0])) for entry in found)
    return any(address is not None and is_inside(address) for address in addresses)


def guarded_pools(*, inside_allowed: bool, **options: Any) -> PoolManager:
    """urllib3 pools whose connections check their peer before a byte is sent."""

    class GuardedHTTPConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _checked(super()._new_conn(), self.host, inside_allowed)

    class GuardedHTTPSConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _checked(super()._new_conn(), self.host, inside_allowed)

    class GuardedHTTPPool(HTTPConnectionPool):
        ConnectionCls = GuardedHTTPConnection

    class GuardedHTTPSPool(HTTPSConnectionPool):
        ConnectionCls = GuardedHTTPSConnection

    pools = PoolManager(**options)
    pools.pool_classes_by_scheme = {"http": GuardedHTTPPool, "https": GuardedHTTPSPool}
    return pools


def _checked(connection: socket.socket, host: str, inside_allowed: bool) -> socket.socket:
    try:
        check_address(host, str(connection.getpeername()[0]), inside_allowed=inside_allowed)
    except BaseException:
        connection.close()
        raise
    return connection
